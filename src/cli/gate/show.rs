//! What a gate prints and its `report.md`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use tidings::conductor::Phase;
use tidings::gate::decide::{Claim, Decision, change, name};
use tidings::gate::document::{Document, Terms, whole};
use tidings::gate::losses::Losses;
use tidings::gate::{Outcome, Worse};
use tidings::prose::fit;
use tidings::record::{FolderError, SCHEMA_VERSION, Unit, spec};
use tidings::unit::{self, counted};

use crate::cli::format::{Format, print_document};
use crate::cli::{output, screen};

/// What a trial does in a phase.
pub(super) const fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Launch => "launching",
        Phase::Connect => "connecting",
        Phase::Warmup => "warming up",
        Phase::Measure => "measuring",
        Phase::Drain => "draining",
    }
}

/// What decides, what the budget buys, and what a reader must know, before the first block.
pub(super) fn budget(document: &Document) -> Vec<String> {
    let terms = &document.terms;
    let measured =
        |column: &String| terms.cases.iter().any(|case| case.columns.iter().any(|c| c == column));
    let gated: Vec<String> = terms
        .metrics
        .iter()
        .filter(|metric| metric.gated && measured(&metric.column))
        .map(|metric| format!("{} {}", title(&metric.column), percent_plain(metric.tolerance)))
        .collect();
    let budget = format!(
        "  budget: {} buys {} ({} of each side); a fail is possible from block {} on",
        unit::Span::from_secs(terms.budget_s.round() as u64),
        counted(terms.blocks.into(), "block"),
        counted(u64::from(terms.blocks) * 2, "trial"),
        terms.fewest_blocks
    );
    let mut lines = vec![format!("  decides by: {}", gated.join(", ")), budget];
    lines.extend(document.notes.iter().map(|note| format!("  note: {note}")));
    lines
}

/// One line per block: every metric that decides, so far.
pub(super) fn progress(terms: &Terms, block: u32, decision: &Decision) -> String {
    let several = terms.cases.len() > 1;
    let gated = decision.claims.iter().filter(|claim| claim.metric.gated);
    let told = gated.map(|claim| {
        let case = if several { format!("{} ", claim.case) } else { String::new() };
        format!("{case}{} {}", title(&claim.metric.column), interval(claim))
    });
    let told: Vec<String> = told.collect();
    // Blocks with an invalid trial are begun and do not count.
    let whole = decision.blocks();
    let begun = if whole == block { String::new() } else { format!(" ({block} begun)") };
    format!("block {whole} of {}{begun}: {}", terms.blocks, told.join("; "))
}

/// The change with its interval: `+9.1 % (+7.9 to +10.2 %)`.
pub(super) fn interval(claim: &Claim) -> String {
    let Some(found) = &claim.finding else { return "no whole block yet".to_owned() };
    let worse = claim.metric.worse;
    let (low, high) = match worse {
        Worse::More => (found.lower, found.upper),
        Worse::Less => (found.upper, found.lower),
    };
    let shown = |log_ratio: f64| beside(change(log_ratio, worse), claim.metric.tolerance);
    let end = |log_ratio: f64| log_ratio.is_finite().then(|| shown(log_ratio));
    let told = shown(found.estimate);
    match (end(low), end(high)) {
        (None, None) => format!("{told} (no interval yet)"),
        (Some(low), None) => format!("{told} (at least {low})"),
        (None, Some(high)) => format!("{told} (at most {high})"),
        (Some(low), Some(high)) => format!("{told} ({low} to {high})"),
    }
}

pub(super) fn percent(change: f64) -> String {
    let digits = if change.abs() < 0.001 { 2 } else { 1 };
    format!("{:+.digits$} %", change * 100.0)
}

/// A change with as many digits as tell it from the tolerance: a bound of 4.98 % is below 5 %, and "5.0 %" would not seem so.
pub(super) fn beside(change: f64, tolerance: f64) -> String {
    let rounded = |value: f64, digits: usize| format!("{:.digits$}", value.abs() * 100.0);
    let digits = (1..4).find(|digits| rounded(change, *digits) != rounded(tolerance, *digits));
    match digits {
        Some(digits) if digits > 1 => format!("{:+.digits$} %", change * 100.0),
        _ => percent(change),
    }
}

pub(super) fn percent_plain(share: f64) -> String {
    format!("{} %", unit::significant(share * 100.0))
}

fn title(column: &str) -> &str {
    match spec(column) {
        Some(spec) if !spec.title.is_empty() => spec.title,
        Some(spec) => spec.alias,
        None => column,
    }
}

fn value(column: &str, value: Option<f64>) -> String {
    let Some(value) = value else { return "\u{2013}".to_owned() };
    match spec(column).map(|spec| spec.column.unit) {
        Some(Unit::Nanoseconds) => unit::nanoseconds(value),
        Some(Unit::Bytes) => unit::bytes(value),
        _ => unit::significant(value),
    }
}

