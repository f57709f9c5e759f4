//! A figure as files hold it: a number, or the bound that a censored quantile leaves.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::measure::Quantile;

/// A measured number, or only its lower bound.
///
/// Written `12.5`, or `>12.5` if the quantile falls among lost samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// The number.
    Value(f64),
    /// More than this.
    MoreThan(f64),
}

impl Figure {
    /// The number, or its bound.
    pub const fn number(self) -> f64 {
        match self {
            Self::Value(number) | Self::MoreThan(number) => number,
        }
    }

    /// Orders as the true numbers would be: lost deliveries rank above all that arrived.
    pub fn order(&self, other: &Self) -> Ordering {
        let key = |figure: &Self| (matches!(figure, Self::MoreThan(_)), figure.number());
        let ((a, x), (b, y)) = (key(self), key(other));
        a.cmp(&b).then(x.total_cmp(&y))
    }

    /// Reads `12.5` or `>12.5`.
    pub fn parse(text: &str) -> Option<Self> {
        let (bound, number) = match text.strip_prefix('>') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let number: f64 = number.trim().parse().ok().filter(|n: &f64| n.is_finite())?;
        Some(if bound { Self::MoreThan(number) } else { Self::Value(number) })
    }

    /// The figure in a cell; `None` where the cell is empty or holds no number.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_f64().map(Self::Value),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }

    /// The figure as printed by `print`, with its `>` where it is a bound.
    pub fn print(self, print: impl Fn(f64) -> String) -> String {
        match self {
            Self::Value(number) => print(number),
            Self::MoreThan(number) => format!(">{}", print(number)),
        }
    }
}

impl From<Quantile> for Figure {
    fn from(quantile: Quantile) -> Self {
        match quantile {
            Quantile::Value(ns) => Self::Value(ns as f64),
            Quantile::MoreThan(ns) => Self::MoreThan(ns as f64),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(|number| number.to_string()))
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            // Whole nanoseconds have no fraction in the file.
            Self::Value(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                serializer.serialize_i64(number as i64)
            }
            Self::Value(number) => serializer.serialize_f64(number),
            Self::MoreThan(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::of(&value).ok_or_else(|| de::Error::custom(format!("{value} is no figure")))
    }
}

impl JsonSchema for Figure {
    fn schema_name() -> Cow<'static, str> {
        "Figure".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "pattern": "^>[0-9]+([.][0-9]+)?$",
            "description": "A number; or \">X\" for a quantile that falls among deliveries that never arrived: more than X, the largest \
                            measured value.",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_are_written_and_read() {
        for (figure, text) in [
            (Figure::Value(12.5), "12.5"),
            (Figure::Value(3.0), "3"),
            (Figure::MoreThan(40.0), ">40"),
        ] {
            assert_eq!(figure.to_string(), text);
            assert_eq!(Figure::parse(text), Some(figure));
            let json = serde_json::to_string(&figure).unwrap();
            assert_eq!(serde_json::from_str::<Figure>(&json).unwrap(), figure);
        }
        assert_eq!(Figure::parse("NaN"), None);
        assert_eq!(Figure::parse(""), None);
    }

    proptest! {
        #[test]
        fn any_number_comes_back_and_any_text_is_a_number_or_none(
            number in -1e300..1e300f64, bound: bool, text in "[>]?[ -~é]{0,12}",
        ) {
            let figure = if bound { Figure::MoreThan(number) } else { Figure::Value(number) };
            prop_assert_eq!(Figure::parse(&figure.to_string()), Some(figure));
            prop_assert!(Figure::parse(&text).is_none_or(|figure| figure.number().is_finite()));
        }
    }

    #[test]
    fn lost_deliveries_rank_above_all_that_arrived() {
        let mut figures = [Figure::MoreThan(1.0), Figure::Value(9.0), Figure::Value(2.0)];
        figures.sort_by(Figure::order);
        assert_eq!(figures, [Figure::Value(2.0), Figure::Value(9.0), Figure::MoreThan(1.0)]);
    }
}
