//! Every field that a scenario, a host or a server can fill, against every output: what stands in a field is shown, and does nothing.

use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::ci::{self, CiReport};
use super::{Comparison, View, chart, markdown, openmetrics, page, summary, tables, text};
use crate::judge::{Overrides, history_line};
use crate::prose::{harmless, inert_json};
use crate::record::synthetic::{case, info, scenario, write_run};
use crate::record::{Run, TimelineRow, TrialRecord};
use crate::scenario::PatternKind;

/// What people and servers have put into names before.
pub(super) const HOSTILE: [&str; 14] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</style></script></title><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "<!-- ]]> -->",
    "&lt;b&gt;&amp;&#60;i>",
    "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m",
    "\u{202e}gnp.exe\u{2066}\u{200f}\u{61c}",
    "=cmd|' /C calc'!A0,\"\r\n1",
    "javascript:alert(1)",
    "[x](http://example.com) | `y` @all www.example.com",
    "- a\n1. b\n::error::c\n# d\n---",
    "\" } 1\n# EOF\n\\\"",
    "\u{0}\u{fffd}\u{feff}",
];

/// Puts a text into a field of a run.
type Fill = fn(&mut Run, &str);

/// The fields that others fill.
pub(super) const FIELDS: [(&str, Fill); 17] = [
    ("scenario", |run, text| run.info.scenario.name = text.to_owned()),
    ("question", |run, text| run.info.scenario.question = text.to_owned()),
    ("currency", |run, text| run.info.scenario.prices.currency = text.to_owned()),
    ("objectives", |run, text| {
        run.info.scenario.objectives.push(text.to_owned());
        run.info.scenario.objectives.push(format!("{text}: reach >= 1"));
    }),
    ("host", |run, text| {
        let host = &mut run.info.host;
        for field in [&mut host.name, &mut host.cpu, &mut host.kernel, &mut host.clock_source] {
            text.clone_into(field);
        }
    }),
    ("build", |run, text| {
        text.clone_into(&mut run.info.build.build_revision);
        text.clone_into(&mut run.info.build.tidings_version);
    }),
    ("revision", |run, text| run.info.working_directory_revision = Some(text.to_owned())),
    ("times", |run, text| {
        text.clone_into(&mut run.info.started_utc);
        run.info.finished_utc = Some(text.to_owned());
    }),
    ("stopped_by", |run, text| {
        (run.info.stopped_by, run.info.complete) = (Some(text.to_owned()), false);
    }),
    ("warnings", |run, text| {
        run.info.warnings.push(text.to_owned());
        run.warnings.push(text.to_owned());
    }),
    ("command", |run, text| run.info.command.push(text.to_owned())),
    ("case", |run, text| {
        let of = |id: &str| format!("{id}:axis={text}");
        run.info.scenario.cases.iter_mut().for_each(|case| case.id = of(&case.id));
        run.info.plan.iter_mut().for_each(|trial| trial.case = of(&trial.case));
        run.trials.iter_mut().for_each(|trial| trial.identity.case = of(&trial.identity.case));
        run.timeline.iter_mut().for_each(|row| row.case = of(&row.case));
        for floor in &mut run.floors {
            floor.cases.iter_mut().for_each(|case| *case = of(case));
        }
        let samples = std::mem::take(&mut run.distributions);
        run.distributions = samples.into_iter().map(|((id, m), all)| ((of(&id), m), all)).collect();
    }),
    ("scenario of a trial", |run, text| {
        run.trials.iter_mut().for_each(|trial| text.clone_into(&mut trial.identity.scenario));
    }),
    ("reasons", |run, text| {
        run.trials.iter_mut().for_each(|trial| trial.verdict_reasons.push(text.to_owned()));
    }),
    ("reasons of a floor", |run, text| {
        run.floors.iter_mut().for_each(|floor| floor.verdict_reasons.push(text.to_owned()));
    }),
    ("what a server said", |run, text| {
        run.trials.iter_mut().for_each(|trial| trial.error_samples.push(format!("status: {text}")));
    }),
    ("statuses", |run, text| {
        run.trials.iter_mut().for_each(|trial| trial.statuses.push(text.to_owned()));
    }),
];

