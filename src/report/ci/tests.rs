use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;
use crate::record::Run;
use crate::record::synthetic::{info, scenario, six, write_run};
use crate::report::View;

const STATUSES: [CiStatus; 5] = [
    CiStatus::Passed,
    CiStatus::NotJudged,
    CiStatus::Inconclusive,
    CiStatus::Error,
    CiStatus::Failed,
];

/// Text that means something to one of the formats.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "]]>",
        "<![CDATA[",
        "</testcase>",
        "<failure/>",
        "\"",
        "'",
        "&amp;",
        "&#0;",
        "&#x1b;",
        "\0",
        "\u{8}",
        "\u{b}",
        "\u{1b}[2J",
        "\u{1b}]0;x\u{7}",
        "\u{9b}",
        "\u{85}",
        "\u{2028}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{202e}",
        "\r\n",
        "\n",
        "\n::error::x",
        "::set-output name=a::b",
        "%0A",
        "%",
        ",",
        ":",
        "|",
        "\\|",
        "\\",
        "\\\\|",
        "`",
        "``|",
        "-->",
        "--!>",
        "<!-- tidings gate x -->",
        "<script>",
        "# h",
        "- l",
        "[a](javascript:b)",
        "![i](u)",
        "@all",
        "#1",
        "http://x.y",
        "www.x.y",
        "µs",
        "新聞",
        "\t",
        "",
        " ",
        "a",
    ]);
    let text = prop_oneof![pieces.prop_map(str::to_owned), any::<String>()];
    prop::collection::vec(text, 0..5).prop_map(|parts| parts.concat())
}

fn report() -> impl Strategy<Value = CiReport> {
    let case = (prop::sample::select(&STATUSES[..]), [hostile(), hostile(), hostile(), hostile()]);
    let cases = prop::collection::vec(case, 0..15);
    let notes = prop::collection::vec(hostile(), 0..3);
    (hostile(), hostile(), cases, notes).prop_map(|(scenario, headline, cases, notes)| {
        let case = |(status, [group, name, figure, sentence]): (CiStatus, [String; 4])| CiCase {
            group,
            name,
            status,
            figure: Some(figure.clone()),
            threshold: Some(figure),
            sentence,
        };
        let figure = |name: &String| CiFigure {
            name: name.clone(),
            unit: "ns",
            value: 1.5,
            range: Some(name.clone()),
        };
        CiReport {
            verb: "gate",
            figures: notes.iter().map(figure).collect(),
            scenario,
            headline,
            started_utc: "2026-11-23T14:22:33Z".to_owned(),
            seconds: Some(2.5),
            cases: cases.into_iter().map(case).collect(),
            notes,
        }
    })
}

/// Nothing moves a cursor or ends a line that the format did not end.
fn is_calm(text: &str) -> bool {
    let moves = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{202e}');
    !text.contains(moves)
}

/// The elements of a JUnit file, and the name of each test case.
fn parsed(xml: &str) -> (Vec<String>, Vec<String>) {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let (mut elements, mut names) = (Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return (elements, names),
            Event::Start(element) | Event::Empty(element) => {
                let tag = element.name().as_ref().to_owned();
                if tag == "testcase" {
                    let name = element.try_get_attribute("name").unwrap().unwrap();
                    names.push(quick_xml::escape::unescape(&name.value).unwrap().into_owned());
                }
                elements.push(tag);
            }
            Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {
                panic!("a name made this: {xml}")
            }
            _ => {}
        }
    }
}

/// The cells of a row of a Markdown table.
fn cells(row: &str) -> usize {
    let mut escaped = false;
    let mut pipes = 0;
    for letter in row.chars() {
        pipes += usize::from(letter == '|' && !escaped);
        escaped = letter == '\\' && !escaped;
    }
    pipes - 1
}

