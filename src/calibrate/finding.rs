//! The findings of an experiment: quantities compared with theory, and points for its plot.

use serde::Serialize;

use crate::report::Plot;
use crate::unit::significant;

/// One quantity as theory predicts it and as it was measured; texts with their units, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quantity {
    /// Name of the quantity.
    pub name: String,
    /// The prediction.
    pub expected: String,
    /// The measurement.
    pub measured: String,
    /// The largest accepted difference.
    pub tolerance: String,
    /// Whether the difference is within the tolerance.
    pub holds: bool,
    /// Whether a machine in the way can be the reason why it does not hold: noise delays, but it loses no account, and makes
    /// nothing faster.
    pub excusable: bool,
}

impl Quantity {
    /// The same, but a miss has no excuse if `so`.
    #[must_use]
    pub fn inexcusable_if(self, so: bool) -> Self {
        Self { excusable: self.excusable && !so, ..self }
    }

    /// Returns a quantity that must be within `tolerance` of `expected`, with all three printed by `print`.
    pub fn near(
        name: impl Into<String>,
        expected: f64,
        measured: Option<f64>,
        tolerance: f64,
        print: impl Fn(f64) -> String,
    ) -> Self {
        Self {
            name: name.into(),
            expected: print(expected),
            measured: measured.map_or_else(unmeasured, &print),
            tolerance: format!("±{}", print(tolerance)),
            holds: measured.is_some_and(|measured| (measured - expected).abs() <= tolerance),
            excusable: true,
        }
    }

    /// The same with a tolerance relative to `expected`, printed in per cent.
    pub fn within(
        name: impl Into<String>,
        expected: f64,
        measured: Option<f64>,
        share: f64,
        print: impl Fn(f64) -> String,
    ) -> Self {
        let tolerance = format!("±{} %", significant(share * 100.0));
        Self { tolerance, ..Self::near(name, expected, measured, expected.abs() * share, print) }
    }

    /// A number that must not exceed `limit`.
    pub fn at_most(
        name: impl Into<String>,
        limit: f64,
        measured: Option<f64>,
        print: impl Fn(f64) -> String,
    ) -> Self {
        Self {
            name: name.into(),
            expected: format!("≤ {}", print(limit)),
            measured: measured.map_or_else(unmeasured, &print),
            tolerance: "none".to_owned(),
            holds: measured.is_some_and(|measured| measured <= limit),
            excusable: true,
        }
    }

    /// A number that must not be below `limit`.
    pub fn at_least(
        name: impl Into<String>,
        limit: f64,
        measured: Option<f64>,
        print: impl Fn(f64) -> String,
    ) -> Self {
        Self {
            name: name.into(),
            expected: format!("≥ {}", print(limit)),
            measured: measured.map_or_else(unmeasured, &print),
            tolerance: "none".to_owned(),
            holds: measured.is_some_and(|measured| measured >= limit),
            excusable: true,
        }
    }

    /// A count that must be exactly so.
    pub fn exactly(name: impl Into<String>, expected: u64, measured: u64) -> Self {
        Self {
            name: name.into(),
            expected: expected.to_string(),
            measured: measured.to_string(),
            tolerance: "exact".to_owned(),
            holds: expected == measured,
            excusable: false,
        }
    }

    /// Something that must be so.
    pub fn must(
        name: impl Into<String>,
        expected: impl Into<String>,
        measured: impl Into<String>,
        holds: bool,
    ) -> Self {
        Self {
            name: name.into(),
            expected: expected.into(),
            measured: measured.into(),
            tolerance: "must".to_owned(),
            holds,
            excusable: false,
        }
    }
}

fn unmeasured() -> String {
    "nothing".to_owned()
}

/// The findings of one attempt at an experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Finding {
    /// Every compared quantity; the experiment passes if all of them hold.
    pub quantities: Vec<Quantity>,
    /// Measured against expected values, for a plot.
    pub plot: Option<Plot>,
    /// Why a machine that seemed quiet leaves it undecided, where it does.
    pub undecided: Option<String>,
}

impl Finding {
    /// A finding without a plot.
    pub const fn of(quantities: Vec<Quantity>) -> Self {
        Self { quantities, plot: None, undecided: None }
    }

    /// Whether something does not hold that no noise can excuse.
    pub fn inexcusable(&self) -> bool {
        self.quantities.iter().any(|quantity| !quantity.holds && !quantity.excusable)
    }

    /// Whether every quantity matches theory; without any quantity it does not hold.
    pub fn holds(&self) -> bool {
        !self.quantities.is_empty() && self.quantities.iter().all(|quantity| quantity.holds)
    }
}

/// Prints a number with three significant digits.
pub(super) fn plain(value: f64) -> String {
    significant(value)
}

/// A share in per cent.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}

/// Prints nanoseconds with four significant digits, because tolerances of a per cent must be visible.
pub(super) fn time(ns: f64) -> String {
    let (value, unit) = match ns.abs() {
        size if size < 1e3 => (ns, "ns"),
        size if size < 1e6 => (ns / 1e3, "µs"),
        size if size < 1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    let whole = value.abs().max(1.0).log10().floor() as usize;
    let text = format!("{value:.*}", 3_usize.saturating_sub(whole));
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text.as_str()
    };
    format!("{text} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_holds_up_to_its_tolerance_and_never_unmeasured() {
        for (measured, holds, why) in [
            (Some(10.0), true, "as expected"),
            (Some(10.5), true, "at the tolerance"),
            (Some(9.4), false, "beyond it, below"),
            (None, false, "not measured"),
        ] {
            assert_eq!(Quantity::near("x", 10.0, measured, 0.5, plain).holds, holds, "{why}");
            assert_eq!(Quantity::within("x", 10.0, measured, 0.05, plain).holds, holds, "{why}");
        }
        assert!(Quantity::at_most("x", 1.0, Some(1.0), plain).holds);
        assert!(!Quantity::at_most("x", 1.0, Some(1.1), plain).holds);
        assert!(!Quantity::at_least("x", 1.0, None, plain).holds);
        assert!(Quantity::exactly("x", 3, 3).holds && !Quantity::exactly("x", 3, 2).holds);
    }

    #[test]
    fn an_experiment_without_quantities_does_not_pass() {
        assert!(!Finding::default().holds());
        let good = Quantity::exactly("x", 1, 1);
        let bad = Quantity::exactly("x", 1, 2);
        assert!(Finding::of(vec![good.clone()]).holds());
        assert!(!Finding::of(vec![good, bad]).holds());
    }

    #[test]
    fn times_keep_four_digits() {
        for (ns, text) in [
            (0.0, "0 ns"),
            (408_400_000.0, "408.4 ms"),
            (2_310_490.0, "2.31 ms"),
            (50_000.0, "50 µs"),
            (-1_234_567.0, "-1.235 ms"),
            (1e9, "1 s"),
            (999.0, "999 ns"),
        ] {
            assert_eq!(time(ns), text);
        }
    }
}
