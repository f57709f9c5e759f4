//! The text by the clauses of the OpenMetrics specification, version 1.0.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::record::synthetic::{case, info, losing, scenario, write_run};
use crate::record::{Run, SPECS, Summary};
use crate::scenario::PatternKind::{Request, Sse};

/// A sample: its name, its labels with their values, and its number.
type Sample = (String, Vec<(String, String)>, f64);

/// A text as a scraper has it: families with type and unit, and samples with labels.
#[derive(Debug, Default)]
pub(in crate::report) struct Scraped {
    types: BTreeMap<String, String>,
    units: BTreeMap<String, String>,
    helps: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

fn is_name(text: &str, colons: bool) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || (colons && c == ':');
    let mut letters = text.chars();
    letters.next().is_some_and(first) && letters.all(|c| first(c) || c.is_ascii_digit())
}

/// Reads an escaped string: `\\`, `\n` and `\"` alone are escapes, and a line feed stands in none.
fn unescaped(text: &str) -> Option<String> {
    let (mut plain, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                'n' => '\n',
                '"' => '"',
                _ => return None,
            },
            '"' | '\n' => return None,
            other => other,
        });
    }
    Some(plain)
}

/// `name{label="value",…} number`.
fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = line.split_once('{')?;
    let mut labels = Vec::new();
    let mut rest = rest;
    let number = loop {
        let (label, after) = rest.split_once("=\"")?;
        let mut end = 0;
        let bytes = after.as_bytes();
        while bytes.get(end)? != &b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        labels.push((label.to_owned(), unescaped(&after[..end])?));
        rest = &after[end + 1..];
        if let Some(number) = rest.strip_prefix("} ") {
            break number;
        }
        rest = rest.strip_prefix(',')?;
    };
    let value = match number {
        "+Inf" => f64::INFINITY,
        "NaN" => f64::NAN,
        number => number.parse().ok().filter(|value: &f64| value.is_finite())?,
    };
    Some((name.to_owned(), labels, value))
}

/// Reads a text, or names the clause that a line breaks.
pub(in crate::report) fn scrape(text: &str) -> Result<Scraped, String> {
    let mut scraped = Scraped::default();
    let body = text.strip_suffix("# EOF\n").ok_or("the text ends in # EOF and a line feed")?;
    let (mut family, mut sampled, mut seen) = (String::new(), false, BTreeSet::new());
    for line in body.split_terminator('\n') {
        let breaks = |clause: &str| Err(format!("{clause}: {line}"));
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            let (Some(kind), Some(name), Some(value)) = (words.next(), words.next(), words.next())
            else {
                return breaks("a line of metadata has a kind, a name and a value");
            };
            if !is_name(name, true) {
                return breaks("a family's name is of letters, digits, _ and :");
            }
            if name != family {
                if !seen.insert(name.to_owned()) {
                    return breaks("families are not interleaved");
                }
                (family, sampled) = (name.to_owned(), false);
            }
            if sampled {
                return breaks("metadata comes before the samples");
            }
            let map = match kind {
                "TYPE" if value != "gauge" => return breaks("every family is a gauge"),
                "TYPE" => &mut scraped.types,
                "UNIT" if !name.ends_with(&format!("_{value}")) => {
                    return breaks("a name ends in its unit");
                }
                "UNIT" => &mut scraped.units,
                // Text format 0.0.4 knows `\\` and `\n` alone.
                "HELP" if value.contains('"') => return breaks("a help has no quotes"),
                "HELP" if unescaped(value).is_none() => {
                    return breaks("a help is an escaped string");
                }
                "HELP" => &mut scraped.helps,
                _ => return breaks("metadata is TYPE, UNIT or HELP"),
            };
            if map.insert(name.to_owned(), value.to_owned()).is_some() {
                return breaks("metadata is given once");
            }
        } else {
            let Some((name, labels, value)) = sample(line) else {
                return breaks("a sample is name{label=\"value\"} number");
            };
            if name != family {
                return breaks(
                    "a gauge's samples have the family's name, and come below its metadata",
                );
            }
            let names: BTreeSet<&String> = labels.iter().map(|(label, _)| label).collect();
            if names.len() < labels.len() {
                return breaks("a label is given once");
            }
            if !names.iter().all(|name| is_name(name, false) && !name.starts_with("__")) {
                return breaks("a label's name is of letters, digits and _");
            }
            if scraped.samples.iter().any(|(own, other, _)| *own == name && *other == labels) {
                return breaks("no two samples have the same name and labels");
            }
            sampled = true;
            scraped.samples.push((name, labels, value));
        }
    }
    Ok(scraped)
}

