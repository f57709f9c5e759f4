//! A run, read back from its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::files::{FLOOR_COLUMNS, TIMELINE_COLUMNS};
use super::metrics::TRIAL_COLUMNS;
use super::table::{read, whole_lines};
use super::{
    FloorRecord, InfoError, IntervalLog, RunInfo, SCHEMA_VERSION, TableError, TimelineRow,
    TrialRecord, histograms,
};
use crate::measure::{Distribution, Metric};

/// Why a results folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// `run.json` is missing, foreign or of a later version.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row is of a later version.
    #[error(
        "{path}: case {case}, trial {trial} has schema_version {found}, and this tidings reads up to {SCHEMA_VERSION}: use a later one"
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// The row's case.
        case: String,
        /// The row's trial.
        trial: u32,
        /// Its version.
        found: u32,
    },
}

/// Everything that a results folder holds.
#[derive(Debug, Clone)]
pub struct Run {
    /// The content of `run.json`.
    pub info: RunInfo,
    /// The trials, in the order of the run.
    pub trials: Vec<TrialRecord>,
    /// The trials by seconds.
    pub timeline: Vec<TimelineRow>,
    /// The noise floors; empty where none was measured.
    pub floors: Vec<FloorRecord>,
    /// Samples of all usable trials, merged by case and metric.
    pub distributions: BTreeMap<(String, Metric), Distribution>,
    /// The same by trial and second, of every trial.
    pub log: IntervalLog,
    /// Truncated or malformed parts, a sentence each.
    pub warnings: Vec<String>,
}

impl Run {
    /// Reads the folder at `dir`.
    ///
    /// A last line that a crash cut short is left out with a warning; everything before it is read.
    pub fn read(dir: &Path) -> Result<Self, ReadError> {
        let info = RunInfo::read(dir)?;
        let mut warnings = Vec::new();
        let mut whole = |name: &str| {
            let (text, warning) = whole_lines(&dir.join(name))?;
            warnings.extend(warning);
            Ok::<_, TableError>(text)
        };
        let (trials, timeline) = (whole("trials.csv")?, whole("timeline.csv")?);
        // The tables alone are worth a report.
        let log = if dir.join("histograms.hlog").exists() {
            IntervalLog::new(whole("histograms.hlog")?)
        } else {
            IntervalLog::default()
        };
        let floors = dir.join("floor.csv");
        // A run without floors, or of a version before them.
        let floors = if floors.exists() {
            read(FLOOR_COLUMNS, &floors, &whole("floor.csv")?)?
        } else {
            Vec::new()
        };
        let path = dir.join("trials.csv");
        let mut trials: Vec<TrialRecord> = read(TRIAL_COLUMNS, &path, &trials)?;
        for trial in &mut trials {
            trial.complete(info.host.cores, &info.scenario.prices);
        }
        if let Some(later) = trials.iter().find(|t| t.identity.schema_version > SCHEMA_VERSION) {
            let identity = later.identity.clone();
            let (case, trial, found) = (identity.case, identity.trial, identity.schema_version);
            return Err(ReadError::Later { path, case, trial, found });
        }
        warnings.extend(missing(&info, &trials));
        let usable: BTreeSet<(&str, u32)> = trials
            .iter()
            .filter(|trial| trial.verdict.usable())
            .map(|trial| (trial.identity.case.as_str(), trial.identity.trial))
            .collect();
        let (distributions, unread) =
            histograms::read(log.text(), |case, trial| usable.contains(&(case, trial)));
        warnings.extend(unread);
        if log.text().is_empty() && !usable.is_empty() {
            warnings.push(
                "histograms.hlog is missing: percentiles, their chart and objectives on them have only the quantiles of trials.csv"
                    .to_owned(),
            );
        }
        let timeline = read(TIMELINE_COLUMNS, &dir.join("timeline.csv"), &timeline)?;
        Ok(Self { info, trials, timeline, floors, distributions, log, warnings })
    }

