//! `report.md`: the question, the answer, and how it was measured.

use std::fmt::Write as _;

use super::group::{groups, printable};
use super::table::{columns, verdict, with_interval};
use super::transport::transport;
use super::{
    View, causes, caveats, chart, disruption, flips, floor, prose, sends, stages, trust, webhook,
};
use crate::judge::CaseSummary;
use crate::record::COST;
use crate::unit::{bytes, bytes_per_second, cores, count, nanoseconds, significant, typographic};

/// Files of the folder, with the content of each.
const FILES: [(&str, &str); 10] = [
    ("run.json", "scenario as resolved, plan, host, versions"),
    ("trials.csv", "one row per trial"),
    ("floor.csv", "one row per noise-floor trial"),
    ("summary.csv", "one row per case: medians over trials, with intervals"),
    ("percentiles.csv", "quantiles of each case and metric"),
    ("timeline.csv", "one row per second of each trial"),
    ("histograms.hlog", "all samples: HdrHistogram interval log, tags case.metric"),
    ("histograms/", "percentile distributions of each case and metric (.hgrm, microseconds)"),
    ("charts/", "the charts above, as SVG and PNG"),
    ("report.md", "this report"),
];

/// The complete page.
pub(super) fn markdown(view: &View) -> String {
    let info = &view.run.info;
    let mut page =
        format!("# {}\n\n{}\n", escape(&info.scenario.name), escape(&info.scenario.question));
    section(&mut page, "Answer");
    let answers = trust::details(view).into_iter().chain(prose::answers(view));
    list(&mut page, answers.chain(flips::sentences(view)).chain(sends::sentences(view)));
    let _ = writeln!(page, "\n{}", comparison(view));
    section(&mut page, "Charts");
    for chart::Chart { name, what, .. } in chart::CHARTS {
        let _ = writeln!(page, "![{what}](charts/{name}.svg)\n");
    }
    if !view.judgements.is_empty() || !view.refused.is_empty() {
        section(&mut page, "Objectives");
        page.push_str(&objectives(view));
    }
    for told in disruption::sections(view) {
        section(&mut page, told.title);
        list(&mut page, told.told.into_iter());
        let _ = writeln!(page, "\n{}\n", told.what);
        rows(&mut page, &told.table);
    }
    section(&mut page, "Intervals");
    page.push_str(&intervals(view));
    if let Some(table) = causes::table(view) {
        section(&mut page, "What causes the cost");
        page.push_str(causes::WHAT);
        rows(&mut page, &table);
    }
    let went = where_the_time_goes(view);
    let delayed = [caveats::delayed(view), caveats::herds(view)].concat();
    if !went.is_empty() || !delayed.is_empty() {
        section(&mut page, "Where the time goes");
        page.push_str(&went);
        if !went.is_empty() && !delayed.is_empty() {
            page.push('\n');
        }
        list(&mut page, delayed.into_iter());
    }
    if !view.run.floors.is_empty() {
        section(&mut page, "Noise floor");
        page.push_str(&noise_floor(view));
    }
    section(&mut page, "Trials");
    page.push_str(&trials(view));
    section(&mut page, "How it was measured");
    list(&mut page, measured(view).into_iter());
    if view.run.floors.is_empty() {
        list(&mut page, floor::sentences(view).into_iter());
    }
    let warnings = prose::warnings(view);
    if !warnings.is_empty() {
        section(&mut page, "Warnings");
        list(&mut page, warnings.into_iter());
    }
    section(&mut page, "Files");
    for (name, what) in FILES {
        if name != "floor.csv" || !view.run.floors.is_empty() {
            let _ = writeln!(page, "- [`{name}`]({name}): {what}");
        }
    }
    if info.scenario.worker.samples > 0 {
        page.push_str(
            "- `samples.csv`: individual requests and polls, the first ones of each shard\n",
        );
    }
    typographic(&page)
}

fn section(page: &mut String, title: &str) {
    let _ = write!(page, "\n## {title}\n\n");
}

fn list(page: &mut String, sentences: impl Iterator<Item = String>) {
    for sentence in sentences {
        let _ = writeln!(page, "- {}", escape(&sentence));
    }
}

/// A text that Markdown prints as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in printable(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn row(page: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

