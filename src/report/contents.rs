//! What a report holds, in the order of reading: the one place where sections are chosen and ordered.

use super::View;
use super::chart::{Chart, chart, charts as all_charts};
use super::document::{Block, Document, Extent, Section};
use super::{
    cases, causes, caveats, details, disruption, errors, external, flips, floor, glance, ledger,
    machine, method, prose, sends, stages, trust,
};
use Extent::{Always, Full, Short};

/// Most causes of trials that are not valid on a screen.
const CAUSES: usize = 4;

/// The whole report.
pub(super) fn document(view: &View) -> Document {
    let first = answer(view, Some(trust::verdict(view)));
    let disruptions = disruption::sections(view);
    let further = [
        limits(view),
        objectives(view),
        warnings(view),
        charts(view),
        intervals(view),
        costs(view),
        where_the_time_goes(view),
        noise_floor(view),
        trials(view),
        Section::new("How it was measured", [(Full, Block::Sentences(method::sentences(view)))]),
        Section::new("Files", [(Full, Block::Files(details::files(view)))]),
    ];
    let sections = first.into_iter().chain(disruptions).chain(further.into_iter().flatten());
    titled(view, sections.collect())
}

fn titled(view: &View, sections: Vec<Section>) -> Document {
    let scenario = &view.run.info.scenario;
    Document { title: scenario.name.clone(), question: scenario.question.clone(), sections }
}

/// The same for a page: each chart beside the tables that it belongs to.
pub(super) fn page(view: &View) -> Document {
    let further = [
        limits(view),
        objectives(view),
        warnings(view),
        drawn(view, "Percentiles", &["freshness-percentiles"], None),
        drawn(view, "Over what is swept", &["crossover", "freshness-load", "cost-growth"], None),
        over_time(view),
        phases(view),
        ledger(view),
        where_the_time_goes(view),
        drawn(view, "Cost", &["cost", "freshness-cost"], costs(view)),
        intervals(view),
        noise_floor(view),
        Section::new("Each case", cases::details(view).into_iter().map(|block| (Full, block))),
        machine(view),
        trials(view),
        how(view),
    ];
    // The verdict stands above the sections.
    let sections = answer(view, None)
        .into_iter()
        .chain(disruption::sections(view))
        .chain(further.into_iter().flatten())
        .collect();
    titled(view, sections)
}

/// Freshness, where anything delivers, and what arrived.
fn over_time(view: &View) -> Option<Section> {
    let delivers = view.findings.cases.iter().any(|case| case.pattern.delivers());
    let charts: &[&str] =
        if delivers { &["timeline", "deliveries-per-second"] } else { &["deliveries-per-second"] };
    drawn(view, "Over time", charts, None)
}

fn phases(view: &View) -> Option<Section> {
    let tables = [machine::phases(view), machine::phases_of_cases(view)];
    Section::new("Phases", tables.map(|table| (Full, Block::Table(table))))
}

fn ledger(view: &View) -> Option<Section> {
    let blocks = [
        Block::Paragraph(ledger::READING.to_owned()),
        Block::Table(ledger::deliveries(view)),
        Block::Table(ledger::requests(view)),
    ];
    Section::new("Every delivery accounted for", blocks.map(|block| (Full, block)))
}

fn machine(view: &View) -> Option<Section> {
    let blocks = [
        Block::Sentences(vec![prose::machine(view)]),
        Block::Paragraph(machine::READING.to_owned()),
        Block::Table(machine::table(view)),
    ];
    Section::new("What the machine did", blocks.map(|block| (Full, block)))
}

/// How it was measured, the command that repeats it, and the scenario as it was resolved.
fn how(view: &View) -> Option<Section> {
    let mut scenario = serde_json::to_value(&view.run.info.scenario).unwrap_or_default();
    // Each case has its own settings beside its figures.
    scenario.as_object_mut().and_then(|keys| keys.remove("cases"));
    let scenario = serde_json::to_string_pretty(&scenario).unwrap_or_default();
    let blocks = [
        Block::Paragraph("This command repeats the run:".to_owned()),
        Block::Code(method::to_be_typed(&view.run.info.command)),
        Block::Sentences(method::sentences(view)),
        Block::Fold(
            "The scenario as resolved, without its cases, JSON".to_owned(),
            vec![Block::Code(scenario)],
        ),
    ];
    Section::new("How it was measured", blocks.map(|block| (Full, block)))
}