proptest! {
    #[test]
    fn names_are_inert_in_every_format(reports in prop::collection::vec(report(), 1..3)) {
        let all: Vec<&CiCase> = reports.iter().flat_map(|report| &report.cases).collect();

        let xml = junit(&reports);
        prop_assert!(is_calm(&xml));
        let (elements, names) = parsed(&xml);
        let count = |tag: &str| elements.iter().filter(|element| *element == tag).count();
        let with = |status| all.iter().filter(|case| case.status == status).count();
        prop_assert_eq!(names, all.iter().map(|case| line(&case.name)).collect::<Vec<_>>());
        prop_assert_eq!(count("testsuite"), reports.len());
        prop_assert_eq!(count("failure"), with(CiStatus::Failed));
        prop_assert_eq!(count("error"), with(CiStatus::Error) + with(CiStatus::Inconclusive));
        prop_assert_eq!(count("skipped"), with(CiStatus::NotJudged));
        let passed = with(CiStatus::Passed);
        prop_assert_eq!(elements.len(), 1 + 2 * reports.len() + all.len() * 2, "{} passed", passed);

        for report in &reports {
            let page = comment(std::slice::from_ref(report));
            prop_assert!(is_calm(&page));
            prop_assert!(page.starts_with(&(marker(report) + "\n")));
            prop_assert_eq!(page.matches("-->").count(), 1);
            // The first line alone begins an element or a comment.
            let text = page.split_once('\n').unwrap().1;
            prop_assert!(!text.replace("\\\\", "").replace("\\<", "").contains('<'), "{}", text);
            let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
            prop_assert!(rows.iter().all(|row| cells(row) == 6), "{}", text);
            let head = 2 * usize::from(!report.cases.is_empty());
            prop_assert_eq!(rows.len(), report.cases.len() + head, "{}", text);
        }

        let commands = annotations(&reports);
        prop_assert!(is_calm(&commands));
        for command in commands.lines() {
            let rest = command.strip_prefix("::").and_then(|rest| rest.split_once(" title="));
            let (level, rest) = rest.unwrap();
            prop_assert!(["error", "warning", "notice"].contains(&level));
            let (title, message) = rest.split_once("::").unwrap();
            prop_assert!(!title.is_empty() && !title.contains([':', ',']) && !message.is_empty());
        }
        let errors = with(CiStatus::Failed) + with(CiStatus::Error);
        prop_assert_eq!(commands.matches("\n::error").count() + usize::from(commands.starts_with("::error")), errors.min(10));

        let figures: serde_json::Value = serde_json::from_str(&benchmark(&reports)).unwrap();
        let expected: usize = reports.iter().map(|report| report.figures.len()).sum();
        prop_assert_eq!(figures.as_array().unwrap().len(), expected);
    }
}

/// A made-up run, as a CI system reads it.
fn of_run(
    objectives: &[&str],
    change: impl Fn(&mut crate::record::RunInfo),
    spoil: impl Fn(&mut crate::record::TrialFacts),
) -> CiReport {
    let out = tempfile::tempdir().unwrap();
    let mut info = info(scenario(six(), 3, objectives));
    change(&mut info);
    let folder = write_run(out.path(), &info, spoil);
    CiReport::of_run(&View::new(Run::read(&folder).unwrap()))
}

#[test]
fn the_worst_case_and_the_exit_status_say_the_same() {
    let met = of_run(&["reach >= 1"], |_| (), |_| ());
    assert_eq!(met.status(), CiStatus::Passed, "{met:?}");
    assert_eq!(met.cases.iter().filter(|case| case.name == "reach >= 1").count(), 6);
    let case = &met.cases[0];
    assert_eq!((case.figure.as_deref(), case.threshold.as_deref()), (Some("1"), Some(">= 1")));
    assert!(met.headline.contains("exit status 0"), "{}", met.headline);
    assert!(met.figures.iter().any(|figure| figure.name.ends_with("freshness_p50")), "{met:?}");

    let missed = of_run(&["duplicate > 0"], |_| (), |_| ());
    assert_eq!(missed.status(), CiStatus::Failed, "{missed:?}");
    assert!(missed.headline.contains("exit status 1"), "{}", missed.headline);

    // Every objective is met by what was measured, and yet trials failed.
    let doubtful = of_run(
        &["reach >= 1"],
        |_| (),
        |facts| {
            if facts.trial == 2 {
                facts.failure = Some("died".to_owned());
            }
        },
    );
    assert_eq!(doubtful.status(), CiStatus::Inconclusive, "{doubtful:?}");
    assert!(doubtful.headline.contains("exit status 3"), "{}", doubtful.headline);

    let stopped = of_run(
        &["reach >= 1"],
        |info| {
            info.complete = false;
            info.stopped_by = Some("SIGINT".to_owned());
        },
        |_| (),
    );
    assert_eq!(stopped.status(), CiStatus::Error, "{stopped:?}");
    assert!(stopped.headline.contains("exit status 130"), "{}", stopped.headline);

    let aborted = of_run(
        &["reach >= 1"],
        |info| {
            info.complete = false;
            info.stopped_by = Some("errors_rate > 20% for 5s".to_owned());
        },
        |_| (),
    );
    assert_eq!(aborted.status(), CiStatus::Failed, "{aborted:?}");
}

#[test]
fn only_so_many_annotations_as_are_shown() {
    let mut report = of_run(&["duplicate > 0", "lost > 0"], |_| (), |_| ());
    report.scenario = "a, b".to_owned();
    let commands = annotations(&[report]);
    assert_eq!(commands.lines().count(), 10, "{commands}");
    assert!(commands.lines().all(|line| line.starts_with("::error title=")), "{commands}");
    assert!(commands.lines().last().unwrap().starts_with("::error title=3 more::"), "{commands}");
}
