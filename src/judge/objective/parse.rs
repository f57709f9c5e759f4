//! Reading an objective: `[selector:] quantity operator limit`.

use super::quantity::{Dimension, Quantity};
use super::{Limit, Objective, ObjectiveError};

/// How a quantity is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    LessOrEqual,
    GreaterOrEqual,
    Equal,
    Less,
    Greater,
}

impl Operator {
    /// The longer ones first: `<` is the beginning of `<=`.
    const ALL: [(&'static str, Self); 5] = [
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("==", Self::Equal),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    pub(super) fn holds(self, measured: f64, value: f64) -> bool {
        match self {
            Self::LessOrEqual => measured <= value,
            Self::GreaterOrEqual => measured >= value,
            Self::Equal => measured.total_cmp(&value).is_eq(),
            Self::Less => measured < value,
            Self::Greater => measured > value,
        }
    }

    /// Whether it asks for little.
    pub(super) const fn bounds_above(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual)
    }
}

/// What stands before and after the first operator that is not in parentheses.
pub(super) fn split_at_operator(text: &str) -> Option<(&str, Operator, &str)> {
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ => {
                let rest = &text[at..];
                let found = Operator::ALL.into_iter().find(|(symbol, _)| rest.starts_with(symbol));
                if let Some((symbol, operator)) = found {
                    return Some((text[..at].trim(), operator, rest[symbol.len()..].trim()));
                }
            }
        }
    }
    None
}

/// A selector, where there is one, and what it selects; colons in parentheses select nothing.
pub(super) fn selected(text: &str) -> (Option<&str>, &str) {
    let end = text.find('(').unwrap_or(text.len());
    match text[..end].rsplit_once(':') {
        Some((selector, _)) => (Some(selector.trim()), text[selector.len() + 1..].trim()),
        None => (None, text.trim()),
    }
}

/// Reads an objective as a scenario has it.
pub(super) fn objective(text: &str) -> Result<Objective, ObjectiveError> {
    let form = || ObjectiveError::Form(text.to_owned());
    let (left, operator, right) = split_at_operator(text).ok_or_else(form)?;
    let (selector, name) = selected(left);
    if name.is_empty() || right.is_empty() || selector == Some("") {
        return Err(form());
    }
    let metric = |problem| ObjectiveError::Metric { text: text.to_owned(), problem };
    let value = |problem| ObjectiveError::Value { text: text.to_owned(), problem };
    let quantity = Quantity::parse(name).map_err(metric)?;
    let limit = match relation(right) {
        None => Limit::Value(quantity.dimension().value(right).map_err(value)?),
        Some((factor, of)) => {
            let (other, name) = selected(of);
            match Quantity::parse(name) {
                // A word that is neither a quantity nor meant as one.
                Err(_) if of == right && other.is_none() && !name.contains('(') => {
                    Limit::Value(quantity.dimension().value(right).map_err(value)?)
                }
                Err(problem) => return Err(metric(problem)),
                Ok(of) => {
                    if !alike(quantity.dimension(), of.dimension()) {
                        return Err(value(format!("{left} and {right} have different units")));
                    }
                    Limit::Of { factor, selector: other.map(str::to_owned), quantity: of }
                }
            }
        }
    };
    let selector = selector.map(str::to_owned);
    Ok(Objective { text: text.to_owned(), selector, quantity, operator, limit })
}

fn alike(a: Dimension, b: Dimension) -> bool {
    match (a, b) {
        (Dimension::Column(_, a), Dimension::Column(_, b)) => a == b,
        (a, b) => a == b,
    }
}

/// The factor and the other quantity of a limit that is not a number: `0.5 * sse: freshness_p99`.
fn relation(right: &str) -> Option<(f64, &str)> {
    let factor = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
    let named = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
    match right.split_once('*') {
        Some((a, b)) => match (factor(a), factor(b)) {
            (Some(times), None) if named(b.trim()) => Some((times, b.trim())),
            (None, Some(times)) if named(a.trim()) => Some((times, a.trim())),
            _ => None,
        },
        None => named(right).then_some((1.0, right)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_in_parentheses_divide_nothing() {
        for (text, expected) in [
            ("a < 1", Some(("a", Operator::Less, "1"))),
            ("a<=1", Some(("a", Operator::LessOrEqual, "1"))),
            ("share(a > 1s) < 2%", Some(("share(a > 1s)", Operator::Less, "2%"))),
            ("share(a > 1s)", None),
            ("a", None),
        ] {
            assert_eq!(split_at_operator(text), expected, "{text}");
        }
    }

    #[test]
    fn a_limit_is_a_number_or_another_quantity() {
        for (text, expected) in [
            ("50ms", None),
            ("sse: freshness_p99", Some((1.0, "sse: freshness_p99"))),
            ("0.5 * sse: freshness_p99", Some((0.5, "sse: freshness_p99"))),
            ("freshness_p50 * 3", Some((3.0, "freshness_p50"))),
            ("-1 * freshness_p50", None),
            ("2 * 3", None),
        ] {
            assert_eq!(relation(text), expected, "{text}");
        }
        assert_eq!(
            selected("sse:clients=5: freshness_p99"),
            (Some("sse:clients=5"), "freshness_p99")
        );
        assert_eq!(selected("share(freshness > 1s)"), (None, "share(freshness > 1s)"));
        assert_eq!(selected("sse: share(freshness > 1s)"), (Some("sse"), "share(freshness > 1s)"));
    }
}
