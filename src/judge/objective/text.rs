//! How what was judged is printed.

use crate::stats::{CONFIDENCE, ShareBounds};
use crate::unit::significant;
pub(super) use crate::unit::thousands;

/// A share in percent: `"0.03 %"`.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if (99.0..100.0).contains(&value) {
        let digits = format!("{value:.5}");
        return format!("{} %", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    format!("{} %", significant(value))
}

/// A bound in percent, rounded away from what it bounds to two digits, or to as many as keep it on its side of `limit`.
fn bound(share: f64, limit: f64, up: bool) -> String {
    let value = share * 100.0;
    if value <= 0.0 || value >= 100.0 {
        return percent(share);
    }
    // Near to the whole, what is missing has the digits that matter.
    let size = value.min(100.0 - value).log10().floor() as i32;
    for digits in 1..6 {
        let unit = 10_f64.powi(size - digits);
        let scaled = value / unit;
        // A value that is a digit itself is not rounded on.
        let rounded = if up { (scaled - 1e-6).ceil() } else { (scaled + 1e-6).floor() } * unit;
        let off = rounded / 100.0 - limit;
        // On the same side, and not on the limit itself.
        let keeps = off * (share - limit) > 0.0 && off.abs() > limit * 1e-9;
        if keeps && rounded > 0.0 && rounded < 100.0 {
            let decimals = (digits - size).max(0) as usize;
            let text = format!("{rounded:.decimals$}");
            let text = if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.')
            } else {
                &text
            };
            return format!("{text} %");
        }
    }
    percent(share)
}

/// `"95 % confidence"`.
pub(super) fn confidence() -> String {
    format!("{} confidence", percent(CONFIDENCE))
}

/// What is known of a share: the bound that decides, or both where neither does.
pub(super) fn share(bounds: &ShareBounds, limit: f64) -> String {
    let (low, high) = (bound(bounds.low, limit, false), bound(bounds.high, limit, true));
    let limit_text = percent(limit);
    if bounds.high < limit {
        format!("share <= {high} with {}, limit {limit_text}", confidence())
    } else if bounds.low > limit {
        format!("share >= {low} with {}, limit {limit_text}", confidence())
    } else {
        format!("share {low} to {high} with {}, limit {limit_text}", confidence())
    }
}

/// How many samples lie so, and what they are worth: `"0 of 10,027 deliveries beyond"`.
pub(super) fn counted(beyond: u64, count: u64, noun: &str, effective: f64) -> String {
    let worth = if effective < 0.9 * count as f64 {
        let samples = if effective < 1.5 { "sample" } else { "samples" };
        format!(" (worth {} independent {samples})", thousands(effective.round().max(1.0) as u64))
    } else {
        String::new()
    };
    format!("{} of {} {noun} beyond{worth}", thousands(beyond), thousands(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_shares_are_printed_for_people() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (10_027, "10,027"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(n), text);
        }
        for (share, text) in [(0.0, "0 %"), (0.01, "1 %"), (0.999_97, "99.997 %"), (1.0, "100 %")] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn a_bound_is_rounded_away_from_its_share_but_never_across_the_limit() {
        for (share, limit, up, text) in [
            (0.000_299, 0.01, true, "0.03 %"),
            (0.005_97, 0.01, true, "0.6 %"),
            (0.023_52, 0.01, true, "2.4 %"),
            (0.009_96, 0.01, true, "0.996 %"),
            (0.009_999_9, 0.01, true, "0.99999 %"),
            (0.010_04, 0.01, false, "1.004 %"),
            (0.917, 0.01, false, "91.7 %"),
            (0.999_38, 0.01, false, "99.938 %"),
            (0.0, 0.01, false, "0 %"),
            (1.0, 0.01, true, "100 %"),
        ] {
            assert_eq!(bound(share, limit, up), text, "{share}");
        }
    }
}