/// A small run to fill.
pub(super) fn plain() -> Run {
    let out = tempfile::tempdir().unwrap();
    let cases = vec![case(PatternKind::Sse, 20, ""), case(PatternKind::Request, 20, "")];
    let folder = write_run(out.path(), &info(scenario(cases, 1, &["reach >= 1"])), |_| ());
    Run::read(&folder).unwrap()
}

/// A run with `text` in every field.
pub(super) fn everywhere(run: &Run, text: &str) -> View {
    let mut run = run.clone();
    for (_, fill) in FIELDS {
        fill(&mut run, text);
    }
    View::new(run)
}

/// Makes an output, and says what of it is not inert.
type Output = fn(&View) -> Result<(), String>;

/// The outputs of a run.
const OUTPUTS: [(&str, Output); 14] = [
    ("the terminal", |view| calm(&text(view, 80)).map(drop)),
    ("report.md", |view| inert_markdown(calm(&markdown::markdown(view))?)),
    ("report.html", |view| {
        page::tests::assert_inert(&page::page(view));
        Ok(())
    }),
    ("summary.csv", |view| inert_csv(&tables::summary(view))),
    ("percentiles.csv", |view| inert_csv(&tables::percentiles(view))),
    ("trials.csv", |view| inert_csv(&TrialRecord::csv(&view.run.trials))),
    ("timeline.csv", |view| inert_csv(&TimelineRow::csv(&view.run.timeline))),
    ("summary.json", |view| {
        let file = String::from_utf8(summary::file(view)).map_err(|error| error.to_string())?;
        let read: serde_json::Value =
            serde_json::from_str(calm(&file)?).map_err(|error| error.to_string())?;
        let info = &view.run.info;
        let same = read["question"] == info.scenario.question.as_str()
            && read["scenario"] == info.scenario.name.as_str()
            && read["cases"][0]["case"] == view.findings.cases[0].case.as_str();
        same.then_some(()).ok_or_else(|| "a name is not read back as it was".to_owned())
    }),
    ("metrics.prom", |view| {
        openmetrics::tests::scrape(calm(&openmetrics::openmetrics(view))?).map(drop)
    }),
    ("JUnit", |view| {
        let elements =
            ["testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out"];
        inert_xml(calm(&ci::junit(&[CiReport::of_run(view)]))?, &elements)
    }),
    ("the comment", |view| inert_markdown(calm(&ci::comment(&[CiReport::of_run(view)]))?)),
    ("annotations", |view| {
        let lines = ci::annotations(&[CiReport::of_run(view)]);
        let is_own = |line: &str| {
            ["::error title=", "::warning title=", "::notice title="]
                .iter()
                .any(|own| line.starts_with(own))
        };
        calm(&lines)?.lines().find(|line| !is_own(line)).map_or(Ok(()), |line| Err(line.to_owned()))
    }),
    ("benchmark JSON", |view| {
        let file = ci::benchmark(&[CiReport::of_run(view)]);
        serde_json::from_str::<serde_json::Value>(calm(&file)?).map(drop).map_err(|e| e.to_string())
    }),
    ("a history's line", |view| {
        let line = history_line(&view.run, &Overrides::default());
        let line = inert_json(&serde_json::to_string(&line).map_err(|error| error.to_string())?);
        let read: serde_json::Value =
            serde_json::from_str(calm(&line)?).map_err(|error| error.to_string())?;
        let same = read["scenario"] == view.run.info.scenario.name.as_str();
        (same && line.lines().count() == 1).then_some(()).ok_or(line)
    }),
];

/// The text, if no letter of it moves a cursor or changes the writing direction.
fn calm(text: &str) -> Result<&str, String> {
    if harmless(text) == text { Ok(text) } else { Err(format!("control characters: {text:?}")) }
}

/// No markup but that of the report itself: what is escaped is left out, and so are blocks of code.
fn inert_markdown(page: &str) -> Result<(), String> {
    let own = ["![", "[SVG](charts/", "- [`", "<!-- tidings run "];
    for line in page.lines().filter(|line| !line.starts_with("    ")) {
        if own.iter().any(|own| line.starts_with(own)) {
            continue;
        }
        let mut bare = String::new();
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            if letter == '\\' {
                letters.next();
            } else {
                bare.push(letter);
            }
        }
        let marks = ["<", "](", "`", "&lt;", "&#", "http://", "www.", "@"];
        if let Some(mark) = marks.iter().find(|mark| bare.contains(**mark)) {
            return Err(format!("{mark} in {line}"));
        }
        if bare.starts_with("# ") && !page.starts_with(line) {
            return Err(format!("a title: {line}"));
        }
    }
    Ok(())
}

