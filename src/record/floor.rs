//! The row of one trial of the noise floor, which belongs to no case.

use serde::{Deserialize, Serialize};

use super::precision::Headline;
use super::table::sentence;
use super::trial::told;
use super::{Code, Coded, Figure, SCHEMA_VERSION, TrialFacts, Verdict};
use crate::measure::{Ledger, Metric};

/// One row of `floor.csv`: the same load against the null target. Columns have the fields' names; FORMAT.md describes each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FloorRecord {
    /// Version of the file's meaning.
    pub schema_version: u32,
    /// The metric of the floor: freshness, or the response of `request`.
    pub metric: Metric,
    /// Ids of the cases whose floor it is.
    pub cases: Vec<String>,
    /// Trials of the run that went before it.
    pub after_trials: usize,
    /// Length of the measure window in seconds, as planned.
    pub measure_s: f64,
    /// The verdict on the floor's trial.
    pub verdict: Verdict,
    /// Why, a sentence each; none for a valid one.
    #[serde(default)]
    pub verdict_reasons: Vec<String>,
    /// The code of each reason with its figures; none in files written before there were codes.
    #[serde(default)]
    pub verdict_codes: Vec<Code>,
    /// The account of deliveries, or requests; `None` where it ended without one.
    #[serde(flatten)]
    pub ledger: Option<Ledger>,
    /// Independent samples with the same information as those of the window.
    pub n_eff: Option<f64>,
    /// The floor.
    #[serde(flatten)]
    pub quantiles: FloorQuantiles,
}

/// Quantiles of a floor, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "unit and quantile: the names say it all")]
pub struct FloorQuantiles {
    pub floor_ns_p50: Option<Figure>,
    pub floor_ns_p90: Option<Figure>,
    pub floor_ns_p99: Option<Figure>,
}

impl FloorRecord {
    /// The row of a trial against the null target, which applies to `cases`.
    pub fn new(
        facts: &TrialFacts,
        cases: Vec<String>,
        after_trials: usize,
        verdict: Verdict,
        reasons: impl IntoIterator<Item: Into<Coded>>,
    ) -> Self {
        let (verdict_reasons, verdict_codes) = told(reasons);
        let headline = Headline::of(facts);
        Self {
            schema_version: SCHEMA_VERSION,
            metric: facts.case.pattern.kind().traits().headline,
            cases: cases.into_iter().map(|case| sentence(&case)).collect(),
            after_trials,
            measure_s: facts.phases.measure.secs(),
            verdict,
            verdict_reasons,
            verdict_codes,
            // As for any trial: an unfinished one does not count its missing deliveries as lost.
            ledger: facts.failure.is_none().then_some(facts.workers.ledger),
            n_eff: headline.n_eff(),
            quantiles: FloorQuantiles {
                floor_ns_p50: headline.at(0.5),
                floor_ns_p90: headline.at(0.9),
                floor_ns_p99: headline.at(0.99),
            },
        }
    }

    /// The floor of a quantile, `"p50"` or `"p99"`, in nanoseconds; `None` if unknown.
    pub fn at(&self, quantile: &str) -> Option<f64> {
        let figure = match quantile {
            "p50" => self.quantiles.floor_ns_p50,
            "p90" => self.quantiles.floor_ns_p90,
            "p99" => self.quantiles.floor_ns_p99,
            _ => None,
        };
        match figure.filter(|_| self.verdict.usable()) {
            Some(Figure::Value(ns)) if ns > 0.0 => Some(ns),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::record::synthetic::{case, facts, info, losing, scenario, write_run};
    use crate::record::{FLOOR_COLUMNS, Run, RunFolder, table};
    use crate::scenario::PatternKind::{Request, Sse, WebSocket};

    fn record(facts: &TrialFacts, verdict: Verdict) -> FloorRecord {
        let cases = vec!["sse".to_owned(), "webhook".to_owned()];
        FloorRecord::new(facts, cases, 3, verdict, ["a | b", "c"])
    }

    #[test]
    fn every_column_is_a_field_and_every_field_a_column() {
        let fields = table::fields(&record(&facts(&case(WebSocket, 20, ""), 1), Verdict::Valid));
        let columns = FLOOR_COLUMNS.iter().map(|column| column.name);
        let columns: BTreeSet<_> = columns.filter(|name| *name != crate::record::BOUNDS).collect();
        assert_eq!(fields.keys().map(String::as_str).collect::<BTreeSet<_>>(), columns);
    }

    #[test]
    fn floors_are_read_back_as_they_were_written_and_are_no_trials() {
        let out = tempfile::tempdir().unwrap();
        let info = info(scenario(vec![case(Sse, 20, "")], 1, &[]));
        let mut folder =
            RunFolder::create(out.path(), "s", time::OffsetDateTime::UNIX_EPOCH, "h").unwrap();
        folder.write_info(&info).unwrap();
        assert!(!folder.path().join("floor.csv").exists(), "no floor, no file");
        let mut died = facts(&case(WebSocket, 20, ""), 1);
        died.failure = Some("died".to_owned());
        (died.workers, died.intervals) = Default::default();
        let written = [
            record(&facts(&case(WebSocket, 20, ""), 1), Verdict::Valid),
            record(&losing(&case(WebSocket, 20, ""), 1, 50), Verdict::Invalid),
            record(&facts(&case(Request, 20, ""), 1), Verdict::Degraded),
            record(&died, Verdict::Failed),
        ];
        for floor in &written {
            folder.append_floor(floor).unwrap();
        }
        let run = Run::read(folder.path()).unwrap();
        assert_eq!(run.floors, written);
        assert!(run.trials.is_empty());
        assert_eq!(written[0].verdict_reasons, ["a / b", "c"]);
        assert_eq!((written[0].metric, written[2].metric), (Metric::Freshness, Metric::Response));
        assert_eq!((written[3].ledger, written[3].quantiles.floor_ns_p50), (None, None));
    }

    #[test]
    fn a_run_without_floors_is_read() {
        let out = tempfile::tempdir().unwrap();
        let folder =
            write_run(out.path(), &info(scenario(vec![case(Sse, 20, "")], 1, &[])), |_| ());
        let run = Run::read(&folder).unwrap();
        assert!(run.floors.is_empty() && run.warnings.is_empty(), "{:?}", run.warnings);
    }

    #[test]
    fn a_floor_needs_a_usable_trial_and_a_known_quantile() {
        let sound = facts(&case(WebSocket, 20, ""), 1);
        assert!(record(&sound, Verdict::Degraded).at("p50").is_some_and(|ns| ns > 0.0));
        assert_eq!(record(&sound, Verdict::Invalid).at("p50"), None);
        let losing = record(&losing(&case(WebSocket, 20, ""), 1, 40), Verdict::Valid);
        assert!(losing.at("p50").is_some());
        assert_eq!(losing.at("p99"), None, "a bound is no floor");
    }
}