/// A chart, and what it shows of this run.
fn with_caption(view: &View, chart: &'static Chart) -> [Block; 2] {
    [Block::Chart(chart), Block::Paragraph(chart.says(view))]
}

/// A section of those charts that say something, with what follows them.
fn drawn(
    view: &View,
    title: &'static str,
    charts: &[&str],
    then: Option<Section>,
) -> Option<Section> {
    let charts = charts.iter().map(|name| chart(name)).filter(|chart| (chart.applies)(view));
    let charts = charts.flat_map(|chart| with_caption(view, chart)).map(|block| (Full, block));
    Section::new(title, charts.chain(then.into_iter().flat_map(|section| section.blocks)))
}

/// The verdict on the run, the table, and a sentence per question that it answers.
fn answer(view: &View, verdict: Option<String>) -> Option<Section> {
    let trusted = verdict.into_iter().chain(trust::limits(view)).collect();
    let blocks = [
        (Always, Block::Sentences(trusted)),
        (Always, Block::Table(glance::table(view))),
        (Short, Block::Sentences(prose::answers_in_short(view))),
        (Full, Block::Sentences(prose::answers(view))),
        (Always, Block::Sentences(flips::sentences(view))),
        (Always, Block::Sentences(sends::sentences(view))),
    ];
    Section::new("Answer", blocks)
}

/// What the figures cannot say: trials that were disturbed, deliveries that were lost, the noise floor.
fn limits(view: &View) -> Option<Section> {
    let blocks = [
        (Short, Block::Sentences(trust::most_causes(view, CAUSES))),
        (Full, Block::Sentences(trust::causes(view))),
        (Short, Block::Sentences(errors::most(view))),
        (Full, Block::Sentences(errors::sentences(view))),
        (Always, Block::Sentences(external::sentences(view))),
        (Always, Block::Sentences(trust::losses(view))),
        (Full, Block::Sentences(trust::too_few(view).into_iter().collect())),
        (Always, Block::Sentences(floor::sentences(view))),
    ];
    Section::new("Limits of these figures", blocks)
}

fn objectives(view: &View) -> Option<Section> {
    let blocks = [
        (Short, Block::Sentences(prose::objectives(view))),
        (Full, Block::Table(details::objectives(view))),
    ];
    Section::new("Objectives", blocks)
}

fn warnings(view: &View) -> Option<Section> {
    Section::new("Warnings", [(Always, Block::Sentences(prose::warnings(view)))])
}

fn charts(view: &View) -> Option<Section> {
    let blocks = all_charts(view).flat_map(|chart| with_caption(view, chart));
    Section::new("Charts", blocks.map(|block| (Full, block)))
}

fn intervals(view: &View) -> Option<Section> {
    let blocks = [
        (Full, Block::Paragraph(details::INTERVALS.to_owned())),
        (Full, Block::Table(details::intervals(view))),
    ];
    Section::new("Intervals", blocks)
}

fn costs(view: &View) -> Option<Section> {
    let table = causes::table(view);
    let reading = table.groups.iter().any(|group| !group.rows.is_empty());
    let reading = reading.then(|| (Full, Block::Paragraph(causes::READING.to_owned())));
    let blocks = reading.into_iter().chain([(Full, Block::Table(table))]);
    Section::new("What causes the cost", blocks)
}

fn where_the_time_goes(view: &View) -> Option<Section> {
    let mut tables = stages::tables(view).map(|table| (Full, Block::Table(table))).peekable();
    let reading = tables.peek().map(|_| {
        let how = "p50 / p99 of each stage, of all samples of the usable trials. Quantiles of stages do not add up.";
        [
            (Full, Block::Paragraph(how.to_owned())),
            (Full, Block::Terms(stages::TERMS.into())),
        ]
    });
    let delayed = [caveats::delayed(view), caveats::herds(view)].concat();
    let blocks = reading.into_iter().flatten().chain(tables);
    Section::new("Where the time goes", blocks.chain([(Full, Block::Sentences(delayed))]))
}

fn noise_floor(view: &View) -> Option<Section> {
    Section::new("Noise floor", [(Full, Block::Table(floor::table(view)))])
}

fn trials(view: &View) -> Option<Section> {
    Section::new("Trials", [(Full, Block::Table(details::trials(view)))])
}