/// A table of rows of one length, without a cell that a spreadsheet would evaluate.
fn inert_csv(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    calm(text)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    let mut rows = 0;
    for row in reader.records() {
        let row = row.map_err(|error| error.to_string())?;
        rows += 1;
        let is_number = |cell: &str| cell.parse().is_ok_and(f64::is_finite);
        let evaluated = |cell: &&str| {
            cell.trim_start().starts_with(['=', '+', '-', '@', '＝']) && !is_number(cell)
        };
        if let Some(cell) = row.iter().find(evaluated) {
            return Err(format!("{cell:?} is a formula"));
        }
    }
    if text.lines().count() == rows { Ok(()) } else { Err("a row is not one line".to_owned()) }
}

/// Well-formed, of these elements alone, without an attribute that runs or loads something.
fn inert_xml(text: &str, elements: &[&str]) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Eof => return Ok(()),
            Event::Start(element) | Event::Empty(element) => {
                let tag: String = element.name().as_ref().to_owned();
                if !elements.contains(&tag.as_str()) {
                    return Err(format!("<{tag}>"));
                }
                for attribute in element.attributes() {
                    let key = attribute.map_err(|error| error.to_string())?.key;
                    let key: String = key.as_ref().to_owned();
                    if key.starts_with("on") || key.contains("href") {
                        return Err(format!("{key} in <{tag}>"));
                    }
                }
            }
            Event::Comment(_) | Event::CData(_) | Event::PI(_) | Event::DocType(_) => {
                return Err("a comment, a section of data or an instruction".to_owned());
            }
            _ => {}
        }
    }
}

fn inert_charts(view: &View) -> Result<(), String> {
    let elements = [
        "svg", "g", "text", "rect", "line", "polyline", "polygon", "circle", "path", "title",
        "desc",
    ];
    for chart in chart::charts(view) {
        let (lines, _) = chart.draw(view).map_err(|error| error.clone())?;
        let lines = String::from_utf8(lines).map_err(|error| error.to_string())?;
        inert_xml(calm(&lines)?, &elements).map_err(|error| format!("{}: {error}", chart.name))?;
    }
    Ok(())
}

/// All of them in one text, which begins with each in turn that means something at the start.
fn together() -> impl Iterator<Item = String> {
    ["", "=1+", "- ", "1. "].into_iter().map(|start| format!("{start}{}", HOSTILE.join(" ")))
}

#[test]
fn whatever_stands_in_a_field_is_inert_in_every_output() {
    let run = plain();
    for hostile in together() {
        for (field, fill) in FIELDS {
            let mut filled = run.clone();
            fill(&mut filled, &hostile);
            let view = View::new(filled);
            for (output, make) in OUTPUTS {
                // The page is larger than all others together: it has every field at once, below.
                if output != "report.html" {
                    make(&view).unwrap_or_else(|error| panic!("{field} in {output}: {error}"));
                }
            }
        }
    }
}

#[test]
fn texts_in_every_field_at_once_are_inert_in_every_output() {
    let run = plain();
    let long = "x".repeat(4_000);
    for hostile in HOSTILE.iter().copied().chain([long.as_str()]) {
        let view = everywhere(&run, hostile);
        for (output, make) in OUTPUTS {
            make(&view).unwrap_or_else(|error| panic!("{output}: {hostile:?}: {error}"));
        }
        let document = inert_json(&format!("{:#}", super::json(&view, Path::new(hostile))));
        calm(&document).unwrap();
        let comparison = Comparison::new(vec![view.run.clone()], vec![run.clone()], &[]);
        calm(&comparison.text(80)).unwrap();
        inert_markdown(calm(&comparison.markdown()).unwrap()).unwrap();
    }
}

#[test]
fn charts_are_pictures_whatever_the_cases_are_called() {
    let run = plain();
    for hostile in together().take(1).chain(["x".repeat(4_000)]) {
        let view = everywhere(&run, &hostile);
        inert_charts(&view).unwrap_or_else(|error| panic!("{hostile:?}: {error}"));
    }
}