/// The table at a glance.
fn comparison(view: &View) -> String {
    let columns = columns(&view.cases);
    let mut page = String::new();
    let heads = columns.iter().map(|column| column.header.join(" ").trim().to_owned());
    row(&mut page, std::iter::once("case".to_owned()).chain(heads));
    let right = columns.iter().map(|_| "---:".to_owned());
    row(&mut page, std::iter::once("---".to_owned()).chain(right));
    for group in groups(&view.cases) {
        for (label, case) in &group.rows {
            let name = [group.heading.as_str(), label.as_str()];
            let name =
                name.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
            let cells = columns.iter().map(|column| escape(&(column.cell)(case)));
            row(&mut page, std::iter::once(escape(&name)).chain(cells));
        }
    }
    if view.cases.iter().any(|case| !case.pattern.delivers()) {
        page.push_str(
            "\n\\* response time: nothing is delivered to `request`, so it has no freshness.\n",
        );
    }
    for legend in view
        .labels
        .legend()
        .into_iter()
        .chain(trust::legend(view))
        .chain(floor::legend(view))
        .chain(prose::prices(view))
    {
        let _ = writeln!(page, "\n{}", escape(&legend));
    }
    for caveat in caveats::caveats(view) {
        let _ = writeln!(page, "\n\\* {}", escape(&caveat));
    }
    page
}

fn objectives(view: &View) -> String {
    let mut page = String::new();
    row(&mut page, ["objective", "case", "measured", "outcome"].map(str::to_owned));
    row(&mut page, ["---", "---", "---:", "---"].map(str::to_owned));
    for judgement in &view.judgements {
        let (case, outcome) = (view.name(&judgement.case), judgement.outcome.name());
        let cells = [judgement.objective.as_str(), &case, &judgement.printed, outcome];
        row(&mut page, cells.map(escape));
    }
    for error in &view.refused {
        row(&mut page, [escape(&error.to_string()), "-".into(), "-".into(), "unknown".into()]);
    }
    page
}

/// The figures that cases are compared by, with their intervals.
fn intervals(view: &View) -> String {
    let mut page = String::from(
        "Median over the usable trials of a case, with the order-statistic confidence interval of the median in brackets. \
         Three trials give 75 % confidence; 95 % takes at least six.\n\n",
    );
    let heads = [
        "case",
        "trials",
        "confidence",
        "fresh p50",
        "fresh p99",
        "target CPU",
        "wire bytes",
        "target memory",
        "cost/month of 1k clients",
    ];
    row(&mut page, heads.map(str::to_owned));
    row(
        &mut page,
        heads.map(|head| if head == "case" { "---".to_owned() } else { "---:".to_owned() }),
    );
    for case in &view.cases {
        let cell = |column: &str, unit: fn(f64) -> String| {
            escape(&case.figure(column).map_or_else(|| "-".to_owned(), |e| with_interval(e, unit)))
        };
        let news = |quantile: &str| cell(case.headline(quantile), nanoseconds);
        row(
            &mut page,
            [
                escape(&view.name(&case.case)),
                case.trials.usable().to_string(),
                confidence(case),
                news("p50"),
                news("p99"),
                cell("target_cpu_cores", cores),
                cell("wire_bytes_per_s", bytes_per_second),
                cell("target_memory_bytes", bytes),
                cell(COST, significant),
            ],
        );
    }
    page
}

/// The stages of requests and deliveries.
fn where_the_time_goes(view: &View) -> String {
    let tables = stages::tables(view);
    let mut page = String::new();
    if tables.is_empty() {
        return page;
    }
    page.push_str(
        "p50 / p99 of each stage, medians over the usable trials. Quantiles of stages do not add up. *Fired*: the timer \
         fired, or the client became free. *Written*: the target's kernel accepted the event's last byte. The time from \
         written to received can be estimated only from the difference of the two medians.\n",
    );
    for table in tables {
        page.push('\n');
        rows(&mut page, &table);
    }
    page
}

/// A table whose first column is the case.
fn rows(page: &mut String, table: &stages::Table) {
    row(page, table.head.iter().cloned());
    let rule = |(i, _)| if i == 0 { "---".to_owned() } else { "---:".to_owned() };
    row(page, table.head.iter().enumerate().map(rule));
    for cells in &table.rows {
        row(page, cells.iter().map(|cell| escape(cell)));
    }
}

/// The noise floors that figures are compared with.
fn noise_floor(view: &View) -> String {
    let mut page = String::new();
    list(&mut page, floor::sentences(view).into_iter());
    page.push('\n');
    row(&mut page, floor::HEADS.map(str::to_owned));
    let left = |head: &str| matches!(head, "floor of" | "cases" | "verdict");
    row(&mut page, floor::HEADS.map(|head| if left(head) { "---" } else { "---:" }.to_owned()));
    for cells in floor::rows(view) {
        row(&mut page, cells.map(|cell| escape(&cell)));
    }
    page
}

fn confidence(case: &CaseSummary) -> String {
    let interval = crate::stats::median_interval(case.trials.usable(), crate::stats::CONFIDENCE);
    match interval {
        Some(interval) if interval.confidence > 0.0 => {
            format!("{} %", significant(interval.confidence * 100.0))
        }
        _ => "-".to_owned(),
    }
}