#[test]
fn the_clauses_are_checked() {
    for (text, clause) in [
        ("", "ends in # EOF"),
        ("# TYPE a gauge\n# EOF", "ends in # EOF"),
        ("# EOF\na{b=\"\"} 1\n# EOF\n", "has a kind"),
        ("# TYPE 1a gauge\n# EOF\n", "of letters"),
        ("# TYPE a counter\n# EOF\n", "is a gauge"),
        ("# TYPE a gauge\n# TYPE a gauge\n# EOF\n", "given once"),
        ("# TYPE a gauge\n# UNIT a seconds\n# EOF\n", "ends in its unit"),
        ("# TYPE a gauge\n# TYPE b gauge\n# HELP a x\n# EOF\n", "not interleaved"),
        ("# TYPE a gauge\na{b=\"\"} 1\n# HELP a x\n# EOF\n", "before the samples"),
        ("# TYPE a gauge\n# HELP a \\\"x\\\"\n# EOF\n", "no quotes"),
        ("# TYPE a gauge\n# HELP a \\x\n# EOF\n", "escaped string"),
        ("# TYPE a gauge\nb{c=\"\"} 1\n# EOF\n", "family's name"),
        ("# TYPE a gauge\na{c=\"\\x\"} 1\n# EOF\n", "a sample is"),
        ("# TYPE a gauge\na{c=\"\"} inf\n# EOF\n", "a sample is"),
        ("# TYPE a gauge\na{c=\"\",c=\"\"} 1\n# EOF\n", "a label is given once"),
        ("# TYPE a gauge\na{c-d=\"\"} 1\n# EOF\n", "a label's name"),
        ("# TYPE a gauge\na{c=\"\"} 1\na{c=\"\"} 2\n# EOF\n", "no two samples"),
    ] {
        let error = scrape(text).unwrap_err();
        assert!(error.contains(clause), "{text}: {error}");
    }
    let sound = "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds a\\nb\na_seconds{c=\"\\\\\\n\\\"}\"} 1e-3\n# EOF\n";
    let scraped = scrape(sound).unwrap();
    assert_eq!(scraped.samples[0].1, [("c".to_owned(), "\\\n\"}".to_owned())]);
}

/// A run of these cases, in which `sse` loses an event.
fn view(name: &str, axes: &str) -> View {
    let out = tempfile::tempdir().unwrap();
    let cases = vec![case(Sse, 20, axes), case(Request, 20, axes)];
    let objectives = ["reach >= 1", "reach >= 1", "sse: lost < 1", "sse: nonsense < 1"];
    let mut info = info(scenario(cases, 3, &objectives));
    info.scenario.name = name.to_owned();
    let folder = write_run(out.path(), &info, |facts| {
        if facts.case.pattern.kind() == Sse {
            *facts = losing(&facts.case.clone(), facts.trial, 20);
            facts.target.counters.add(crate::measure::Counter::Published, 1);
        }
    });
    View::new(Run::read(&folder).unwrap())
}

