//! The output of `tidings plan`.

use std::fmt::Write as _;

use super::{Plan, floor, upkeep};
use crate::pace::Pacing;
use crate::prose;
use crate::scenario::{Case, Faults, LoopKind, Pattern, ShortIds, network_summary};
use crate::unit::{self, Span};

/// Widest line of running text.
const WIDTH: usize = 98;
/// Widest case id on the same line as its figures.
const ID_WIDTH: usize = 38;

/// The plan for people: question, cases, order of trials, needs, time; at most `columns` wide, but for the table of the cases.
pub(super) fn render(plan: &Plan, columns: usize, notes: &dyn Fn(&str) -> Vec<String>) -> String {
    let mut page = Page { out: String::new(), columns: columns.min(WIDTH) };
    let scenario = &plan.scenario;
    let summary = format!(
        "{}: {} × {} = {}, about {}, at most {}",
        scenario.name,
        unit::counted(scenario.cases.len() as u64, "case"),
        unit::counted(scenario.trials.into(), "trial"),
        unit::counted(plan.trials.len() as u64, "trial"),
        clock(plan.duration_ns()),
        clock(plan.duration_ns_max()),
    );
    page.wrap("", &summary);
    page.out.push('\n');
    for paragraph in scenario.question.split("\n\n") {
        page.wrap("", paragraph);
        page.out.push('\n');
    }
    if let Some(faults) = Faults::summary(scenario.cases.iter().map(|case| &case.faults)) {
        page.wrap("", &format!("faults: {faults} (injected by the target)"));
        page.out.push('\n');
    }
    if let Some(network) = network_summary(&scenario.cases) {
        page.wrap("", &format!("network: {network} (emulated at the clients)"));
        page.out.push('\n');
    }
    cases(&mut page, plan);
    order(&mut page, plan);
    floor::text(&mut page, plan);
    needs(&mut page, plan);
    upkeep::text(&mut page, plan);
    if !scenario.objectives.is_empty() {
        page.out.push_str("\nObjectives\n");
        for objective in &scenario.objectives {
            page.wrap("  ", objective);
            for note in notes(objective) {
                page.wrap("      ", &note);
            }
        }
    }
    if let Some(condition) = &scenario.abort_when {
        page.out.push('\n');
        page.wrap("Ends early when ", condition);
    }
    page.out
}

fn cases(page: &mut Page, plan: &Plan) {
    let short = ShortIds::of(plan.scenario.cases.iter().map(|case| case.id.as_str()));
    let width = plan.scenario.cases.iter().map(|case| short.short(&case.id).chars().count());
    let width = width.filter(|width| *width <= ID_WIDTH).max().unwrap_or(4).max(4);
    let _ = writeln!(
        page.out,
        "   #  {:width$} {:>8} {:>8} {:>8} {:>7} {:>12} {:>7}",
        "case", "clients", "topics", "rate", "payload", "deliveries/s", "calls/s"
    );
    for (n, case) in plan.scenario.cases.iter().enumerate() {
        let _ = write!(page.out, "{:>4}  ", n + 1);
        let id = short.short(&case.id);
        if id.chars().count() > width {
            let mut axes = Page { out: String::new(), columns: page.columns };
            axes.wrap("      ", &id.replace(':', " :"));
            let axes = axes.out.trim().replace(" :", ":");
            let _ = write!(page.out, "{axes}\n{:6}{:width$}", "", "");
        } else {
            let _ = write!(page.out, "{id:width$}");
        }
        row(&mut page.out, case);
    }
    if !short.common.is_empty() {
        page.wrap("  ", &format!("Same in every case: {}.", short.common.join(", ")));
    }
    for case in &plan.scenario.cases {
        if let Pattern::Request(options) = &case.pattern
            && options.loop_kind == LoopKind::Closed
        {
            let loops = format!(
                "{}: closed loop, next request {} after a response; subject to coordinated omission (METHODOLOGY)",
                short.short(&case.id),
                options.think
            );
            page.wrap("  ", &loops);
        }
    }
}

/// Prints the figures of a case. Client i subscribes to topic i mod topics, so every client gets one topic's rate.
fn row(out: &mut String, case: &Case) {
    let workload = case.workload;
    let none = || "-".to_owned();
    let events = || format!("{}/s", unit::count(workload.rate.per_s()));
    let deliveries = unit::count(workload.rate.per_s() * workload.clients as f64);
    let (topics, rate, deliveries, calls) = match &case.pattern {
        Pattern::Request(options) if options.loop_kind == LoopKind::Closed => {
            (none(), "closed".to_owned(), none(), none())
        }
        Pattern::Request(options) => {
            let calls = unit::count(options.rate.per_s());
            (none(), format!("{calls}/s"), none(), calls)
        }
        Pattern::ShortPoll(options) => {
            let polls = workload.clients as f64 / options.interval.secs();
            (workload.topics.to_string(), events(), deliveries, unit::count(polls))
        }
        _ => (workload.topics.to_string(), events(), deliveries, none()),
    };
    let _ = writeln!(
        out,
        " {:>8} {topics:>8} {rate:>8} {:>7} {deliveries:>12} {calls:>7}",
        workload.clients,
        workload.payload.to_string(),
    );
}