/// The outcome in a sentence.
pub(super) fn headline(document: &Document, decision: &Decision) -> String {
    let blocks = counted(decision.blocks().into(), "block");
    let several = document.terms.cases.len() > 1;
    if let Some(stopped) = &document.stopped_by {
        return format!("INCONCLUSIVE: stopped by {stopped} after {blocks}.");
    }
    match decision.outcome {
        Outcome::Pass => format!("PASS: the head is not worse than tolerated. {blocks}."),
        Outcome::Fail if decision.losses.iter().any(|of| of.failed) => {
            let failed = decision.losses.iter().filter(|of| of.failed);
            let told = failed.map(|of| {
                let trials = counted(of.trials[1] as u64, "trial");
                if several { format!("{trials} of {}", of.case) } else { trials }
            });
            format!(
                "FAIL: the head lost or repeated deliveries in {}, the base in none.",
                told.collect::<Vec<_>>().join(", ")
            )
        }
        Outcome::Fail => format!("FAIL: the head is worse. {blocks}."),
        Outcome::MachineMoved => {
            let moved = decision
                .claims
                .iter()
                .filter(|claim| claim.metric.gated)
                .filter_map(|claim| claim.finding.as_ref())
                .flat_map(|found| &found.controls)
                .filter(|control| control.moved)
                .map(|control| control.estimate.abs().exp_m1())
                .fold(0.0, f64::max);
            format!(
                "MACHINE MOVED: this machine moved by {} on its own. Free its CPU and run the gate again.",
                percent_plain(moved)
            )
        }
        Outcome::Inconclusive if decision.pass_is_withheld() => format!(
            "INCONCLUSIVE: no metric is worse, but a pass is withheld (see below). {blocks}."
        ),
        Outcome::Inconclusive => format!("INCONCLUSIVE: {blocks} did not decide."),
    }
}

/// `12 blocks`.
pub(super) fn blocks(decision: &Decision) -> String {
    counted(decision.blocks().into(), "block")
}

/// The medians of base and head.
pub(super) fn medians(held: &Claim) -> String {
    let column = &held.metric.column;
    let [before, after] = held.medians;
    format!("median {} \u{2192} {}", value(column, before), value(column, after))
}

