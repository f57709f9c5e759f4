//! `report.html`: the report as one file that loads nothing, for those who decide.
//!
//! It is whole without its script, which only sorts tables, and draws parts of charts again at another scale. Own script over
//! the SVG that is there anyway: a chart library would need a second copy of each chart for readers without scripts.

mod blocks;
mod data;
mod html;
mod side;
mod svg;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::View;
use super::contents;
use super::document::{Document, Section};
use super::group::printable;
use super::{prose, trust};
use crate::judge::Outcome;
use html::Html;
pub(super) use side::side_by_side;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The whole page of a run.
pub(super) fn page(view: &View) -> String {
    let document = contents::page(view);
    shell(&document, |html| {
        verdict(html, view);
        let mut sections = document.sections.iter();
        if let Some(answer) = sections.next() {
            blocks::section(html, answer, Some(view), "answer");
        }
        contents_list(html, &document.sections);
        for section in sections {
            blocks::section(html, section, Some(view), class_of(section.title));
        }
        links(html, &data::files(view));
    })
}

/// Whether a section is on paper, and where: two pages hold what decides.
fn class_of(title: &str) -> &'static str {
    match title {
        "Percentiles" => "paper page-2",
        "Limits of these figures" | "Every delivery accounted for" | "Cost" => "paper",
        _ => "screen",
    }
}

/// A page around what `content` writes.
fn shell(document: &Document, content: impl FnOnce(&mut Html)) -> String {
    let title = printable(&document.title);
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let mut html = Html::document();
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| {
            html.void("meta", &[("charset", "utf-8")]);
            html.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
            let width = [("name", "viewport"), ("content", "width=device-width, initial-scale=1")];
            html.void("meta", &width);
            html.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
            html.leaf("title", &[], &format!("{title}: tidings report"));
            html.verbatim("style", STYLE);
        });
        html.line();
        html.element("body", &[], |html| {
            html.leaf("a", &[("class", "skip"), ("href", "#main")], "Skip to the answer");
            html.element("header", &[("class", "bar")], |html| {
                html.leaf("p", &[("class", "brand")], "tidings report");
                html.element("div", &[("id", "dress"), ("class", "tools")], |_| ());
            });
            html.line();
            html.element("main", &[("id", "main"), ("tabindex", "-1")], |html| {
                html.leaf("h1", &[], &title);
                html.leaf("p", &[("class", "question")], &printable(&document.question));
                content(html);
            });
            html.line();
            html.element("footer", &[], |html| {
                html.leaf(
                    "p",
                    &[],
                    "Made by tidings from a results folder. This file loads nothing.",
                );
            });
            html.line();
            html.verbatim("script", SCRIPT);
        });
    });
    html.line();
    html.finish()
}

/// The source expression that allows exactly this text.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// When and where it was measured, whether it can be trusted, and what became of the objectives.
fn verdict(html: &mut Html, view: &View) {
    let info = &view.run.info;
    let origin = format!(
        "Measured {} on {} ({} cores) by tidings {}.",
        info.started_utc, info.host.name, info.host.cores, info.build.tidings_version
    );
    html.leaf("p", &[("class", "origin")], &printable(&origin));
    let (word, why) = trust::trusted(view);
    html.line();
    let class = format!("verdict {word}");
    html.element("div", &[("class", class.as_str())], |html| {
        html.element("p", &[], |html| {
            html.text("Can this run be trusted? ");
            html.leaf("strong", &[("class", &format!("word-{word}"))], &trust::capital(word));
            html.text(&format!(": {}.", printable(&why)));
        });
        for line in objectives(view) {
            html.leaf("p", &[], &printable(&line));
        }
    });
}

/// How many objectives were met, and those that were not.
fn objectives(view: &View) -> Vec<String> {
    let judged = &view.findings.judgements;
    let all = judged.len() + view.findings.refused.len();
    if all == 0 {
        return Vec::new();
    }
    let met = judged.iter().filter(|judgement| judgement.outcome == Outcome::Met).count();
    let first = format!("Objectives: {met} of {all} met.");
    let others = prose::objectives(view).into_iter().filter(|line| !line.starts_with("met"));
    std::iter::once(first).chain(others.take(OBJECTIVES)).collect()
}

/// Most objectives that are named beside the verdict; their section has all.
const OBJECTIVES: usize = 6;

/// Links to the sections.
fn contents_list(html: &mut Html, sections: &[Section]) {
    link_list(html, sections.iter().map(|section| section.title).chain([DATA]));
}

/// Links to the sections with these titles.
fn link_list<'a>(html: &mut Html, titles: impl Iterator<Item = &'a str>) {
    html.line();
    html.element("nav", &[("aria-label", "Sections")], |html| {
        html.element("ul", &[], |html| {
            for title in titles {
                let address = format!("#{}", blocks::slug(title));
                html.element("li", &[], |html| {
                    html.leaf("a", &[("href", address.as_str())], title);
                });
            }
        });
    });
}

/// Title of the section with the files.
const DATA: &str = "Data";

/// The files that the page carries.
fn links(html: &mut Html, files: &[data::File]) {
    let id = blocks::slug(DATA);
    let attributes = [("id", id.as_str()), ("aria-labelledby", "data-title"), ("class", "screen")];
    html.line();
    html.element("section", &attributes, |html| {
        html.leaf("h2", &[("id", "data-title")], DATA);
        html.leaf(
            "p",
            &[],
            "The figures of this page, as files for other programs. They are in this page, once.",
        );
        html.element("ul", &[], |html| {
            for file in files {
                html.line();
                html.element("li", &[], |html| {
                    let address = data::address(&file.bytes);
                    let attributes = [
                        ("download", file.name.as_str()),
                        ("data-file", file.name.as_str()),
                        ("href", address.as_str()),
                    ];
                    html.leaf("a", &attributes, &file.name);
                    html.text(&format!(": {}", file.what));
                });
            }
        });
    });
}

#[cfg(test)]
pub(super) mod tests;