#[test]
fn a_run_is_told_in_base_units_under_names_that_say_them() {
    let view = view("news", "");
    let scraped = scrape(&openmetrics(&view)).unwrap();
    assert_eq!(scraped.types.keys().collect::<Vec<_>>(), scraped.helps.keys().collect::<Vec<_>>());
    let find = |name: &str, labels: &[(&str, &str)]| {
        let has = |own: &Vec<(String, String)>| {
            labels.iter().all(|(name, value)| own.iter().any(|(n, v)| n == name && v == value))
        };
        let found: Vec<f64> = scraped
            .samples
            .iter()
            .filter(|(own, of, _)| own == name && has(of))
            .map(|sample| sample.2)
            .collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}");
        found[0]
    };
    let figure = |case: usize, column: &str| {
        view.findings.cases[case].figure(column).unwrap().value.number()
    };
    let median = find("tidings_freshness_seconds", &[("case", "sse"), ("quantile", "0.5")]);
    let is =
        |number: f64, other: f64| assert!(number.total_cmp(&other).is_eq(), "{number} {other}");
    is(median, figure(0, "freshness_ns_p50") / 1e9);
    assert_eq!(scraped.units["tidings_freshness_seconds"], "seconds");
    let late = find("tidings_freshness_seconds", &[("case", "sse"), ("quantile", "0.99")]);
    assert!(late == f64::INFINITY, "it is among those that never arrived");
    let low = find("tidings_freshness_lower_seconds", &[("case", "sse"), ("quantile", "0.5")]);
    assert!(low <= median);
    let labels = [("case", "request"), ("scenario", "news"), ("pattern", "request")];
    is(find("tidings_target_cpu_cores", &labels), figure(1, "target_cpu_cores"));
    let lost = view.findings.cases[0].counts["lost"];
    is(find("tidings_lost_deliveries", &[("case", "sse")]), lost as f64);
    is(find("tidings_objective_met", &[("objective", "sse: lost < 1")]), 0.0);
    // Nothing has that name: it is not decided, and told nonetheless.
    let nowhere = [("objective", "sse: nonsense < 1"), ("case", ""), ("pattern", "")];
    assert!(find("tidings_objective_met", &nowhere).is_nan());
    is(find("tidings_trials", &[("verdict", "failed")]), 0.0);
    is(find("tidings_start_time_seconds", &[]) % 1.0, 0.0);
}

#[test]
fn every_column_has_a_family_of_its_own_whose_name_ends_in_its_unit() {
    let mut families: BTreeMap<String, (Family, BTreeSet<Option<&str>>)> = BTreeMap::new();
    let reserved = ["_total", "_created", "_count", "_sum", "_bucket", "_gcount", "_gsum", "_info"];
    for spec in SPECS.iter().filter(|spec| spec.summary != Summary::Nothing) {
        let (family, quantile) = Family::of(spec.column.name);
        for name in [&family.name, &family.end("lower").name, &family.end("upper").name] {
            assert!(is_name(name, false), "{name}");
            assert!(
                family.unit.is_empty() || name.ends_with(&format!("_{}", family.unit)),
                "{name}"
            );
            assert!(!reserved.iter().any(|suffix| name.ends_with(suffix)), "{name}");
            assert!(!name.contains("_ns"), "{name} is not in seconds");
        }
        assert!(!help_line(&family.help).contains('"'), "{}", family.help);
        let of = families.entry(family.name.clone()).or_insert((family.clone(), BTreeSet::new()));
        assert!(of.1.insert(quantile), "{}: {quantile:?} twice", family.name);
        assert_eq!(of.0.unit, family.unit);
    }
    assert!(families.len() > 60);
}

#[test]
fn any_text_is_a_label_that_is_read_back_on_one_line() {
    let long = "x".repeat(4_000);
    for name in [
        "a\"b\\n\\",
        "two\nlines\r\u{85}",
        "\u{1b}[31mred",
        "\u{202e}txt",
        "} 1\n# EOF",
        "=1+1",
        &long,
    ] {
        let view = view(name, ":k=\"\\");
        let text = openmetrics(&view);
        let scraped = scrape(&text).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        let labels = &scraped.samples[0].1;
        assert_eq!(labels[0], ("scenario".to_owned(), line(name)), "{name:?}");
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{name:?}");
        assert!(scraped.samples.iter().any(|(_, of, _)| of.iter().any(|(_, v)| v == "sse:k=\"\\")));
    }
}
