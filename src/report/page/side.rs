//! Runs side by side on one page: each against the first, with intervals, and what cannot be compared.

use super::html::Html;
use super::{DATA, blocks, data, link_list, links, shell};
use crate::report::View;
use crate::report::change::Comparison;
use crate::report::chart::{Chart, chart};
use crate::report::document::{Block, Cell, Document, Extent, Section, Table, left};
use crate::report::group::printable;
use crate::report::trust;

/// Charts that are drawn of each run.
const CHARTS: [(&str, &str); 2] =
    [("Percentiles of each run", "freshness-percentiles"), ("Cost of each run", "cost")];
/// Title of the section that lists the runs.
const RUNS: &str = "Runs";

/// The page of `views`, of which each but the first has a comparison with the first.
pub(in crate::report) fn side_by_side(views: &[View], comparisons: &[Comparison]) -> String {
    let names: Vec<&str> = views.iter().map(|view| view.run.info.scenario.name.as_str()).collect();
    let title = if names.iter().all(|name| *name == names[0]) {
        names[0].to_owned()
    } else {
        names.join(", ")
    };
    let question = format!(
        "{} runs side by side: what changed from run 1, and with which confidence?",
        views.len()
    );
    let document = Document { title, question, sections: Vec::new() };
    shell(&document, |html| {
        verdict(html, comparisons);
        blocks::section(html, &runs(views), None, "paper");
        let pairs: Vec<Document> = comparisons.iter().map(Comparison::document).collect();
        let titles = titles(&pairs);
        let own = titles.iter().flatten().map(String::as_str);
        let drawn = CHARTS.iter().filter(|(_, name)| views.iter().any(chart(name).applies));
        link_list(html, own.chain(drawn.clone().map(|(title, _)| *title)).chain([DATA]));
        for (titles, pair) in titles.iter().zip(&pairs) {
            for (title, section) in titles.iter().zip(&pair.sections) {
                blocks::titled(html, title, section, None, "paper");
            }
        }
        for (title, name) in drawn {
            charts(html, title, chart(name), views);
        }
        let files: Vec<data::File> = (1..)
            .zip(views)
            .flat_map(|(number, view)| data::of_side(view, &prefix(number)))
            .collect();
        links(html, &files);
    })
}

/// What the files of a run begin with.
fn prefix(number: usize) -> String {
    format!("run-{number}-")
}

/// The titles of each comparison's sections.
fn titles(pairs: &[Document]) -> Vec<Vec<String>> {
    let of = |(number, pair): (usize, &Document)| {
        let title = |section: &Section| format!("Run {number} against run 1: {}", section.title);
        pair.sections.iter().map(title).collect()
    };
    (2..).zip(pairs).map(of).collect()
}

/// Whether the runs can be compared at all, in words.
fn verdict(html: &mut Html, comparisons: &[Comparison]) {
    let refused: Vec<String> = (2..)
        .zip(comparisons)
        .flat_map(|(number, comparison)| {
            let phrases = comparison.comparability.refused.iter();
            phrases.map(move |phrase| format!("Run {number} and run 1: {}.", printable(phrase)))
        })
        .collect();
    let (class, word) = if refused.is_empty() { ("yes", "Yes") } else { ("no", "No") };
    let class_of_all = format!("verdict {class}");
    html.line();
    html.element("div", &[("class", class_of_all.as_str())], |html| {
        html.element("p", &[], |html| {
            html.text("Can these runs be compared? ");
            html.leaf("strong", &[("class", &format!("word-{class}"))], word);
            html.text(if refused.is_empty() {
                ": same load, target and kind of host."
            } else {
                ": more than the target differs, and the differences below may come from that."
            });
        });
        for sentence in refused.iter().take(MOST) {
            html.leaf("p", &[], sentence);
        }
        if refused.len() > MOST {
            html.leaf("p", &[], &format!("And {} more.", refused.len() - MOST));
        }
    });
}

/// Most reasons against a comparison that stand beside the verdict; each comparison has its own.
const MOST: usize = 6;

/// The runs, each with its number.
fn runs(views: &[View]) -> Section {
    let row = |(number, view): (usize, &View)| {
        let info = &view.run.info;
        let (word, why) = trust::trusted(view);
        let cells = [
            format!("run {number}"),
            info.scenario.name.clone(),
            info.started_utc.clone(),
            format!("{} ({} cores)", info.host.name, info.host.cores),
            format!("{}, revision {}", info.build.tidings_version, info.build.build_revision),
            format!("{word}: {why}"),
        ];
        cells.map(Cell::from).into()
    };
    let head = ["run", "scenario", "started", "host", "tidings", "can it be trusted?"].map(left);
    let table = Table::new(head.into(), (1..).zip(views).map(row).collect());
    Section { title: RUNS, blocks: vec![(Extent::Always, Block::Table(table))] }
}

/// A chart of every run, beside one another where there is room.
fn charts(html: &mut Html, title: &str, chart: &Chart, views: &[View]) {
    let id = blocks::slug(title);
    let heading = format!("{id}-title");
    html.line();
    let attributes = [("id", id.as_str()), ("aria-labelledby", &heading), ("class", "paper")];
    html.element("section", &attributes, |html| {
        html.leaf("h2", &[("id", heading.as_str())], title);
        html.element("div", &[("class", "beside")], |html| {
            for (number, view) in (1..).zip(views) {
                let prefix = prefix(number);
                html.element("div", &[("data-run", prefix.as_str())], |html| {
                    html.leaf("h3", &[], &format!("Run {number}"));
                    if (chart.applies)(view) {
                        blocks::chart(html, chart, view, &format!("Run {number}, "));
                    } else {
                        html.leaf("p", &[], "This run has no figures for this chart.");
                    }
                });
            }
        });
    });
}
