//! `metrics.prom`: what a run found as OpenMetrics text, for Prometheus' textfile collector, a push gateway or any scraper.
//!
//! Every family is a gauge without a time stamp, which both OpenMetrics 1.0 and the older text format of Prometheus (0.0.4) allow.

mod family;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::View;
use super::ci::line;
use super::result::RunResult;
use crate::judge::{Axis, CaseSummary, Outcome, counted, summarised, usual_columns};
use crate::record::{Better, Figure, spec};
use family::Family;

/// Families with their samples, in the order in which they were first used.
#[derive(Debug, Default)]
struct Exposition {
    families: Vec<(Family, Vec<String>)>,
    places: BTreeMap<String, usize>,
}

/// Names and values of labels.
type Labels<'a> = Vec<(&'a str, &'a str)>;

impl Exposition {
    fn add(&mut self, family: Family, labels: &Labels<'_>, value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let sample = format!("{}{{{}}} {}\n", family.name, labels.join(","), number(value));
        let place = *self.places.entry(family.name.clone()).or_insert_with(|| {
            self.families.push((family, Vec::new()));
            self.families.len() - 1
        });
        self.families[place].1.push(sample);
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (Family { name, unit, help, .. }, samples) in &self.families {
            let _ = writeln!(text, "# TYPE {name} gauge");
            if !unit.is_empty() {
                let _ = writeln!(text, "# UNIT {name} {unit}");
            }
            let _ = writeln!(text, "# HELP {name} {}", help_line(help));
            text.extend(samples.iter().map(String::as_str));
        }
        text.push_str("# EOF\n");
        text
    }
}

/// The text of a run.
pub(super) fn openmetrics(view: &View) -> String {
    let mut exposition = Exposition::default();
    of_run(view, &mut exposition);
    let scenario = line(&view.run.info.scenario.name);
    let names = names(&view.findings.cases);
    for (case, name) in view.findings.cases.iter().zip(&names) {
        let labels =
            vec![("scenario", scenario.as_str()), ("case", name), ("pattern", case.pattern.name())];
        of_case(case, &labels, &mut exposition);
    }
    objectives(view, &names, &mut exposition);
    exposition.text()
}

fn of_run(view: &View, exposition: &mut Exposition) {
    let (info, result) = (&view.run.info, RunResult::of(view));
    let scenario = line(&info.scenario.name);
    let [version, revision, host] = [
        &info.build.tidings_version,
        info.working_directory_revision.as_ref().unwrap_or(&String::new()),
        &info.host.name,
    ]
    .map(|text| line(text));
    let own = vec![("scenario", scenario.as_str())];
    let about = [
        own.clone(),
        vec![
            ("conclusion", result.conclusion),
            ("host", &host),
            ("revision", &revision),
            ("version", &version),
        ],
    ]
    .concat();
    let help = "1, with what identifies the run as labels.";
    exposition.add(Family::plain("run", "", help), &about, 1.0);
    if let Some(status) = result.exit_status {
        let help = "Exit status that the run calls for: 0, 1 (an objective was missed, or `abort_when` ended the run), 3 (inconclusive), 128 + the number of the signal that stopped it.";
        exposition.add(Family::plain("exit_status", "", help), &own, f64::from(status));
    }
    let ended = info.finished_utc.as_deref();
    for (name, time, help) in [
        (
            "start_time_seconds",
            Some(info.started_utc.as_str()),
            "When the run began, as Unix time.",
        ),
        ("end_time_seconds", ended, "When the run ended, as Unix time."),
    ] {
        let parsed = time.and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok());
        if let Some(time) = parsed {
            let seconds = time.unix_timestamp() as f64;
            exposition.add(Family::plain(name, "seconds", help), &own, seconds);
        }
    }
    let trials = result.trials;
    for (verdict, count) in [
        ("valid", trials.valid),
        ("degraded", trials.degraded),
        ("invalid", trials.invalid),
        ("failed", trials.failed),
        ("cut_short", trials.cut_short),
        ("not_started", trials.not_started),
    ] {
        let labels = [own.clone(), vec![("verdict", verdict)]].concat();
        exposition.add(
            Family::plain("trials", "", "Trials of the plan by verdict."),
            &labels,
            count as f64,
        );
    }
}

