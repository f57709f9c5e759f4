//! `tidings try`: one client per pattern, three events, and the whole conversation: what a description of a server needs while
//! it is written.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use tidings::conductor::{Conductor, Signals, check_target};
use tidings::control::Observers;
use tidings::measure::{Counter, Host};
use tidings::pace::ArrivalProcess;
use tidings::pattern::{TraceKind, TraceLine};
use tidings::plan::{Plan, PlannedTrial};
use tidings::record::TrialFacts;
use tidings::scenario::{self, Override, Pattern, Publish, Scenario};
use tidings::unit::{Rate, Span, counted};

use super::{exit, output};

/// Events that are published.
const EVENTS: u64 = 3;

/// Arguments of `tidings try`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Scenario file that describes a target of your own
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Override a scenario key, such as target.url=http://localhost:8080; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Allow requests to a target on another host without target.permission
    #[arg(long)]
    yes_i_may: bool,
}

/// Carries out `tidings try`.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let sets: Vec<Override> = arguments.sets.iter().map(|set| Override::set(set)).collect();
    let mut scenario = scenario::load(&arguments.file, &sets)?;
    if scenario.external.is_none() {
        bail!(
            "{} measures the built-in target, which needs no try; name yours by url = \"http://…\" in [target]",
            arguments.file.display()
        );
    }
    check_target(&scenario, arguments.yes_i_may).map_err(|error| anyhow!(error))?;
    lessen(&mut scenario);
    let name = scenario.name.clone();
    let plan = Plan::new(scenario, &Host::read()).with_context(|| name)?;
    let signals = Signals::watch().context("cannot watch for Ctrl-C")?;
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let folder = std::env::temp_dir().join(format!("tidings-try-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let well = each(&plan, arguments.yes_i_may, &executable, &signals, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    if let Some(signal) = signals.received() {
        return Ok((128 + signal) as u8);
    }
    Ok(if well { 0 } else { exit::MISSED })
}

/// One client and three events for every case, as fast as can be read.
fn lessen(scenario: &mut Scenario) {
    scenario.trials = 1;
    scenario.floor = false;
    scenario.objectives.clear();
    scenario.abort_when = None;
    scenario.phases.connect = Span::from_ms(0);
    scenario.phases.idle = Span::from_ms(0);
    scenario.phases.warmup = Span::from_ms(200);
    scenario.phases.measure = Span::from_ms(EVENTS * 500);
    scenario.phases.drain = Span::from_ms(3_000);
    let mut kinds = BTreeSet::new();
    scenario.cases.retain(|case| kinds.insert(case.pattern.kind()));
    for case in &mut scenario.cases {
        case.workload.clients = 1;
        case.workload.topics = 1;
        case.workload.churn = Rate::per_second(0.0);
        case.workload.arrivals = ArrivalProcess::Constant;
        case.conditions.restart = None;
        if case.pattern.kind().delivers() {
            case.workload.rate = Rate::per_second(2.0);
            case.workload.publish = Publish::Publisher;
        }
        match &mut case.pattern {
            Pattern::Request(options) => options.rate = Rate::per_second(2.0),
            Pattern::ShortPoll(options) => options.interval = Span::from_ms(250),
            _ => {}
        }
    }
}

/// Tries every pattern; whether all of them went well.
fn each(plan: &Plan, yes_i_may: bool, executable: &Path, signals: &Signals, folder: &Path) -> bool {
    let mut well = true;
    for (index, case) in plan.scenario.cases.iter().enumerate() {
        let Some(trial) = plan.trials.iter().find(|trial| trial.case == index) else { continue };
        let trace = folder.join(format!("{index}.jsonl"));
        let conductor = Conductor {
            plan,
            executable: executable.to_owned(),
            signals,
            results: Some(folder.to_owned()),
            trace: Some(trace.clone()),
            yes_i_may,
            finds_process: false,
            observers: Observers::default(),
        };
        let facts = conductor.measure(&PlannedTrial { ..*trial }, |_, _| ());
        let lines = read(&trace);
        let mut text = format!("{}\n\n", case.id);
        conversation(&lines, &mut text);
        let (fine, verdict) = verdict(&facts, &lines);
        let _ = write!(text, "\n{verdict}\n\n");
        output::print(tidings::unit::typographic(&text));
        well &= fine;
        if signals.received().is_some() {
            return false;
        }
    }
    well
}