/// The metrics that do not decide, in a sentence.
pub(super) fn informed(decision: &Decision) -> Option<String> {
    let several = decision.claims.iter().any(|claim| claim.case != decision.claims[0].case);
    let told = decision.claims.iter().filter(|claim| !claim.metric.gated).map(|claim| {
        let case = if several { format!("{} ", claim.case) } else { String::new() };
        format!("{case}{} {}", title(&claim.metric.column), interval(claim))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("Not judged, for information: {}.", told.join("; ")))
}

/// The lines of one claim.
fn claim(held: &Claim) -> [String; 4] {
    let column = &held.metric.column;
    let [before, after] = held.medians;
    let outcome = match &held.finding {
        _ if !held.metric.gated => "informs".to_owned(),
        None => "no whole block".to_owned(),
        Some(found) => {
            let told = name(found.outcome).to_owned();
            match held.visible.filter(|_| found.outcome != Outcome::Fail) {
                Some(visible) => format!(
                    "{told}; would have seen {}",
                    beside(change(visible, held.metric.worse), held.metric.tolerance)
                ),
                None => told,
            }
        }
    };
    [
        title(column).to_owned(),
        format!("{} \u{2192} {}", value(column, before), value(column, after)),
        interval(held),
        outcome,
    ]
}

/// Why the losses of a case withhold a pass.
fn withheld(losses: &Losses) -> impl Iterator<Item = String> {
    let case = &losses.case;
    let reasons = [
        losses.unconfirmed.then(|| {
            format!(
                "No pass: the head alone lost or repeated deliveries of {case}, and too few trials confirmed or refuted it. Run the \
                 gate again."
            )
        }),
        losses.doubtful.then(|| {
            format!(
                "No pass: the head alone lost or repeated deliveries of {case}, but not reliably: these trials were degraded, or a \
                 further trial lost none. Free the machine's CPU and run the gate again, or raise phases.drain."
            )
        }),
        losses.excess.then(|| {
            format!(
                "No pass: the head lost or repeated more deliveries of {case} than the base (p <= 0.01). Find the cause."
            )
        }),
    ];
    reasons.into_iter().flatten()
}

/// What else a reader must know.
pub(super) fn remarks(document: &Document, decision: &Decision) -> Vec<String> {
    let mut said = document.notes.clone();
    let Decision { losses, broken_blocks, trials, unusable, .. } = decision;
    let several = document.terms.cases.len() > 1;
    for of in losses.iter().filter(|of| of.trials != [0, 0]) {
        let case = if several { format!("{}: ", of.case) } else { String::new() };
        said.push(format!(
            "{case}Lost deliveries: {} of the base, {} of the head. Repeated: {} of the base, {} of the head.",
            of.lost[0], of.lost[1], of.duplicate[0], of.duplicate[1]
        ));
    }
    said.extend(losses.iter().flat_map(withheld));
    if *broken_blocks > 0 {
        said.push(format!(
            "{} {} not count: {} of {} base trials and {} of {} head trials were unusable.",
            counted(*broken_blocks as u64, "broken block"),
            if *broken_blocks == 1 { "does" } else { "do" },
            unusable[0],
            trials[0],
            unusable[1],
            trials[1]
        ));
    }
    said.extend(decision.broken.told());
    let gated = decision.claims.iter().filter(|claim| claim.metric.gated);
    let controls = gated.clone().filter_map(|claim| {
        let found = claim.finding.as_ref()?;
        let [base, head] = &found.controls;
        let told = |estimate: f64| percent(change(estimate, claim.metric.worse));
        Some(format!(
            "{} {} and {}",
            title(&claim.metric.column),
            told(base.estimate),
            told(head.estimate)
        ))
    });
    let controls: Vec<String> = controls.collect();
    if !controls.is_empty() {
        said.push(format!(
            "Controls (later \u{f7} earlier trial of the same side, base and head): {}.",
            controls.join("; ")
        ));
    }
    let slots = gated.filter_map(|claim| {
        let found = claim.finding.as_ref()?;
        let told = found.slots.map(|slot| percent(change(slot, claim.metric.worse)));
        Some(format!("{} {}", title(&claim.metric.column), told.join(", ")))
    });
    let slots: Vec<String> = slots.collect();
    if !slots.is_empty() {
        said.push(format!("Effect of the four slots of a block: {}.", slots.join("; ")));
    }
    said
}

fn text(document: &Document, decision: &Decision) -> String {
    let mut out = format!("{}\n\n", headline(document, decision));
    let _ = writeln!(out, "  base  {}\n  head  {}", document.base.what, document.head.what);
    for case in &document.terms.cases {
        let rows: Vec<[String; 4]> =
            decision.claims.iter().filter(|held| held.case == case.id).map(claim).collect();
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2)];
        let _ = writeln!(out, "\n{}", case.id);
        for [name, values, change, outcome] in &rows {
            let [a, b, c] = widths;
            let _ = writeln!(out, "  {name:a$}  {values:b$}  {change:c$}  {outcome}");
        }
    }
    out.push('\n');
    for remark in remarks(document, decision) {
        let _ = writeln!(out, "{remark}");
    }
    out
}

fn markdown(document: &Document, decision: &Decision) -> String {
    let mut out =
        format!("# Gate of {}\n\n**{}**\n\n", document.scenario, headline(document, decision));
    let _ = writeln!(out, "- base: `{}`\n- head: `{}`", document.base.what, document.head.what);
    for case in &document.terms.cases {
        let _ = writeln!(
            out,
            "\n## {}\n\n| metric | base \u{2192} head | change | |\n| --- | --- | --- | --- |",
            case.id
        );
        for [name, values, change, outcome] in
            decision.claims.iter().filter(|held| held.case == case.id).map(claim)
        {
            let _ = writeln!(out, "| {name} | {values} | {change} | {outcome} |");
        }
    }
    out.push('\n');
    for remark in remarks(document, decision) {
        let _ = writeln!(out, "{remark}\n");
    }
    out
}

/// Writes `report.md`.
pub(super) fn write(
    document: &Document,
    decision: &Decision,
    folder: &Path,
) -> Result<(), FolderError> {
    whole(&folder.join("report.md"), markdown(document, decision).as_bytes())
}

/// Prints the decision, and the folder as the last line.
pub(super) fn print(document: &Document, decision: &Decision, folder: &Path, format: Format) {
    match format {
        Format::Text => {
            let text = fit(&text(document, decision), screen::columns_of_stdout(), true);
            output::print(format!("{}\n", unit::typographic(&text)));
            output::print_path(folder);
        }
        Format::Json => print_document(&json!({
            "schema_version": SCHEMA_VERSION,
            "exit_status": decision.status(),
            "folder": folder,
            "gate": document,
            "result": decision.json(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_never_seems_to_be_the_tolerance_where_it_is_not() {
        for (change, tolerance, expected) in [
            (0.0498, 0.05, "+4.98 %"),
            (0.05, 0.05, "+5.0 %"),
            (0.0502, 0.05, "+5.02 %"),
            (-0.0498, 0.05, "-4.98 %"),
            (0.062, 0.05, "+6.2 %"),
            (0.0002, 0.005, "+0.02 %"),
            (0.004_98, 0.005, "+0.498 %"),
        ] {
            assert_eq!(beside(change, tolerance), expected);
        }
    }
}
