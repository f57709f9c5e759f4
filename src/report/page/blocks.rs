//! A report's sections as HTML: the same blocks that a terminal and Markdown show.

use super::html::{Attribute, Html};
use super::svg;
use crate::report::View;
use crate::report::chart::{Chart, Entry};
use crate::report::document::{Align, Block, Cell, Extent, Group, Head, Lead, Section, Table};
use crate::report::group::printable;

/// Where a table stands, which names it.
struct Place<'a> {
    section: &'a str,
    tables: usize,
}

/// A section of a page. Charts are of `view`; without one they are left out.
pub(super) fn section(html: &mut Html, section: &Section, view: Option<&View>, class: &str) {
    titled(html, section.title, section, view, class);
}

/// The same under another title.
pub(super) fn titled(
    html: &mut Html,
    title: &str,
    section: &Section,
    view: Option<&View>,
    class: &str,
) {
    let id = slug(title);
    let heading = format!("{id}-title");
    html.line();
    let attributes = [("id", id.as_str()), ("aria-labelledby", &heading), ("class", class)];
    html.element("section", &attributes, |html| {
        html.leaf("h2", &[("id", heading.as_str())], title);
        let mut place = Place { section: title, tables: 0 };
        let blocks: Vec<&Block> = section.of(Extent::Full).collect();
        write_all(html, &blocks, view, &mut place);
    });
}

/// What a title is called in an address.
pub(super) fn slug(title: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    title.chars().map(letter).collect()
}

fn write_all(html: &mut Html, blocks: &[&Block], view: Option<&View>, place: &mut Place<'_>) {
    // Sentences of neighbouring blocks make one list.
    let groups =
        blocks.chunk_by(|a, b| matches!((a, b), (Block::Sentences(_), Block::Sentences(_))));
    for group in groups {
        html.line();
        match group {
            [Block::Sentences(_), ..] => html.element("ul", &[], |html| {
                let sentences = group.iter().filter_map(|block| match block {
                    Block::Sentences(sentences) => Some(sentences),
                    _ => None,
                });
                for sentence in sentences.flatten() {
                    html.element("li", &[], |html| running(html, &printable(sentence)));
                }
            }),
            others => others.iter().for_each(|block| write(html, block, view, place)),
        }
    }
}

/// A sentence, in which a text between backticks is to be typed.
fn running(html: &mut Html, text: &str) {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return html.text(text);
    }
    for (at, part) in parts.into_iter().enumerate() {
        if at.is_multiple_of(2) {
            html.text(part);
        } else {
            html.element("code", &[], |html| html.code(part));
        }
    }
}

fn write(html: &mut Html, block: &Block, view: Option<&View>, place: &mut Place<'_>) {
    match block {
        Block::Sentences(_) => {}
        Block::Paragraph(text) => html.leaf("p", &[], &printable(text)),
        Block::Terms(terms) => html.element("dl", &[], |html| {
            for (term, meaning) in terms {
                html.leaf("dt", &[], term);
                html.leaf("dd", &[], meaning);
            }
        }),
        Block::Table(own) => table(html, own, place),
        Block::Chart(own) => {
            if let Some(view) = view {
                chart(html, own, view, "");
            }
        }
        Block::Code(text) => {
            html.element("pre", &[("class", "command"), ("tabindex", "0")], |html| {
                html.element("code", &[], |html| html.code(text));
            });
        }
        Block::Fold(title, blocks) => html.element("details", &[], |html| {
            html.leaf("summary", &[], &printable(title));
            let section = format!("{}, {title}", place.section);
            let mut own = Place { section: &section, tables: 0 };
            write_all(html, &blocks.iter().collect::<Vec<_>>(), view, &mut own);
        }),
        Block::Files(files) => html.element("ul", &[], |html| {
            for (name, what) in files {
                html.element("li", &[], |html| {
                    html.leaf("code", &[], name);
                    html.text(&format!(": {what}"));
                });
            }
        }),
    }
}

/// A chart with its caption; `of` begins its name where a page has several of a kind.
pub(super) fn chart(html: &mut Html, chart: &Chart, view: &View, of: &str) {
    let picture = chart.picture(view);
    let attributes = [("data-chart", chart.name)];
    html.element("figure", &attributes, |html| {
        html.element("figcaption", &[], |html| {
            let head = picture.head.as_ref();
            html.leaf("strong", &[], head.map_or(chart.what, |head| head.title.as_str()));
            if let Some(head) = head {
                html.leaf("span", &[("class", "of")], &printable(&head.subtitle));
            }
        });
        let label = format!("{of}{}: chart; the tables have its figures", chart.what);
        let region =
            [("class", "chart"), ("tabindex", "0"), ("role", "group"), ("aria-label", &label)];
        html.element("div", &region, |html| svg::draw(html, &picture, chart.what));
    });
}

