//! Pages of made-up runs: whole, inert whatever their names, and the same whenever they are made.

use proptest::prelude::*;

use super::*;
use crate::prose::harmless;
use crate::record::Run;
use crate::record::synthetic::{case, info, scenario, six, write_run};
use crate::report::chart::{class_of as class_of_colour, entries};
use crate::report::document::{Block, Cell, Extent, Group, Table, left};
use crate::report::group::groups;
use crate::report::hostile::{HOSTILE, everywhere, plain};
use crate::scenario::PatternKind;

/// What may be in a page: nothing that loads, sends, embeds or runs.
const ELEMENTS: &[&str] = &[
    "html",
    "head",
    "meta",
    "title",
    "body",
    "a",
    "header",
    "p",
    "div",
    "main",
    "h1",
    "section",
    "h2",
    "ul",
    "li",
    "nav",
    "footer",
    "span",
    "strong",
    "figure",
    "figcaption",
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "text",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "pre",
    "code",
    "dl",
    "dt",
    "dd",
    "br",
    "em",
    "sup",
    "b",
    "i",
];

/// Names of attributes that a page uses.
const ATTRIBUTES: &[&str] = &[
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "href",
    "id",
    "tabindex",
    "aria-label",
    "aria-labelledby",
    "aria-hidden",
    "role",
    "scope",
    "headers",
    "colspan",
    "download",
    "viewBox",
    "d",
    "stroke-width",
    "stroke-dasharray",
    "fill",
    "stroke",
    "x",
    "y",
    "width",
    "height",
    "cx",
    "cy",
    "r",
    "font-size",
    "text-anchor",
    "transform",
    "textLength",
    "lengthAdjust",
    "data-chart",
    "data-series",
    "data-case",
    "data-box",
    "data-x",
    "data-y",
    "data-file",
    "data-key",
    "data-ns",
    "data-trial",
    "open",
    "title",
];

/// Reads a page as strictly as it is written; fails where anything else stands in it.
pub(in crate::report) fn assert_inert(page: &str) {
    assert_eq!(harmless(page), page, "control characters");
    let style = format!("<style>{STYLE}</style>");
    let script = format!("<script>{SCRIPT}</script>");
    assert_eq!((page.matches(&style).count(), page.matches(&script).count()), (1, 1));
    let rest = page.replacen(&style, "", 1).replacen(&script, "", 1);
    let rest = rest.strip_prefix("<!doctype html>").unwrap();
    let mut parts = rest.split('<');
    assert_eq!(parts.next().unwrap().trim(), "");
    for part in parts {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("no end: {part}"));
        assert!(!text.contains('>'), "{text}");
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(ELEMENTS.contains(&name), "<{tag}>");
        while !attributes.is_empty() {
            let (key, value) = attributes.split_once("=\"").unwrap_or_else(|| panic!("<{tag}>"));
            let (value, further) = value.split_once('"').unwrap_or_else(|| panic!("<{tag}>"));
            assert!(ATTRIBUTES.contains(&key), "{key} in <{tag}>");
            if key == "href" {
                assert!(value.starts_with('#') || value.starts_with("data:text/csv;"), "{value}");
            }
            attributes = further.trim_start();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn names_made_of_anything_are_inert(
        parts in prop::collection::vec(prop_oneof![prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned), ".{0,9}"], 1..4)
    ) {
        assert_inert(&page(&everywhere(&plain(), &parts.concat())));
    }
}