fn trials(view: &View) -> String {
    let mut page = String::new();
    row(&mut page, ["block", "case", "trial", "verdict", "reasons"].map(str::to_owned));
    row(&mut page, ["---:", "---", "---:", "---", "---"].map(str::to_owned));
    for trial in &view.run.trials {
        let identity = &trial.identity;
        row(
            &mut page,
            [
                identity.block.to_string(),
                escape(&view.name(&identity.case)),
                identity.trial.to_string(),
                trial.verdict.to_string(),
                escape(&trial.verdict_reasons.join("; ")),
            ],
        );
    }
    let unrun = view.cases.iter().filter(|case| case.verdict.is_none());
    for case in unrun {
        let name = escape(&view.name(&case.case));
        row(&mut page, ["-".into(), name, "-".into(), verdict(case), String::new()]);
    }
    page
}

fn measured(view: &View) -> Vec<String> {
    let info = &view.run.info;
    let (host, phases, scenario) = (&info.host, &info.scenario.phases, &info.scenario);
    let finished = info
        .finished_utc
        .clone()
        .unwrap_or_else(|| "not recorded (still running, or killed)".to_owned());
    let build = &info.build;
    let modified = if build.build_modified == Some(true) { ", modified" } else { "" };
    let user = info.working_directory_revision.as_deref().unwrap_or("none (not a git repository)");
    vec![
        format!("Started {}, finished {finished}.", info.started_utc),
        format!(
            "tidings {}, built from revision {}{modified} ({} build); files of schema version {}.",
            build.tidings_version, build.build_revision, build.build_profile, info.schema_version
        ),
        format!("Revision in the working directory: {user}."),
        format!(
            "Host {}: {} cores ({}), {} of memory, {}, clock source {}, {} file descriptors per process.",
            host.name,
            host.cores,
            if host.cpu.is_empty() { "unnamed processor" } else { &host.cpu },
            bytes(host.memory_bytes as f64),
            host.kernel,
            host.clock_source,
            count(host.descriptors as f64)
        ),
        format!(
            "Each trial runs in new processes: connect {}, idle {}, warm-up {}, measure {}, drain up to {}. {} trials per case, in \
             blocks of random order (seed {}).",
            phases.connect, phases.idle, phases.warmup, phases.measure, phases.drain, scenario.trials, scenario.seed
        ),
        "Freshness is the age of an event on arrival: received - due. Due is the scheduled time, so a late publisher \
         counts against freshness. Target and workers share one host and one clock."
            .to_owned(),
        prose::pacing(view),
        webhook::sentence(view),
        "CPU: the target process in the measure window. Wire bytes: IP level, both directions, from TCP_INFO. Memory: \
         slope of the target's anonymous memory over its number of links; kernel memory is excluded."
            .to_owned(),
        [Some(prose::machine(view)), transport(view)].into_iter().flatten().collect::<Vec<_>>().join(" "),
        "`~` marks a difference that is not significant. Ratios are Hodges-Lehmann estimates over the blocks with exact \
         signed-rank intervals; p values are exact and adjusted for all comparisons of the run (Holm)."
            .to_owned(),
        format!("Command: {}", info.command.join(" ")),
    ]
    .into_iter()
    .filter(|sentence| !sentence.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Recorder;
    use crate::record::Run;
    use crate::record::synthetic::{info, scenario, six, write_run};

    #[test]
    fn a_page_begins_with_the_question_and_holds_every_part() {
        let out = tempfile::tempdir().unwrap();
        let mut cases = six();
        for case in &mut cases {
            case.workload.clients = 20;
        }
        let mut info = info(scenario(cases, 3, &["reach >= 1"]));
        info.warnings.push("a <b>debug</b> build".to_owned());
        let folder = write_run(out.path(), &info, |facts| {
            let mut recorder = Recorder::new();
            (0..3).for_each(|_| recorder.record_poll(5));
            facts.workers.merge(&recorder.snapshot());
            if facts.trial == 2 {
                facts.failure = Some("died | of *thirst*".to_owned());
            }
        });
        let page = markdown(&View::new(Run::read(&folder).unwrap()));
        assert!(
            page.contains("Judged by the limits of a shared host")
                && page.contains("CPU steal 0 %"),
            "{page}"
        );
        assert_eq!(page.matches("thundering herd: up to 3 of 20 clients ").count(), 1);
        assert!(page.starts_with("# made-up\n\nHow should 1,000 consumers"));
        let heads: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let expected = [
            "Answer",
            "Charts",
            "Objectives",
            "Intervals",
            "Where the time goes",
            "Trials",
            "How it was measured",
            "Warnings",
            "Files",
        ];
        assert_eq!(heads, expected);
        assert!(
            page.contains("died / of \\*thirst\\*") && page.contains("a \\<b\\>debug"),
            "{page}"
        );
        let table: Vec<_> = page.lines().filter(|line| line.starts_with('|')).collect();
        let pipes = |line: &str| line.replace("\\|", "").matches('|').count();
        for pair in table.windows(2).take(6) {
            assert_eq!(pipes(pair[0]), pipes(pair[1]), "{pair:?}");
        }
    }
}
