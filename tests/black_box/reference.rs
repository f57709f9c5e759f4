//! The committed reference results, and the pages that show them: what is listed is there, parses, and says the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::docs::pages;
use crate::external_support::root;
use crate::support::{rows, text};

/// A shipped scenario takes less than so long, or it has no reference results.
const LIMIT_NS: u64 = 300_000_000_000;
/// Most bytes of a committed page.
const PAGE: u64 = 1_000_000;

fn tidings(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tidings")).args(arguments).current_dir(root()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The shipped scenarios of the built-in target that take under five minutes.
fn short() -> Vec<String> {
    let names = tidings(&["scenarios"]);
    let own = names.split("\n\n").next().unwrap().lines();
    own.filter_map(|line| line.split(' ').next())
        .filter(|name| {
            let plan: Value =
                serde_json::from_str(&tidings(&["plan", name, "--format", "json"])).unwrap();
            plan["plans"][0]["expected_ns"].as_u64().unwrap() < LIMIT_NS
        })
        .map(str::to_owned)
        .collect()
}

fn folder(name: &str) -> PathBuf {
    root().join("results/reference").join(name)
}

#[test]
fn every_short_scenario_has_a_text_and_every_folder_is_whole() {
    let page = fs::read_to_string(folder("README.md")).unwrap();
    let titles: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(titles, short(), "the sections, in the order of `tidings scenarios`");
    for (name, section) in titles.iter().zip(page.split("\n## ").skip(1)) {
        for part in ["- **Shows**: ", "- **Does not show**: ", &format!("<!-- reference: {name} ")]
        {
            assert!(section.contains(part), "{name}: {part}");
        }
    }
    let mut found = 0;
    for entry in fs::read_dir(folder("")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name != "README.md" {
            assert!(titles.contains(&name.as_str()), "{name} has no section");
            whole(&entry.path(), &name);
            found += 1;
        }
    }
    assert!(found > 0, "nothing is measured");
}

/// The files of a reference run are there, parse, and are of one complete run.
fn whole(at: &Path, name: &str) {
    let run: Value = serde_json::from_slice(&fs::read(at.join("run.json")).unwrap()).unwrap();
    assert_eq!(
        (&run["complete"], &run["scenario"]["name"]),
        (&true.into(), &name.into()),
        "{name}"
    );
    let command: Vec<&str> =
        run["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(command, ["tidings", "run", name], "{name}");
    let cases = run["scenario"]["cases"].as_array().unwrap().len();
    assert_eq!(rows(&at.join("summary.csv")).len(), cases, "{name}");
    let plan = run["plan"].as_array().unwrap().len();
    assert_eq!(rows(&at.join("trials.csv")).len(), plan, "{name}");
    let report = fs::read_to_string(at.join("report.md")).unwrap();
    assert!(report.contains("\n- Can this run be trusted? "), "{name}");
    let page = at.join("report.html");
    if page.exists() {
        assert!(fs::metadata(&page).unwrap().len() <= PAGE, "{name}");
    }
    for chart in fs::read_dir(at.join("charts")).unwrap().map(Result::unwrap) {
        let path = chart.path();
        if path.extension().is_some_and(|kind| kind == "svg") {
            assert!(fs::read_to_string(&path).unwrap().trim_end().ends_with("</svg>"), "{name}");
        }
    }
}

/// What `scripts/reference` writes between the comments: the picture, the verdict, the table and the sentences of the answer.
fn answer(name: &str, chart: &str, prefix: &str) -> String {
    let Ok(report) = fs::read_to_string(folder(name).join("report.md")) else {
        return format!(
            "(Not measured yet on the reference machine: `tidings run {name}` does it on yours.)\n"
        );
    };
    let picture = report
        .lines()
        .find(|line| line.starts_with("![") && line.contains(&format!("](charts/{chart}.svg)")));
    let picture = picture.map(|line| line.replace("](", &format!("]({prefix}")) + "\n\n");
    let (_, own) = report.split_once("\n## Answer\n").unwrap();
    let own = own.split("\n## ").next().unwrap();
    let begin =
        |start: &str| own.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    let sentences = begin("- ");
    let is_verdict = |line: &&str| line.starts_with("- Can this run be trusted");
    let (verdict, said): (Vec<&str>, Vec<&str>) = sentences.into_iter().partition(is_verdict);
    // What a disruption did says more than which disrupted case is cheapest.
    let disrupted = |section: &&str| {
        ["Failing receivers\n", "Restart\n", "Slow consumers\n"]
            .iter()
            .any(|title| section.starts_with(title))
    };
    let effects = report.split("\n## ").filter(disrupted).flat_map(str::lines);
    let effects: Vec<&str> =
        effects.filter(|line| line.starts_with("- ") && !line.starts_with("- *")).collect();
    let joined = |lines: &[&str]| lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
    let many = effects.is_empty() && said.len() > 12;
    let said = if effects.is_empty() { said } else { effects };
    format!(
        "{}**{}**\n\n{}\n{}The whole report: [{name}]({prefix}report.md).\n",
        picture.unwrap_or_default(),
        &verdict[0][2..],
        joined(&begin("|")),
        if many { String::new() } else { joined(&said) + "\n" }
    )
}

#[test]
fn pages_show_what_the_reference_measured() {
    let mut shown = 0;
    for page in pages() {
        let content = fs::read_to_string(&page).unwrap();
        let up = page.strip_prefix(root()).unwrap();
        let prefix = match up.to_str().unwrap() {
            "results/reference/README.md" => "",
            name if name.starts_with("docs/") => "../results/reference/",
            _ => continue,
        };
        for block in content.split("<!-- reference: ").skip(1) {
            let (head, rest) = block.split_once(" -->\n").unwrap();
            let (name, chart) = head.split_once(' ').unwrap();
            let (inner, _) = rest.split_once("<!-- end of reference -->").unwrap();
            let expected = answer(name, chart, &format!("{prefix}{name}/"));
            assert_eq!(inner, expected, "{}: scripts/reference --fill", up.display());
            shown += 1;
        }
    }
    assert!(shown > 20, "{shown}");
}

/// What a table of rows in a page says of a file: `| file | case | column | value |`.
fn claims(page: &str) -> Vec<[String; 4]> {
    let cells = |line: &str| {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        <[String; 4]>::try_from(cells).ok()
    };
    let rows = page.lines().filter(|line| line.starts_with("| `")).filter_map(cells);
    rows.collect()
}

#[test]
fn decisions_rest_on_the_rows_that_they_name() {
    let page = fs::read_to_string(root().join("docs/decisions.md")).unwrap();
    let decisions: Vec<&str> = page
        .split("\n## ")
        .skip(1)
        .filter(|text| text.contains("| file | case or metric |"))
        .collect();
    assert_eq!(decisions.len(), 3);
    for decision in decisions {
        for part in ["**Decision**", "**Cost**", "**Confidence**"] {
            assert!(decision.contains(part), "{part}: {decision}");
        }
        let claims = claims(decision);
        assert!(claims.len() >= 4, "{decision}");
        let prose = decision.split("| file | ").next().unwrap();
        for [file, case, column, value] in claims {
            let (value, words) = value.split_once(": ").unwrap();
            let all = rows(&folder(&file));
            let named = |row: &&BTreeMap<String, String>| {
                row.get("case").is_some_and(|own| *own == case)
                    || row.get("metric").is_some_and(|own| *own == case)
            };
            let row = all.iter().find(named).unwrap_or_else(|| panic!("{file}: {case}"));
            assert_eq!(row[&column], value, "{file}: {case}: {column}");
            // The prose has the figure as people read it.
            assert!(prose.contains(words), "'{words}' is not in: {prose}");
            assert!(is_rounded(value, words), "{value} is not {words}");
        }
    }
}

/// Whether `words` is `value` in another unit, rounded to the digits that it has.
fn is_rounded(value: &str, words: &str) -> bool {
    let (number, unit) = words.split_once(' ').unwrap_or((words, ""));
    let size = match unit {
        "µs" => 1e3,
        "ms" => 1e6,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        _ => 1.0,
    };
    let (Ok(exact), Ok(said)) = (value.parse::<f64>(), number.parse::<f64>()) else { return false };
    let decimals = number.split_once('.').map_or(0, |(_, digits)| digits.len());
    (exact / size - said).abs() <= 0.5001 * 10_f64.powi(-i32::try_from(decimals).unwrap())
}

#[test]
fn a_figure_is_compared_as_people_read_it() {
    for (value, words) in
        [("83071", "83.1 µs"), ("299.28", "299 USD"), ("1798144", "1.71 MiB"), ("3", "3")]
    {
        assert!(is_rounded(value, words), "{value} {words}");
    }
    for (value, words) in
        [("83071", "83.2 µs"), ("83071", "83.1 ms"), ("299.8", "299 USD"), ("", "3")]
    {
        assert!(!is_rounded(value, words), "{value} {words}");
    }
}