#[test]
fn a_page_allows_its_own_style_and_script_alone() {
    let page = page(&everywhere(&plain(), "plain"));
    assert!(
        page.contains("default-src &#39;none&#39;; style-src &#39;sha256-"),
        "{}",
        &page[..600]
    );
    for text in [STYLE, SCRIPT] {
        assert!(page.contains(&hash(text).replace('\'', "&#39;")));
        assert!(!text.contains("</"), "an end tag would end the element");
        assert!(
            !text.contains("url(http") && !text.contains("fetch(") && !text.contains("innerHTML")
        );
    }
    // The digest of a known text, by another's hand.
    assert_eq!(hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
}

#[test]
fn a_page_has_the_colours_of_the_charts() {
    let out = tempfile::tempdir().unwrap();
    let mut cases = six();
    for (at, interval) in ["1s", "5s"].iter().enumerate() {
        let own = case(PatternKind::ShortPoll, 20, &format!(":interval={interval}"));
        cases.insert(at, own);
    }
    for case in &mut cases {
        case.workload.clients = 20;
    }
    let folder = write_run(out.path(), &info(scenario(cases, 1, &[])), |_| ());
    let view = View::new(Run::read(&folder).unwrap());
    let series = entries(&groups(&view.findings.cases), |_| true);
    assert_eq!(series.len(), 8);
    for one in &series {
        let (red, green, blue) = one.stroke().colour;
        let class = class_of_colour((red, green, blue)).unwrap();
        let name = class.trim_start_matches("c-");
        assert!(STYLE.contains(&format!("--{name}: #{red:02x}{green:02x}{blue:02x};")), "{name}");
        // Light, dark by choice of the system, dark by the button, and on paper.
        assert_eq!(STYLE.matches(&format!("--{name}: #")).count(), 4, "{name}");
        assert!(STYLE.contains(&format!(".{class} {{ color: var(--{name}); }}")), "{name}");
    }
}

#[test]
fn a_page_has_the_parts_that_a_reader_looks_for() {
    let out = tempfile::tempdir().unwrap();
    let mut cases = six();
    for case in &mut cases {
        case.workload.clients = 20;
    }
    let folder = write_run(out.path(), &info(scenario(cases, 3, &["reach >= 1"])), |_| ());
    let view = View::new(Run::read(&folder).unwrap());
    let page = page(&view);
    assert_inert(&page);
    let sections: Vec<&str> =
        page.split("<h2 id=\"").skip(1).filter_map(|rest| rest.split(['>', '<']).nth(1)).collect();
    let first = ["Answer", "Limits of these figures", "Objectives"];
    assert_eq!(sections[..3], first, "{sections:?}");
    for wanted in [
        "Percentiles",
        "Phases",
        "Every delivery accounted for",
        "Cost",
        "Each case",
        "What the machine did",
        "Data",
    ] {
        assert!(sections.contains(&wanted), "{wanted}: {sections:?}");
    }
    let balances = page.matches(">balances<").count();
    assert!(balances >= view.findings.cases.len(), "{balances}");
    // Every table has a caption, heads with a scope, and a name.
    let tables = page.matches("<table>").count();
    assert_eq!(page.matches("<caption>").count(), tables);
    assert_eq!(page.matches("role=\"region\"").count(), tables);
    assert_eq!(page.matches("<th ").count(), page.matches("scope=\"").count());
    // Each address within the page leads somewhere, and each id is there once.
    for address in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert_eq!(page.matches(&format!(" id=\"{address}\"")).count(), 1, "{address}");
    }
}

#[test]
fn paper_says_how_many_rows_of_a_long_table_it_has() {
    let drawn = |sizes: &[u64]| {
        let group = |&size: &u64| Group {
            heading: format!("a group of {size}"),
            rows: (0..size).map(|row| vec![Cell::from(row.to_string())]).collect(),
        };
        let table = Table {
            groups: sizes.iter().map(group).collect(),
            ..Table::new(vec![left("n")], vec![])
        };
        let section = Section::new("Answer", [(Extent::Always, Block::Table(table))]).unwrap();
        let mut html = Html::document();
        blocks::section(&mut html, &section, None, "paper");
        html.finish()
    };
    for whole in [&[25][..], &[10, 15], &[1]] {
        let html = drawn(whole);
        assert!(!html.contains("Printed") && !html.contains("beyond"), "{whole:?}: {html}");
    }
    // Rows and the headings of groups that begin after the last one: what is left out, of how many.
    for (sizes, beyond) in [(&[26][..], 1), (&[120], 95), (&[20, 20, 3], 15 + 1 + 3)] {
        let html = drawn(sizes);
        let all: u64 = sizes.iter().sum();
        assert!(html.contains(&format!(">Printed: 25 of {all} rows. All rows: ")), "{html}");
        assert_eq!(html.matches("class=\"beyond\"").count(), beyond, "{sizes:?}");
    }
}
