//! Flags figures so close to the noise floor that they describe machine and generator as much as the target.

use super::CaseSummary;
use crate::record::{Figure, FloorRecord, Run};

/// A figure below this multiple of its floor is flagged.
///
/// At three times the floor, a third of the figure is what the same load takes without a real target: a difference of 10 %
/// between targets then shows as 7 %, and below that a ratio of figures is not a ratio of targets.
pub const FLOOR_TIMES: f64 = 3.0;

/// Quantiles of a case's headline metric ÷ the same quantiles of its noise floor; `None` where either is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FloorRatio {
    /// Of the medians.
    pub p50: Option<f64>,
    /// Of the 99th percentiles.
    pub p99: Option<f64>,
}

/// Returns the floor that was measured for a case.
pub(crate) fn floor_of<'a>(run: &'a Run, case: &CaseSummary) -> Option<&'a FloorRecord> {
    let metric = case.pattern.traits().headline;
    run.floors.iter().find(|floor| floor.metric == metric && floor.cases.contains(&case.case))
}

impl FloorRatio {
    /// The ratios of a case of `run`.
    pub(super) fn of(run: &Run, case: &CaseSummary) -> Self {
        let floor = floor_of(run, case);
        let ratio = |quantile: &str| {
            let figure = case.figure(case.headline(quantile))?;
            // What never arrived is as far from any floor as can be.
            let Figure::Value(ns) = figure.value else { return None };
            Some(ns / floor?.at(quantile)?)
        };
        Self { p50: ratio("p50"), p99: ratio("p99") }
    }

    /// The ratio of a quantile, `"p50"` or `"p99"`.
    pub fn at(&self, quantile: &str) -> Option<f64> {
        match quantile {
            "p50" => self.p50,
            "p99" => self.p99,
            _ => None,
        }
    }

    /// Whether a quantile is below [`FLOOR_TIMES`] its floor.
    pub fn flags(&self, quantile: &str) -> bool {
        self.at(quantile).is_some_and(|ratio| ratio < FLOOR_TIMES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::summary;
    use crate::record::Verdict;
    use crate::record::synthetic::{case, facts, info, losing, scenario, write_run};
    use crate::scenario::PatternKind::{Request, Sse, WebSocket};

    /// A run of `sse` and `request`, with a floor of either at these times their median.
    fn run(times: f64, verdict: Verdict) -> Run {
        let out = tempfile::tempdir().unwrap();
        let cases = vec![case(Sse, 60, ""), case(Request, 60, "")];
        let folder = write_run(out.path(), &info(scenario(cases, 2, &[])), |_| ());
        let mut run = Run::read(&folder).unwrap();
        let summaries = summary(&run);
        for (of, kind) in summaries.iter().zip([WebSocket, Request]) {
            let facts = facts(&case(kind, 60, ""), 1);
            let cases = vec![of.case.clone()];
            let mut floor = FloorRecord::new(&facts, cases, 0, verdict, [""; 0]);
            let own = |q: &str| of.figure(of.headline(q)).unwrap().value.number();
            floor.quantiles.floor_ns_p50 = Some(Figure::Value(own("p50") / times));
            floor.quantiles.floor_ns_p99 = Some(Figure::Value(own("p99") / times));
            run.floors.push(floor);
        }
        run
    }

    #[test]
    fn a_quantile_below_three_times_its_floor_is_flagged() {
        for (times, verdict, flagged, why) in [
            (1.1, Verdict::Valid, true, "next to the floor"),
            (2.99, Verdict::Valid, true, "just under three times"),
            (3.01, Verdict::Valid, false, "just above"),
            (1.1, Verdict::Degraded, true, "a strained floor is one"),
            (1.1, Verdict::Invalid, false, "a spoilt one flags nothing"),
            (1.1, Verdict::Failed, false, "nor does none"),
        ] {
            for case in summary(&run(times, verdict)) {
                assert_eq!(
                    (case.floor.flags("p50"), case.floor.flags("p99")),
                    (flagged, flagged),
                    "{why}"
                );
                let ratio = case.floor.p50.map(|ratio| (ratio * 100.0).round() / 100.0);
                assert_eq!(ratio, verdict.usable().then_some(times), "{why}");
            }
        }
    }

    #[test]
    fn floors_are_of_their_own_cases_and_metric() {
        let mut run = run(2.0, Verdict::Valid);
        run.floors[0].cases = vec!["request".to_owned()];
        let cases = summary(&run);
        assert_eq!(cases[0].floor, FloorRatio::default(), "sse has none");
        assert!(cases[1].floor.flags("p50"), "the responses', not the deliveries'");
    }

    #[test]
    fn a_lost_quantile_is_not_near_any_floor() {
        let out = tempfile::tempdir().unwrap();
        let sse = case(Sse, 60, "");
        let folder = write_run(out.path(), &info(scenario(vec![sse.clone()], 1, &[])), |facts| {
            *facts = losing(&sse, 1, 600);
            facts.target.counters.add(crate::measure::Counter::Published, 10);
        });
        let mut run = Run::read(&folder).unwrap();
        let floor = facts(&case(WebSocket, 60, ""), 1);
        let floor = FloorRecord::new(&floor, vec![sse.id], 0, Verdict::Valid, [""; 0]);
        run.floors.push(floor);
        let case = &summary(&run)[0];
        assert!(case.floor.p50.is_some());
        assert_eq!((case.floor.p99, case.floor.flags("p99")), (None, false));
    }
}