/// The lines of a conversation, in their order.
fn read(path: &Path) -> Vec<TraceLine> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines: Vec<TraceLine> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    lines.sort_by_key(|line| line.at_ns);
    lines
}

/// Writes a conversation: when, who, and what was sent (`>`), received (`<`), understood (`=`) or not foreseen (`!`).
fn conversation(lines: &[TraceLine], out: &mut String) {
    let Some(first) = lines.first() else {
        out.push_str("  nothing was sent\n");
        return;
    };
    for TraceLine { at_ns, who, kind, text } in lines {
        let mark = match kind {
            TraceKind::Sent => '>',
            TraceKind::Received => '<',
            TraceKind::Understood => '=',
            TraceKind::Odd => '!',
        };
        let seconds = (at_ns - first.at_ns) as f64 / 1e9;
        for (index, line) in text.lines().enumerate() {
            let _ = if index == 0 {
                writeln!(out, "  {seconds:7.3} s  {who:<10} {mark} {line}")
            } else {
                writeln!(out, "  {:9}  {:<10} {mark} {line}", "", "")
            };
        }
    }
}

/// Whether a pattern went well, and what to say of it.
fn verdict(facts: &TrialFacts, lines: &[TraceLine]) -> (bool, String) {
    let name = facts.case.pattern.kind().name();
    if let Some(reason) = &facts.failure {
        return (false, format!("{name}: failed: {reason}"));
    }
    let counted_of = |counter| facts.workers.counters.get(counter);
    if !facts.case.pattern.kind().delivers() {
        let (sent, answered) = (counted_of(Counter::Sent), counted_of(Counter::Answered));
        let said = format!("{name}: {answered} of {sent} requests were answered as expected");
        return (sent > 0 && answered == sent, said);
    }
    let ledger = &facts.workers.ledger;
    let mut said = format!(
        "{name}: {} of {} events received",
        ledger.delivered,
        counted_of(Counter::SendsDue)
    );
    let extras = [
        (ledger.duplicate, "duplicate"),
        (ledger.reordered, "out of order"),
        (counted_of(Counter::Unrecognised), "without an event"),
        (counted_of(Counter::Foreign), "of another run or topic"),
        (counted_of(Counter::Damaged), "damaged"),
    ];
    for (count, what) in extras.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(said, ", {count} {what}");
    }
    let due = counted_of(Counter::SendsDue);
    let well = due > 0 && ledger.delivered == due;
    if !well {
        let _ = write!(said, ". {}", hint(facts, lines));
    }
    (well, said)
}

/// What is probably wrong.
fn hint(facts: &TrialFacts, lines: &[TraceLine]) -> String {
    let counted_of = |counter| facts.workers.counters.get(counter);
    let (refused, unanswered) = (
        counted_of(Counter::PublishesRefused),
        counted_of(Counter::SendsDue).saturating_sub(
            counted_of(Counter::SendsAcknowledged) + counted_of(Counter::PublishesRefused),
        ),
    );
    if refused > 0 {
        return format!(
            "The server refused {}: see the answers above, and correct [target.publish]",
            counted(refused, "event")
        );
    }
    if unanswered > 0 {
        return format!(
            "{} not acknowledged: see the lines of publish above, and correct [target.publish]",
            if unanswered == 1 {
                "One event was".to_owned()
            } else {
                format!("{unanswered} events were")
            }
        );
    }
    let own = facts.case.pattern.kind().name();
    let received =
        lines.iter().filter(|line| line.who == own && line.kind == TraceKind::Received).count();
    if counted_of(Counter::Unrecognised) > 0 {
        return "Messages arrived, but no event was recognised in them: does the server carry the payload? Put {{event}} or \
                {{token}} into what is published; write decode = \"base64:/…\" where it is encoded; or match = \"ids\" \
                where only an id arrives"
            .to_owned();
    }
    if lines.iter().any(|line| line.who == own && line.text.starts_with("ignored")) {
        return format!(
            "Messages arrived and were ignored, as [target.{own}] says: check its deliver and ignore"
        );
    }
    match received {
        0 => format!(
            "Nothing arrived: check the path and the steps of [target.{own}], and that both use {{{{topic}}}}"
        ),
        _ => format!(
            "What arrived brought no event: check that [target.{own}] subscribes to what [target.publish] publishes to"
        ),
    }
}
