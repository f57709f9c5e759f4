//! JUnit XML, in the form that Jenkins' schema and GitLab, Azure, Buildkite and pytest's readers have in common.
//!
//! An inconclusive case is an `<error>`, not `<skipped>`: readers show a skipped test as a harmless one and call the suite green
//! (GitLab's merge request leaves it out altogether), while the job fails with status 3. JUnit's error is a test that could not be
//! completed for another reason than its assertion, which is just that; its type is `inconclusive`. What was not judged because
//! the run was stopped is skipped, beside one error that says that the run was stopped.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::{CiCase, CiReport, CiStatus, line};

/// Renders reports as one file, a suite each.
pub fn junit(reports: &[CiReport]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let total = |status: &dyn Fn(CiStatus) -> bool| {
        let cases = reports.iter().flat_map(|report| &report.cases);
        cases.filter(|case| status(case.status)).count()
    };
    let _ = writeln!(
        out,
        "<testsuites name=\"tidings\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
        total(&|_| true),
        total(&|status| status == CiStatus::Failed),
        total(&is_error),
        total(&|status| status == CiStatus::NotJudged),
        seconds(reports.iter().filter_map(|report| report.seconds).sum()),
    );
    for report in reports {
        suite(&mut out, report);
    }
    out.push_str("</testsuites>\n");
    out
}

const fn is_error(status: CiStatus) -> bool {
    matches!(status, CiStatus::Error | CiStatus::Inconclusive)
}

fn suite(out: &mut String, report: &CiReport) {
    let errors = report.cases.iter().filter(|case| is_error(case.status)).count();
    // The schema has a time without a zone, which is UTC.
    let began = report.started_utc.trim_end_matches('Z');
    let began = began.split('.').next().unwrap_or_default();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{}\" timestamp=\"{}\" time=\"{}\">",
        attribute(&report.title()),
        report.cases.len(),
        report.count(CiStatus::Failed),
        report.count(CiStatus::NotJudged),
        attribute(began),
        seconds(report.seconds.unwrap_or(0.0)),
    );
    for case in &report.cases {
        testcase(out, report, case);
    }
    let mut notes = vec![report.headline.as_str()];
    notes.extend(report.notes.iter().map(String::as_str));
    let notes: Vec<String> = notes.into_iter().map(attribute).collect();
    let _ = writeln!(out, "    <system-out>{}</system-out>\n  </testsuite>", notes.join("\n"));
}

fn testcase(out: &mut String, report: &CiReport, case: &CiCase) {
    // The part before the last dot is a package for some readers: the verb and the scenario have none of their own.
    let class = format!("{}: {}", report.title(), case.group).replace('.', "\u{2024}");
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"0\">",
        attribute(&class),
        attribute(&case.name)
    );
    let message = attribute(&case.sentence);
    let body = attribute(&details(case));
    let told = match case.status {
        CiStatus::Passed => format!("<system-out>{body}</system-out>"),
        CiStatus::Failed => {
            format!("<failure type=\"failed\" message=\"{message}\">{body}</failure>")
        }
        CiStatus::Inconclusive => {
            format!(
                "<error type=\"inconclusive\" message=\"inconclusive: {message}\">{body}</error>"
            )
        }
        CiStatus::Error => format!("<error type=\"error\" message=\"{message}\">{body}</error>"),
        CiStatus::NotJudged => format!("<skipped message=\"not judged: {message}\"/>"),
    };
    let _ = writeln!(out, "{told}</testcase>");
}

/// The whole finding in a line.
fn details(case: &CiCase) -> String {
    let mut text = case.sentence.clone();
    for (what, value) in [("measured", &case.figure), ("threshold", &case.threshold)] {
        if let Some(value) = value {
            let _ = write!(text, "; {what}: {value}");
        }
    }
    text
}

/// A text as an attribute or as the content of an element.
fn attribute(text: &str) -> String {
    escape(line(text)).into_owned()
}

fn seconds(seconds: f64) -> String {
    if seconds.is_finite() { format!("{seconds:.3}") } else { "0".to_owned() }
}
