//! What `tidings plan` prints.

use std::fmt::Write as _;

use super::{Plan, floor};
use crate::pace::Pacing;
use crate::scenario::{Case, Faults, LoopKind, Pattern, ShortIds, network_summary};
use crate::unit::{self, Span};

/// Widest line of running text.
const WIDTH: usize = 98;
/// Widest case id that stands on the line of its figures.
const ID_WIDTH: usize = 38;

/// The plan for people: question, cases, order of trials, needs, time.
pub(super) fn render(plan: &Plan) -> String {
    let mut out = String::new();
    let scenario = &plan.scenario;
    let _ = writeln!(
        out,
        "{}: {} × {} = {}, about {}, at most {}\n",
        scenario.name,
        unit::counted(scenario.cases.len() as u64, "case"),
        unit::counted(scenario.trials.into(), "trial"),
        unit::counted(plan.trials.len() as u64, "trial"),
        clock(plan.duration_ns()),
        clock(plan.duration_ns_max()),
    );
    for paragraph in scenario.question.split("\n\n") {
        wrap(&mut out, "", paragraph);
        out.push('\n');
    }
    if let Some(faults) = Faults::summary(scenario.cases.iter().map(|case| &case.faults)) {
        wrap(&mut out, "", &format!("faults: {faults} (injected by the target)"));
        out.push('\n');
    }
    if let Some(network) = network_summary(&scenario.cases) {
        wrap(&mut out, "", &format!("network: {network} (emulated at the clients)"));
        out.push('\n');
    }
    cases(&mut out, plan);
    order(&mut out, plan);
    floor::text(&mut out, plan);
    needs(&mut out, plan);
    if !scenario.objectives.is_empty() {
        out.push_str("\nObjectives\n");
        for objective in &scenario.objectives {
            let _ = writeln!(out, "  {objective}");
        }
    }
    out
}

fn cases(out: &mut String, plan: &Plan) {
    let short = ShortIds::of(plan.scenario.cases.iter().map(|case| case.id.as_str()));
    let width = plan.scenario.cases.iter().map(|case| short.short(&case.id).chars().count());
    let width = width.filter(|width| *width <= ID_WIDTH).max().unwrap_or(4).max(4);
    let _ = writeln!(
        out,
        "   #  {:width$} {:>8} {:>8} {:>8} {:>7} {:>12} {:>7}",
        "case", "clients", "topics", "rate", "payload", "deliveries/s", "calls/s"
    );
    for (n, case) in plan.scenario.cases.iter().enumerate() {
        let _ = write!(out, "{:>4}  ", n + 1);
        let id = short.short(&case.id);
        if id.chars().count() > width {
            let mut axes = String::new();
            wrap(&mut axes, "      ", &id.replace(':', " :"));
            let axes = axes.trim().replace(" :", ":");
            let _ = write!(out, "{axes}\n{:6}{:width$}", "", "");
        } else {
            let _ = write!(out, "{id:width$}");
        }
        row(out, case);
    }
    if !short.common.is_empty() {
        wrap(out, "  ", &format!("Same in every case: {}.", short.common.join(", ")));
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
            wrap(out, "  ", &loops);
        }
    }
}

/// The figures of a case. Client i subscribes to topic i mod topics, so every client gets one topic's rate.
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

fn order(out: &mut String, plan: &Plan) {
    out.push_str("\nOrder of trials, by case number\n");
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
        wrap(out, &format!("  block {:<4}", block[0].block), &cases.join(" "));
    }
}

fn needs(out: &mut String, plan: &Plan) {
    let most = |figure: fn(&super::Layout) -> u64| {
        plan.layouts.iter().map(figure).max().unwrap_or_default()
    };
    let workers = most(|layout| layout.workers.into());
    let worker_shards = most(|layout| layout.worker_shards.into());
    let target_shards = most(|layout| layout.target_shards.into());
    let phases = plan.scenario.phases;
    let lines = [
        (
            "phases",
            format!(
                "connect {}, warmup {}, measure {}, drain up to {}",
                phases.connect, phases.warmup, phases.measure, phases.drain
            ),
        ),
        (
            "processes",
            format!(
                "1 target of {}, {} of {}",
                unit::counted(target_shards, "shard"),
                unit::counted(workers, "worker"),
                unit::counted(worker_shards, "shard")
            ),
        ),
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
            } else {
                "workers sleep on a timerfd".to_owned()
            },
        ),
        (
            "cores",
            if plan.layouts.iter().all(|layout| layout.pinned) {
                "one core per shard".to_owned()
            } else {
                "more shards than cores: placed by the kernel".to_owned()
            },
        ),
        (
            "samples",
            match plan.scenario.worker.samples {
                0 => "no raw samples".to_owned(),
                n => format!("raw samples of the first {n} requests or polls per worker shard"),
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
    out.push_str("\nRequirements of the largest case\n");
    for (name, figure) in lines {
        let _ = writeln!(out, "  {name:<12}{figure}");
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

/// Appends `text` in lines of at most [`WIDTH`], the first led by `lead`, the others indented alike.
pub(super) fn wrap(out: &mut String, lead: &str, text: &str) {
    let indent = lead.chars().count();
    let mut column = indent;
    out.push_str(lead);
    for (n, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if n > 0 && column + 1 + length > WIDTH {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
        } else if n > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_in_two_units_at_most() {
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

    #[test]
    fn text_is_wrapped_under_its_lead() {
        let mut out = String::new();
        wrap(&mut out, "  block 1   ", &"17 ".repeat(40));
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{out}");
        assert!(lines[1].starts_with("            17"), "{out}");
    }
}