fn order(page: &mut Page, plan: &Plan) {
    page.out.push('\n');
    page.wrap("", "Order of trials, by case number");
    for block in plan.trials.chunk_by(|a, b| a.block == b.block) {
        let before = plan.trials.iter().take_while(|trial| trial.block < block[0].block).count();
        let mut cases: Vec<String> = Vec::new();
        for (at, trial) in (before..).zip(block) {
            cases.extend(floor::labels(plan, at));
            cases.push((trial.case + 1).to_string());
        }
        if before == 0 {
            cases.extend(floor::labels(plan, block.len()));
        }
        page.wrap(&format!("  block {:<4}", block[0].block), &cases.join(" "));
    }
}

/// The processes of a trial.
fn processes(plan: &Plan, most: impl Fn(fn(&super::Layout) -> u64) -> u64) -> String {
    let workers = format!(
        "{} of {}",
        unit::counted(most(|layout| layout.workers.into()), "worker"),
        unit::counted(most(|layout| layout.worker_shards.into()), "shard")
    );
    match &plan.scenario.external {
        None => {
            let shards = unit::counted(most(|layout| layout.target_shards.into()), "shard");
            format!("1 target of {shards}, {workers}")
        }
        Some(external) => match external.launch.len() as u64 {
            0 => format!("1 publisher, {workers}; the target runs already"),
            servers => {
                format!("{}, 1 publisher, {workers}", unit::counted(servers, "launched server"))
            }
        },
    }
}

fn needs(page: &mut Page, plan: &Plan) {
    let most = |figure: fn(&super::Layout) -> u64| {
        plan.layouts.iter().map(figure).max().unwrap_or_default()
    };
    let phases = plan.scenario.phases;
    let lines = [
        (
            "phases",
            format!(
                "connect {}, idle {}, warmup {}, measure {}, drain up to {}",
                phases.connect, phases.idle, phases.warmup, phases.measure, phases.drain
            ),
        ),
        ("processes", processes(plan, most)),
        (
            "descriptors",
            format!(
                "{} in the target, {} in a worker",
                most(|layout| layout.target_descriptors),
                most(|layout| layout.worker_descriptors)
            ),
        ),
        (
            "pacing",
            if plan.layouts.iter().any(|layout| layout.pacing == Pacing::Spin) {
                "workers spin before a deadline (spare cores, or worker.spin = true)".to_owned()
            } else if plan.scenario.worker.gather > Span::default() {
                format!(
                    "workers sleep on a timerfd; what is due within {} of each other leaves together",
                    plan.scenario.worker.gather
                )
            } else {
                "workers sleep on a timerfd".to_owned()
            },
        ),
        (
            "cores",
            if plan.scenario.external.is_some() {
                "placed by the kernel, beside the target's".to_owned()
            } else if plan.layouts.iter().all(|layout| layout.pinned) {
                "one core per shard".to_owned()
            } else {
                "more shards than cores: placed by the kernel".to_owned()
            },
        ),
        (
            "samples",
            match plan.scenario.worker.samples {
                0 => "no raw samples".to_owned(),
                n => format!(
                    "raw samples of the first {n} requests or polls, and deliveries, per worker shard"
                ),
            },
        ),
        ("ports", format!("{} per source address", most(|layout| layout.ports))),
        (
            "time",
            format!(
                "{} expected, {} at most",
                clock(plan.duration_ns()),
                clock(plan.duration_ns_max())
            ),
        ),
    ];
    page.out.push('\n');
    page.wrap("", "Requirements of the largest case");
    for (name, figure) in lines {
        page.wrap(&format!("  {name:<12}"), &figure);
    }
}

/// Minutes and seconds: `"42 s"`, `"1 m 42 s"`, `"2 h 5 m"`.
fn clock(ns: u64) -> String {
    let seconds = Span::from_ns(ns).secs().ceil() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Lines of a plan, up to a width.
pub(super) struct Page {
    pub out: String,
    columns: usize,
}

impl Page {
    /// Appends `text` in lines that fit, the first led by `lead`, the others indented alike.
    pub(super) fn wrap(&mut self, lead: &str, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        prose::wrap(&mut self.out, lead, &text, lead.chars().count(), self.columns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_printed_in_two_units_at_most() {
        for (ms, text) in [
            (0, "0 s"),
            (1_200, "2 s"),
            (60_000, "1 m 0 s"),
            (102_000, "1 m 42 s"),
            (7_500_000, "2 h 5 m"),
        ] {
            assert_eq!(clock(Span::from_ms(ms).ns()), text);
        }
    }
}