fn of_case(case: &CaseSummary, labels: &Labels<'_>, exposition: &mut Exposition) {
    let usable = "Trials of the case that are valid or degraded.";
    exposition.add(Family::plain("usable_trials", "", usable), labels, case.trials.usable() as f64);
    for column in counted() {
        let Some(count) = case.counts.get(column) else { continue };
        let (family, _) = Family::of(column);
        exposition.add(family, labels, *count as f64);
    }
    let better = |column: &&str| spec(column).is_some_and(|spec| spec.better != Better::Neither);
    let with_interval: Vec<&str> =
        usual_columns(case.pattern).into_iter().chain(Axis::ALL.map(Axis::column)).collect();
    for column in summarised().filter(better) {
        let Some(estimate) = case.figure(column) else { continue };
        let (family, quantile) = Family::of(column);
        let mut labels = labels.clone();
        labels.extend(quantile.map(|quantile| ("quantile", quantile)));
        let value = |figure: Figure| match figure {
            Figure::Value(number) => number / family.divisor,
            // The quantile falls among what never arrived.
            Figure::MoreThan(_) => f64::INFINITY,
        };
        let ends = (estimate.confidence > 0.0 && with_interval.contains(&column))
            .then_some([("lower", estimate.low), ("upper", estimate.high)]);
        exposition.add(family.clone(), &labels, value(estimate.value));
        for (end, figure) in ends.into_iter().flatten() {
            exposition.add(family.end(end), &labels, value(figure));
        }
    }
    for (quantile, ratio) in [("0.5", case.floor.p50), ("0.99", case.floor.p99)] {
        let Some(ratio) = ratio else { continue };
        let help = "Freshness (response time of requests) divided by its noise floor; below 3 it describes harness and machine.";
        let labels = [labels.clone(), vec![("quantile", quantile)]].concat();
        exposition.add(Family::plain("noise_floor_ratio", "ratio", help), &labels, ratio);
    }
}

fn objectives(view: &View, names: &[String], exposition: &mut Exposition) {
    let scenario = line(&view.run.info.scenario.name);
    let (cases, judgements) = (&view.findings.cases, &view.findings.judgements);
    let judged = judgements.iter().map(|judgement| {
        let met = match judgement.outcome {
            Outcome::Met => 1.0,
            Outcome::Missed => 0.0,
            Outcome::Unknown => f64::NAN,
        };
        let place = cases.iter().position(|case| case.case == judgement.case);
        (&judgement.objective, place, met)
    });
    // What no case could be judged by: of no case, and not decided.
    let nowhere = |text: &&String| !judgements.iter().any(|own| own.objective == text.trim());
    let others = view.run.info.scenario.objectives.iter().filter(nowhere);
    let mut seen = Vec::new();
    for (objective, place, met) in judged.chain(others.map(|text| (text, None, f64::NAN))) {
        let objective = line(objective);
        if seen.contains(&(place, objective.clone())) {
            continue;
        }
        let help = "Whether an objective was met: 1, missed: 0, or not decided: NaN. Without a case where it could not be judged at any.";
        let labels = vec![
            ("scenario", scenario.as_str()),
            ("case", place.map_or("", |place| names[place].as_str())),
            ("pattern", place.map_or("", |place| cases[place].pattern.name())),
            ("objective", &objective),
        ];
        exposition.add(Family::plain("objective_met", "", help), &labels, met);
        seen.push((place, objective));
    }
}

/// The ids of cases as labels, each once.
fn names(cases: &[CaseSummary]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for case in cases {
        let mut name = line(&case.case);
        while names.contains(&name) {
            name.push('\'');
        }
        names.push(name);
    }
    names
}

/// A help on its line, without double quotes: OpenMetrics has them escaped there, and the older format knows no such escape.
fn help_line(help: &str) -> String {
    escaped(&help.replace('"', "'"))
}

/// The text of a label or a help, escaped as OpenMetrics has it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}
