//! Targets of the user's own: what was published to them, and what of that which arrived was no event of this trial.

use std::fmt::Write as _;

use super::View;
use super::group::printable;
use crate::judge::CaseSummary;
use crate::record::UNRECOGNISED;
use crate::scenario::Publish;
use crate::unit::{counted, nanoseconds};

/// A sentence for each case that a publisher of the harness publishes to.
pub(super) fn sentences(view: &View) -> Vec<String> {
    let scenario = &view.run.info.scenario;
    let published = |summary: &&CaseSummary| {
        let case = scenario.cases.iter().find(|case| case.id == summary.case);
        case.is_some_and(|case| {
            case.pattern.kind().delivers() && case.workload.publish == Publish::Publisher
        })
    };
    let cases = view.findings.cases.iter().filter(published);
    cases.filter_map(|summary| sentence(view, summary)).collect()
}

fn sentence(view: &View, summary: &CaseSummary) -> Option<String> {
    let count = |name: &str| summary.counts.get(name).copied().unwrap_or(0);
    let due = count("sends_due");
    if due == 0 {
        return None;
    }
    let mut said = format!(
        "{}: {} of {due} events published were acknowledged",
        view.name(&summary.case),
        count("sends_acknowledged")
    );
    if let Some(p50) = summary.figure("send_ns_p50") {
        let at = |column| {
            summary.figure(column).map_or_else(String::new, |f| f.value.print(nanoseconds))
        };
        let _ = write!(
            said,
            ", p50 {}, p99 {} after they were due",
            p50.value.print(nanoseconds),
            at("send_ns_p99")
        );
    }
    for (name, what) in [
        ("publishes_refused", "refused by the target and not expected"),
        ("publishes_unknown", "not acknowledged and received by nobody: unknown, and not expected"),
    ] {
        let events = count(name);
        if events > 0 {
            let _ = write!(said, "; {events} {what}");
        }
    }
    said.push('.');
    if let Some(share) = summary.figure("publish_cpu_share") {
        let percent = share.value.print(|share| format!("{:.0} %", 100.0 * share));
        let _ = write!(said, " Publishing took about {percent} of the target's CPU.");
    }
    for (name, unit, what) in [
        ("superseded", "delivery", "superseded by a newer state"),
        ("foreign_events", "arrival", "of another run or topic"),
        ("damaged_tokens", "token", "damaged or cut short"),
        ("replayed", "arrival", "of events due before the client had subscribed"),
    ] {
        let many = count(name);
        if many > 0 {
            let _ = write!(said, " {} {what}.", counted(many, unit));
        }
    }
    let unrecognised = count("unrecognised_messages");
    if unrecognised > 0 {
        let _ = write!(said, " No event was recognised in {}", counted(unrecognised, "message"));
        let begin = format!("{UNRECOGNISED}: ");
        let mut trials = view.run.trials.iter().filter(|trial| trial.identity.case == summary.case);
        let sample = trials.find_map(|trial| {
            trial.error_samples.iter().find_map(|sample| sample.strip_prefix(&begin))
        });
        if let Some(sample) = sample {
            let _ = write!(said, ", such as: {}", printable(sample));
        }
        said.push_str(". Run `tidings try` to see the conversation.");
    }
    Some(said)
}
