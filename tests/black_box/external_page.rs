//! `report.html` in a real browser: the reference page, a page of 6 patterns at 20 loads each, and two runs side by side.
//!
//! `tests/browser/report.mjs` drives Chromium over its debugging pipe, and judges accessibility by axe-core. What it measured
//! (bytes, milliseconds until loaded) it prints; it asserts no time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::external_support::{Program, further_are_here, npm_modules, root};
use crate::support::text;
use crate::synthetic::{case, hundred_and_twenty, info, scenario, six, write_run};
use tidings::scenario::PatternKind;

const PROGRAMS: [Program; 2] = [
    Program { variable: "CHROMIUM", name: "chromium" },
    Program { variable: "NODE", name: "node" },
];

fn report(arguments: &[&Path], more: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    let made = command.arg("report").args(arguments).args(more).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
}

/// Most bytes of the page of 6 patterns at 20 loads each.
const SIZE: u64 = 3_000_000;

/// Whether the browser and what judges pages are here; says what is left out otherwise.
fn are_here() -> bool {
    further_are_here("report.html in a real browser", &PROGRAMS, &["axe-core"])
}

/// Opens pages, each under what it is called, and does with them what readers do.
#[expect(clippy::print_stdout, reason = "sizes and times are to be seen, and decide nothing")]
fn check(pages: &[(&str, PathBuf)]) {
    let node = std::env::var("NODE").unwrap_or_else(|_| "node".to_owned());
    let mut command = Command::new(node);
    command.arg(root().join("tests/browser/report.mjs"));
    command.arg("--axe").arg(npm_modules().join("axe-core/axe.min.js"));
    // Pictures of each view, to be looked at.
    if let Some(folder) = std::env::var_os("TIDINGS_PAGE_PICTURES").map(PathBuf::from) {
        command.arg("--pictures").arg(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (name, page) in pages {
            fs::copy(page, folder.join(format!("{name}.html"))).unwrap();
        }
    }
    for (name, page) in pages {
        command.arg(format!("{name}={}", page.display()));
    }
    let checked = command.output().unwrap();
    let (said, complaints) = (text(&checked.stdout), text(&checked.stderr));
    println!("{said}");
    assert_eq!(checked.status.code(), Some(0), "{said}{complaints}");
    for (name, _) in pages {
        assert!(said.contains(&format!("{name}: ")), "{said}");
    }
}

#[test]
fn the_reference_page_and_two_runs_side_by_side_work_in_chromium() {
    if !are_here() {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let copy = out.path().join("quickstart");
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(root().join("results/reference/quickstart")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    report(&[&copy], &[]);
    let mut cases = six();
    for case in &mut cases {
        case.workload.clients = 20;
    }
    let other = write_run(&out.path().join("other"), &info(scenario(cases, 3, &[])), |_| ());
    let both = out.path().join("both.html");
    report(&[&copy, &other], &["--html", &both.display().to_string()]);
    check(&[("quickstart", copy.join("report.html")), ("both", both)]);
}

#[test]
fn a_page_of_six_patterns_at_twenty_loads_works_in_chromium() {
    if !are_here() {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let run = write_run(out.path(), &info(scenario(hundred_and_twenty(), 3, &[])), |_| ());
    report(&[&run], &[]);
    let page = run.join("report.html");
    let size = fs::metadata(&page).unwrap().len();
    assert!(size <= SIZE, "{size} bytes");
    check(&[("wide", page)]);
}

/// Reads the files of a page by the page's own script, and names each series whose case is in none of them.
const READS: &str = r#"
const page = require('fs').readFileSync(process.argv[1], 'utf8');
const script = page.match(/<script>([^]*)<\/script>/)[1];
const own = script.slice(script.indexOf('const SHOWN'), script.indexOf('const files'));
const parse = new Function(`${own}; return parse;`)();
const rows = parse(decodeURIComponent(page.match(/download="percentiles.csv"[^>]*href="[^",]*,([^"]*)"/)[1]));
const signs = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' };
const ids = [...page.matchAll(/data-case="([^"]+)"/g)].map(found => found[1].replace(/&(lt|gt|quot|#39|amp);/g, (_, name) => signs[name]));
const lost = ids.filter(id => !rows.some(row => row.case === id));
console.log(`${ids.length} series`);
if (lost.length || ids.length < 2) throw new Error(JSON.stringify([lost, rows.map(row => row.case)]));
"#;

#[test]
fn a_series_is_found_in_the_files_of_its_page_whatever_its_case_is_called() {
    if !further_are_here("the files of report.html as its script reads them", &PROGRAMS[1..], &[]) {
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let axes = [":k=\u{202e}\u{1b}[1m\tx", ":k=\\u{1b}'\"<&,=1", ":k='=1"];
    let cases = axes.map(|axes| case(PatternKind::Sse, 20, axes)).to_vec();
    let run = write_run(out.path(), &info(scenario(cases, 1, &[])), |_| ());
    report(&[&run], &[]);
    let node = std::env::var("NODE").unwrap_or_else(|_| "node".to_owned());
    let read =
        Command::new(node).args(["-e", READS]).arg(run.join("report.html")).output().unwrap();
    assert!(read.status.success(), "{}", text(&read.stderr));
}
