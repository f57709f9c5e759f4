//! The account of a run.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{CiCase, CiFigure, CiReport, CiStatus};
use crate::judge::{CaseSummary, Judgement, Objective, Outcome, doubts, usual_columns};
use crate::plan::Plan;
use crate::record::{Better, Figure, spec};
use crate::report::{RunResult, View};
use crate::unit::counted;

/// The case that says whether the trials of a case can be relied on.
const TRIALS: &str = "trials are usable";
/// The group of what belongs to no case.
const WHOLE: &str = "the run";

impl CiReport {
    /// The account before anything is read: it remains where the input is refused.
    pub fn not_begun(verb: &'static str, scenario: String, started_utc: String) -> Self {
        let sentence = "nothing was measured: the input was refused, or the start failed; the job's log says why";
        Self {
            verb,
            scenario,
            headline: "Not begun: the input was refused, or the start failed.".to_owned(),
            started_utc,
            seconds: None,
            cases: vec![case(
                &format!("the {verb}"),
                "completes",
                CiStatus::Error,
                sentence.to_owned(),
            )],
            figures: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The account of a run before its first trial: no objective is judged. It remains if the run is killed.
    pub fn of_plan(plan: &Plan, started_utc: &str) -> Self {
        let scenario = &plan.scenario;
        let sentence = "the run has not ended".to_owned();
        let objective = |text: &String| case(WHOLE, text, CiStatus::NotJudged, sentence.clone());
        let mut cases: Vec<CiCase> = scenario.objectives.iter().map(objective).collect();
        cases.push(case(WHOLE, "completes", CiStatus::Error, sentence.clone()));
        Self {
            verb: "run",
            scenario: scenario.name.clone(),
            headline: "Unfinished: the run has not ended, or was killed.".to_owned(),
            started_utc: started_utc.to_owned(),
            seconds: None,
            cases,
            figures: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The account of a run: a case per objective, and per case of the scenario whether its trials are usable.
    pub fn of_run(view: &View) -> Self {
        let info = &view.run.info;
        let result = RunResult::of(view);
        let whole = matches!(result.conclusion, "success" | "missed" | "inconclusive");
        let mut cases: Vec<CiCase> =
            view.findings.judgements.iter().map(|judged| objective(judged, whole)).collect();
        for refused in &view.findings.refused {
            let text = refused.to_string();
            cases.push(case(WHOLE, &text, CiStatus::Inconclusive, text.clone()));
        }
        cases.extend(trials(view, whole));
        cases.push(completes(&result));
        let mut notes: Vec<String> = info.warnings.clone();
        notes.extend(view.run.warnings.iter().cloned());
        let mut report = Self {
            verb: "run",
            scenario: info.scenario.name.clone(),
            headline: String::new(),
            started_utc: info.started_utc.clone(),
            seconds: info.finished_utc.as_ref().and_then(|end| between(&info.started_utc, end)),
            cases,
            figures: figures(view),
            notes,
        };
        report.headline = headline(&result, &report);
        report
    }
}

fn case(group: &str, name: &str, status: CiStatus, sentence: String) -> CiCase {
    let (group, name) = (group.to_owned(), name.to_owned());
    CiCase { group, name, status, figure: None, threshold: None, sentence }
}

/// An objective at a case; what is undecided because the run ended early was not judged.
fn objective(judged: &Judgement, whole: bool) -> CiCase {
    let status = match judged.outcome {
        Outcome::Met => CiStatus::Passed,
        Outcome::Missed => CiStatus::Failed,
        Outcome::Unknown if whole => CiStatus::Inconclusive,
        Outcome::Unknown => CiStatus::NotJudged,
    };
    let objective = Objective::parse(&judged.objective).ok();
    let figure = judged.measured.zip(objective);
    let figure = figure.map(|(figure, of)| figure.print(|value| of.print(value)));
    CiCase {
        figure,
        threshold: limit(&judged.objective),
        ..case(&judged.case, &judged.objective, status, judged.printed.clone())
    }
}

/// The operator and what is behind it.
fn limit(objective: &str) -> Option<String> {
    let at = objective.find(['<', '>', '='])?;
    Some(objective[at..].trim().to_owned())
}

/// Per case of the scenario, whether its trials are usable, by the rule of the exit status.
fn trials(view: &View, whole: bool) -> Vec<CiCase> {
    let of = |summary: &CaseSummary| {
        let id = summary.case.as_str();
        let doubt = doubts(std::slice::from_ref(summary)).into_iter().next();
        let (status, sentence) = match doubt {
            Some(doubt) if whole => (CiStatus::Inconclusive, doubt),
            Some(doubt) => (CiStatus::NotJudged, doubt),
            None => (CiStatus::Passed, summary.trials.to_string()),
        };
        case(id, TRIALS, status, sentence)
    };
    view.findings.cases.iter().map(of).collect()
}

fn completes(result: &RunResult) -> CiCase {
    let ran = result.trials.planned - result.trials.not_started.min(result.trials.planned);
    let trials = format!("{ran} of {} ran", counted(result.trials.planned as u64, "trial"));
    let (status, sentence) = match result.conclusion {
        "stopped" => (CiStatus::Error, format!("stopped by a signal; {trials}")),
        "aborted" => (CiStatus::Failed, format!("{}; {trials}", result.reasons.join("; "))),
        "unfinished" => {
            (CiStatus::Error, format!("the run has not ended, or was killed; {trials}"))
        }
        _ => (CiStatus::Passed, trials),
    };
    case(WHOLE, "completes", status, sentence)
}

fn headline(result: &RunResult, report: &CiReport) -> String {
    let word = match result.conclusion {
        "success" => "All objectives met",
        "missed" => "An objective was missed",
        "inconclusive" => "Inconclusive",
        "stopped" => "Stopped by a signal",
        "aborted" => "Ended by abort_when",
        _ => "Unfinished",
    };
    let status =
        result.exit_status.map_or(String::new(), |status| format!(" (exit status {status})"));
    format!("{word}{status}: {}.", report.tally())
}

/// The usual metrics of each case, of which less is better.
fn figures(view: &View) -> Vec<CiFigure> {
    let mut figures = Vec::new();
    for case in &view.findings.cases {
        for column in usual_columns(case.pattern) {
            let (Some(spec), Some(estimate)) = (spec(column), case.figures.get(column)) else {
                continue;
            };
            // A bound is not a number that a chart may show.
            let Figure::Value(value) = estimate.value else { continue };
            if spec.better != Better::Less || !value.is_finite() {
                continue;
            }
            let print = |figure: Figure| figure.print(|value| spec.column.unit.print(value));
            let range = (estimate.confidence > 0.0)
                .then(|| format!("{} to {}", print(estimate.low), print(estimate.high)));
            figures.push(CiFigure {
                name: format!("{}: {}", case.case, spec.alias),
                unit: spec.column.unit.symbol(),
                value,
                range,
            });
        }
    }
    figures
}

/// Seconds from one time to another, as files have them.
pub fn between(from: &str, to: &str) -> Option<f64> {
    let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    Some((time(to)? - time(from)?).as_seconds_f64())
}
