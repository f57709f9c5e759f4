//! Where a ranking turns over, in a sentence.

use super::View;
use crate::judge::{Axis, Flip, flips};
use crate::unit::significant;

/// Most workloads that get a sentence each.
const FEW: usize = 2;

/// A sentence for the ranking by CPU and for that by bytes, where another case is first at another rate; none for runs of many
/// workloads, which show it themselves.
pub(super) fn sentences(view: &View) -> Vec<String> {
    let flips = flips(&view.findings.cases, &view.run.info.scenario.cases);
    let few = |axis: Axis| flips.iter().filter(|flip| flip.axis == axis).count() <= FEW;
    flips.iter().filter(|flip| few(flip.axis)).map(|flip| sentence(view, flip)).collect()
}

fn sentence(view: &View, flip: &Flip) -> String {
    let what = if flip.axis == Axis::Cpu { "target CPU" } else { "wire bytes" };
    let (here, at) = if let Some(interval) = flip.interval_s {
        let polled = significant(flip.here * interval);
        let here = format!("{polled} event{} per poll", if polled == "1" { "" } else { "s" });
        (here, format!("{} per interval", about(flip.at * interval)))
    } else {
        let (seconds, unit) = period(flip.here);
        let rate = significant(flip.here * seconds);
        let noun = if rate == "1" { "event" } else { "events" };
        let here = format!("{rate} {noun} per {unit} and client");
        (here, format!("{} per {unit}", about(flip.at * seconds)))
    };
    let beyond = if flip.at < flip.here { "below" } else { "above" };
    format!(
        "Where this flips: {here} here; {beyond} about {at}, {} takes more {what} than {}.",
        view.name(&flip.less_here),
        view.name(&flip.less_beyond)
    )
}

/// The shortest unit of time that sees an event of a client, in seconds, and its name.
fn period(per_s: f64) -> (f64, &'static str) {
    let units = [(1.0, "second"), (60.0, "minute"), (3_600.0, "hour")];
    units.into_iter().find(|(seconds, _)| per_s * seconds > 0.99).unwrap_or((86_400.0, "day"))
}

/// Two digits: more would be a pretence.
fn about(value: f64) -> String {
    let unit = 10f64.powf(value.log10().floor() - 1.0);
    significant((value / unit).round() * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_events_are_counted_by_longer_units() {
        for (per_s, unit) in
            [(4.0, "second"), (1.0 / 60.0, "minute"), (0.001, "hour"), (1e-5, "day")]
        {
            assert_eq!(period(per_s).1, unit);
        }
    }

    #[test]
    fn a_rate_is_told_to_two_digits() {
        for (value, text) in [(0.8734, "0.87"), (0.9, "0.9"), (12.6, "13"), (4_321.0, "4300")] {
            assert_eq!(about(value), text);
        }
    }
}