    /// Ids of the cases in the order of the scenario, then of any that it does not name.
    pub fn cases(&self) -> Vec<&str> {
        let planned = self.info.scenario.cases.iter().map(|case| case.id.as_str());
        let measured = self.trials.iter().map(|trial| trial.identity.case.as_str());
        let mut seen = BTreeSet::new();
        planned.chain(measured).filter(|case| seen.insert(*case)).collect()
    }
}

/// Lists trials that a run marked complete lacks or has twice, and rows that do not add up.
fn missing(info: &RunInfo, trials: &[TrialRecord]) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some((rows, carried_out)) = info.miscounted(trials.len()) {
        warnings.push(format!(
            "trials.csv has {rows} rows, and the run carried out {carried_out} trials: rows were taken out or added"
        ));
    }
    for trial in trials.iter().filter(|trial| trial.ledger.is_some_and(|ledger| !ledger.balances()))
    {
        warnings.push(format!(
            "trials.csv: the account of {} trial {} does not balance: delivered and lost are not what was expected",
            trial.identity.case, trial.identity.trial
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;
    use crate::measure::{Counter, Quantile};
    use crate::record::synthetic::{case, facts, info, judged, losing, scenario, six, write_run};
    use crate::record::table::{cells, fields, header, to_csv};
    use crate::record::{Figure, TrialFacts, TrialRecord, Verdict};
    use crate::scenario::{Case, PatternKind, Prices};

    fn small() -> Vec<Case> {
        let mut cases = six();
        for case in &mut cases {
            case.workload.clients = 20;
        }
        cases
    }

    fn record(facts: &TrialFacts) -> TrialRecord {
        TrialRecord::new(facts, Verdict::Degraded, ["a, \"b\" | c\nd", "second"])
            .priced(&Prices::default())
    }

    #[test]
    fn written_records_are_read_back() {
        let out = tempfile::tempdir().unwrap();
        let info = info(scenario(small(), 2, &[]));
        let folder = write_run(out.path(), &info, |facts| {
            if facts.trial == 2 {
                *facts = losing(&facts.case, 2, 7);
            }
        });
        let run = Run::read(&folder).unwrap();
        assert_eq!(run.info, info);
        assert_eq!((run.trials.len(), run.timeline.len()), (12, 120));
        assert!(run.warnings.is_empty(), "{:?}", run.warnings);
        for (trial, planned) in run.trials.iter().zip(&info.plan) {
            let case = info.scenario.cases.iter().find(|case| case.id == planned.case).unwrap();
            let facts = if planned.trial == 2 { losing(case, 2, 7) } else { facts(case, 1) };
            assert_eq!(*trial, judged(&facts));
        }
    }

    #[test]
    fn rows_survive_commas_quotes_lines_and_bounds() {
        let facts = losing(&case(PatternKind::Sse, 20, ":clients=20"), 1, 40);
        let written = record(&facts);
        assert_eq!(written.verdict_reasons, ["a, \"b\" / c d", "second"]);
        let Some(Figure::MoreThan(bound)) = written.figures.get("freshness_ns_p99") else {
            panic!()
        };
        let samples = facts.workers.distribution(Metric::Freshness).unwrap();
        assert_eq!(samples.quantile_censored(0.99, 40), Some(Quantile::MoreThan(bound as u64)));
        let out = tempfile::tempdir().unwrap();
        let info = info(scenario(vec![facts.case.clone()], 1, &[]));
        let start = time::OffsetDateTime::UNIX_EPOCH;
        let mut folder = crate::record::RunFolder::create(out.path(), "s", start, "h").unwrap();
        folder.write_info(&info).unwrap();
        folder.append(&facts, &written).unwrap();
        assert_eq!(Run::read(folder.path()).unwrap().trials, [written]);
        let text = fs::read_to_string(folder.path().join("trials.csv")).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let row: BTreeMap<String, String> = reader.deserialize().next().unwrap().unwrap();
        assert_eq!(row["freshness_ns_p99"], "inf", "a number to every reader");
        let bounds: Vec<&str> = row["bounds"].split(" | ").collect();
        assert!(bounds.contains(&format!("freshness_ns_p99>{bound}").as_str()), "{bounds:?}");
    }

    #[test]
    fn a_trial_that_died_has_empty_cells_not_zeros() {
        let mut facts = facts(&case(PatternKind::Sse, 20, ""), 1);
        facts.failure = Some("the worker ended".into());
        (facts.workers, facts.intervals, facts.resources) = Default::default();
        let record = TrialRecord::new(&facts, Verdict::Failed, ["the worker ended"]);
        let fields = fields(&record);
        for column in [
            "expected",
            "reach",
            "deliveries_per_s",
            "errors",
            "freshness_ns_p50",
            "sent",
            "worker_cpu_share",
        ] {
            assert!(fields.get(column).is_none_or(serde_json::Value::is_null), "{column}");
        }
    }

    #[test]
    fn committed_results_are_read_and_written_as_they_are() {
        let folder =
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/results/reference/quickstart"));
        let run = Run::read(folder).unwrap();
        assert!(run.warnings.is_empty(), "{:?}", run.warnings);
        let kept = fs::read_to_string(folder.join("trials.csv")).unwrap();
        // Columns are read by name: the file has its own order, and lacks those that came later.
        let of_name = |name: &str| TRIAL_COLUMNS.iter().find(|column| column.name == name);
        let columns: Vec<_> = kept.lines().next().unwrap().split(',').map(of_name).collect();
        let columns: Vec<_> = columns.into_iter().map(|column| *column.unwrap()).collect();
        let rows = run.trials.iter().map(|trial| cells(&columns, trial));
        let written = to_csv(std::iter::once(header(&columns)).chain(rows));
        assert_eq!(String::from_utf8(written).unwrap(), kept);
    }

    #[test]
    fn rows_of_earlier_versions_get_the_totals_that_follow_from_them() {
        let folder =
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/results/reference/quickstart"));
        let columns = fs::read_to_string(folder.join("trials.csv")).unwrap();
        let has = |column: &str| columns.lines().next().unwrap().split(',').any(|c| c == column);
        let run = Run::read(folder).unwrap();
        for trial in &run.trials {
            let get = |column| trial.figures.number(column).unwrap();
            let clients = trial.identity.clients as f64;
            for (total, product) in [
                (
                    "target_cpu_cores",
                    get("target_cpu_ns_per_delivery") * get("deliveries_per_s") / 1e9,
                ),
                ("wire_bytes_per_s", get("wire_bytes_per_delivery") * get("deliveries_per_s")),
                ("target_memory_bytes", get("target_memory_bytes_per_link") * clients),
            ] {
                // The window's last second is read a little late; memory of a row of its own time has the process's in it.
                let near = (get(total) / product - 1.0).abs() < 0.01;
                assert!(
                    near || has(total),
                    "{}: {total} {} {product}",
                    trial.identity.case,
                    get(total)
                );
            }
            let per_client = get("wire_bytes_per_client_hour") / 3_600.0 * clients;
            assert!((per_client / get("wire_bytes_per_s") - 1.0).abs() < 1e-9);
            // What was sent is not told by both ways together.
            assert_eq!(
                trial.figures.number("cost_per_1k_clients_month").is_some(),
                has("target_sent_bytes_per_s")
            );
        }
    }

    #[test]
    fn money_follows_the_prices_of_the_run() {
        let out = tempfile::tempdir().unwrap();
        let mut info = info(scenario(small(), 1, &[]));
        let cost = |info: &RunInfo| {
            let folder = write_run(out.path(), info, |_| ());
            let run = Run::read(&folder).unwrap();
            run.trials[0].figures.number("cost_per_1k_clients_month").unwrap()
        };
        let usual = cost(&info);
        let prices = &mut info.scenario.prices;
        (prices.cpu_hour, prices.gib_hour, prices.gb_out) =
            (2.0 * prices.cpu_hour, 2.0 * prices.gib_hour, 2.0 * prices.gb_out);
        assert!((cost(&info) / usual - 2.0).abs() < 1e-9, "made anew, whatever the row says");
    }

    #[test]
    fn every_column_is_a_field_and_every_field_a_column() {
        let fields = fields(&record(&facts(&case(PatternKind::LongPoll, 20, ""), 1)));
        let columns = TRIAL_COLUMNS.iter().map(|column| column.name);
        let columns: BTreeSet<_> = columns.filter(|name| *name != crate::record::BOUNDS).collect();
        assert_eq!(fields.keys().map(String::as_str).collect::<BTreeSet<_>>(), columns);
    }

    #[test]
    fn a_line_cut_short_by_a_crash_is_left_out() {
        let out = tempfile::tempdir().unwrap();
        let folder = write_run(out.path(), &info(scenario(small(), 1, &[])), |_| ());
        for name in ["trials.csv", "timeline.csv", "histograms.hlog"] {
            let path = folder.join(name);
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..whole.len() - 5]).unwrap();
            let run = Run::read(&folder).unwrap();
            assert!(run.warnings[0].starts_with(name) && run.warnings[0].contains("cut short"));
            // A missing row is reported, too.
            let expected = if name == "trials.csv" { 2 } else { 1 };
            assert_eq!(run.warnings.len(), expected, "{name}: {:?}", run.warnings);
            assert!(run.trials.len() >= 5, "{name}");
            fs::write(&path, &whole).unwrap();
        }
        let mut log =
            fs::OpenOptions::new().append(true).open(folder.join("histograms.hlog")).unwrap();
        writeln!(log, "Tag=sse.freshness,0.000,1.000,3.000,AAAA").unwrap();
        let warnings = Run::read(&folder).unwrap().warnings;
        assert!(warnings[0].contains("histograms.hlog, line"), "{warnings:?}");
    }

    #[test]
    fn other_columns_are_ignored_and_missing_ones_named() {
        let out = tempfile::tempdir().unwrap();
        let folder = write_run(out.path(), &info(scenario(small(), 1, &[])), |_| ());
        let path = folder.join("trials.csv");
        let text = fs::read_to_string(&path).unwrap();
        let with = |change: &dyn Fn(usize, &str) -> String| {
            let lines: Vec<_> = text.lines().enumerate().map(|(i, line)| change(i, line)).collect();
            fs::write(&path, lines.join("\n") + "\n").unwrap();
            Run::read(&folder)
        };
        let before = with(&|_, line| line.to_owned()).unwrap().trials;
        let more = with(&|i, line| format!("{},{line}", if i == 0 { "mood" } else { "gay" }));
        assert_eq!(more.unwrap().trials, before);
        for (what, error, words) in [
            (
                "no column",
                with(&|_, line| line.replacen("reach", "range", 1)),
                vec!["trials.csv, line 1", "'reach'"],
            ),
            (
                "no number",
                with(&|i, line| {
                    if i == 2 { line.replacen(",1,", ",one,", 1) } else { line.to_owned() }
                }),
                vec!["line 3", "'trial'", "'one'"],
            ),
            (
                "no such verdict",
                with(&|_, line| line.replace(",valid,", ",splendid,")),
                vec!["line 2", "splendid"],
            ),
            (
                "a later version",
                with(&|i, line| {
                    if i == 1 {
                        line.replacen(",1,made-up,", ",2,made-up,", 1)
                    } else {
                        line.to_owned()
                    }
                }),
                vec!["schema_version 2"],
            ),
        ] {
            let error = error.unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{what}: {error}");
        }
    }

    #[test]
    fn the_interval_log_holds_exactly_what_was_measured() {
        let out = tempfile::tempdir().unwrap();
        let sse = case(PatternKind::Sse, 20, ":clients=20");
        let folder = write_run(out.path(), &info(scenario(vec![sse.clone()], 2, &[])), |facts| {
            if facts.trial == 2 {
                facts.workers.counters.add(Counter::NegativeFreshness, 1);
            }
        });
        let facts = facts(&sse, 1);
        let run = Run::read(&folder).unwrap();
        let mut expected = facts.workers.distributions.clone();
        expected.extend(facts.target.distributions.clone());
        for (metric, samples) in expected {
            assert_eq!(run.distributions[&(sse.id.clone(), metric)], samples, "{metric:?}");
        }
    }
}