fn table(html: &mut Html, table: &Table, place: &mut Place<'_>) {
    place.tables += 1;
    // A heading that says the same stands above the table already.
    let (caption, class) = match (table.caption, place.tables) {
        ("", 1) => (place.section.to_owned(), "unseen"),
        ("", n) => (format!("{} ({n})", place.section), "unseen"),
        (caption, _) => (format!("{}: {caption}", place.section), ""),
    };
    let label = format!("{caption}: table");
    let region = [
        ("class", "scroll"),
        ("role", "region"),
        ("aria-label", label.as_str()),
        ("tabindex", "0"),
    ];
    html.element("div", &region, |html| {
        html.element("table", &[], |html| {
            html.element("caption", &[], |html| {
                html.leaf("span", &[("class", class)], &caption);
            });
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    for head in &table.head {
                        html.leaf("th", &[&[("scope", "col")], side(head)].concat(), &head.line());
                    }
                });
            });
            let mut before = 0;
            for (number, group) in (1..).zip(&table.groups) {
                let id = format!("{}-{}-{number}", slug(place.section), place.tables);
                html.line();
                html.element("tbody", &[], |html| rows(html, table, (group, &id), before));
                before += group.rows.len();
            }
        });
    });
    let all: usize = table.groups.iter().map(|group| group.rows.len()).sum();
    if all > PRINTED {
        let rest = format!(
            "Printed: {PRINTED} of {all} rows. All rows: this page on a screen, or the CSV files under {}.",
            super::DATA
        );
        html.leaf("p", &[("class", "printed")], &rest);
    }
    notes(html, table);
}

/// Most rows of a table on paper.
const PRINTED: usize = 25;

fn side(head: &Head) -> &'static [Attribute<'static>] {
    if head.align == Align::Right { &[("class", "right")] } else { &[] }
}

/// The same of a cell below it: most are figures, which need no word for that.
fn side_of_cell(head: &Head) -> &'static [Attribute<'static>] {
    if head.align == Align::Right { &[] } else { &[("class", "text")] }
}

/// The rows of a group with its id, after `before` rows of other groups.
fn rows(html: &mut Html, table: &Table, (group, id): (&Group, &str), before: usize) {
    let beyond = |at: usize| -> &[Attribute<'static>] {
        if before + at < PRINTED { &[] } else { &[("class", "beyond")] }
    };
    let group_is_named = !group.heading.is_empty();
    if group_is_named {
        let columns = table.head.len().to_string();
        html.element("tr", beyond(0), |html| {
            let attributes =
                [("class", "group"), ("scope", "rowgroup"), ("colspan", &columns), ("id", id)];
            html.leaf("th", &attributes, &printable(&group.heading));
        });
    }
    for (row, cells) in group.rows.iter().enumerate() {
        html.line();
        html.element("tr", beyond(row), |html| {
            for (at, (cell, head)) in cells.iter().zip(&table.head).enumerate() {
                if at == 0 {
                    // What names a row also names the group that it is in.
                    let group = [("headers", id)];
                    let group = if group_is_named { &group[..] } else { &[] };
                    let attributes = [&[("scope", "row")], side(head), group].concat();
                    html.element("th", &attributes, |html| named(html, cell));
                } else {
                    html.element("td", side_of_cell(head), |html| figure(html, cell));
                }
            }
        });
    }
}

/// The first cell of a row, which names it.
fn named(html: &mut Html, cell: &Cell) {
    if let Some(series) = &cell.series {
        swatch(html, series);
    }
    html.text(&printable(&cell.marked()));
}

/// The line and the mark that a series has in charts.
fn swatch(html: &mut Html, series: &Entry) {
    let attributes = [("class", "swatch"), ("viewBox", "0 0 32 16"), ("aria-hidden", "true")];
    html.element("svg", &attributes, |html| svg::sample(html, series));
}

fn figure(html: &mut Html, cell: &Cell) {
    match cell.lead {
        Some(Lead::Shown) => html.leaf("span", &[("class", "tag best")], "best"),
        Some(Lead::Indicated) => html.leaf("span", &[("class", "tag ahead")], "ahead"),
        None => {}
    }
    let text = printable(&cell.text);
    let word = text.split(' ').next().unwrap_or_default();
    let class = match word {
        _ if cell.is_faint => "faint".to_owned(),
        _ if cell.lead == Some(Lead::Shown) => "best".to_owned(),
        _ if cell.marks.contains(&crate::report::floor::MARK) => "floor".to_owned(),
        "valid" | "degraded" | "invalid" | "failed" | "met" | "missed" | "unknown" => {
            format!("word-{word}")
        }
        _ => String::new(),
    };
    if class.is_empty() {
        html.text(&text);
    } else {
        html.leaf("span", &[("class", class.as_str())], &text);
    }
    if !cell.marks.is_empty() {
        html.leaf("span", &[("class", "mark")], &cell.marks.concat());
    }
    if !cell.interval.is_empty() {
        html.leaf("span", &[("class", "interval")], &cell.interval);
    }
}

/// What the marks of the table stand for.
fn notes(html: &mut Html, table: &Table) {
    let leads = |wanted: Lead| {
        let mut cells = table.groups.iter().flat_map(|group| &group.rows).flatten();
        cells.any(|cell| cell.lead == Some(wanted))
    };
    let best = leads(Lead::Shown).then_some(
        "best: the lead over the next is shown at 95 % confidence, all comparisons of the run together.",
    );
    let ahead = leads(Lead::Indicated).then_some(
        "ahead: better than the next in every block, but so few trials cannot show it at 95 % confidence.",
    );
    let notes: Vec<String> = best
        .into_iter()
        .chain(ahead)
        .map(str::to_owned)
        .chain(table.notes.iter().map(crate::report::document::Note::line))
        .collect();
    if !notes.is_empty() {
        html.element("ul", &[("class", "notes")], |html| {
            for note in notes {
                html.leaf("li", &[], &printable(&note));
            }
        });
    }
}
