//! FORMAT.md's tables of columns, generated from the tables that define the files.

use super::columns::Column;
use super::files::{
    DELIVERY_COLUMNS, FLOOR_COLUMNS, PERCENTILE_COLUMNS, SAMPLE_COLUMNS, SUMMARY_COLUMNS,
    TIMELINE_COLUMNS,
};
use super::metrics::{Better, Of, Spec, TRIAL_SPECS};
use crate::measure::Metric;
use crate::scenario::PatternKind;

/// Each file with the table under its heading in FORMAT.md.
fn tables() -> [(&'static str, String); 7] {
    [
        ("trials.csv", trials()),
        ("floor.csv", table(FLOOR_COLUMNS)),
        ("summary.csv", table(SUMMARY_COLUMNS)),
        ("percentiles.csv", table(PERCENTILE_COLUMNS).replace("@METRICS@", &metrics())),
        ("timeline.csv", table(TIMELINE_COLUMNS)),
        ("samples.csv", table(SAMPLE_COLUMNS)),
        ("deliveries.csv", table(DELIVERY_COLUMNS)),
    ]
}

/// The tables of FORMAT.md, each below the heading of its file.
pub fn format_tables() -> String {
    let sections = tables().map(|(file, table)| format!("## {file}\n\n{table}"));
    sections.join("\n")
}

/// `document`, a FORMAT.md, with the first table under the heading of each file made anew.
#[cfg(test)]
fn documented(document: &str) -> String {
    let mut document = document.to_owned();
    for (file, table) in tables() {
        let Some(heading) = document.find(&format!("\n## {file}\n")) else { continue };
        let Some(begin) = document[heading..].find("\n|").map(|at| heading + at + 1) else {
            continue;
        };
        let rows = document[begin..].split_inclusive('\n').take_while(|line| line.starts_with('|'));
        let length: usize = rows.map(str::len).sum();
        document.replace_range(begin..begin + length, &table);
    }
    document
}

fn table(columns: &[Column]) -> String {
    let rows = columns
        .iter()
        .map(|c| format!("| `{}` | {} | {} | {} |\n", c.name, c.unit.symbol(), c.meaning, c.empty));
    let head = "| column | unit | meaning | empty |\n| --- | --- | --- | --- |\n";
    std::iter::once(head.to_owned()).chain(rows).collect()
}

fn trials() -> String {
    let head = "| column | unit | meaning | patterns | better | empty |\n| --- | --- | --- | --- | --- | --- |\n";
    let row = |spec: &Spec| {
        let Column { name, unit, meaning, empty, .. } = spec.column;
        let better = match spec.better {
            Better::Less => "less",
            Better::More => "more",
            Better::Neither => "",
        };
        let (unit, patterns) = (unit.symbol(), patterns(spec.of));
        format!("| `{name}` | {unit} | {meaning} | {patterns} | {better} | {empty} |\n")
    };
    std::iter::once(head.to_owned()).chain(TRIAL_SPECS.iter().map(row)).collect()
}

/// The patterns by name, or those that are left out where these are fewer.
fn patterns(of: Of) -> String {
    let names = |wanted: bool| {
        let kinds = PatternKind::ALL.into_iter().filter(move |kind| of.has(*kind) == wanted);
        kinds.map(|kind| format!("`{}`", kind.name())).collect::<Vec<_>>()
    };
    let (having, lacking) = (names(true), names(false));
    match lacking.len() {
        0 => "all".to_owned(),
        few if few <= 2 => format!("all but {}", lacking.join(", ")),
        _ => having.join(", "),
    }
}

fn metrics() -> String {
    let names: Vec<String> =
        Metric::ALL.into_iter().map(|metric| format!("`{}`", metric.name())).collect();
    let (last, others) = names.split_last().expect("metrics exist");
    format!("{} or {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_md_is_that_of_the_tables() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FORMAT.md");
        let written = std::fs::read_to_string(path).unwrap();
        for (file, table) in tables() {
            assert!(written.contains(&format!("\n## {file}\n")), "FORMAT.md has no section {file}");
            assert!(table.lines().count() > 5, "{file}");
        }
        let made = documented(&written);
        if std::env::var_os("UPDATE_FORMAT").is_some() {
            std::fs::write(path, &made).unwrap();
            return;
        }
        assert!(
            made == written,
            "FORMAT.md is out of date; write it anew with UPDATE_FORMAT=1 cargo nextest run format_md"
        );
    }

    #[test]
    fn only_the_tables_are_replaced() {
        let document =
            "# F\n\n## floor.csv\n\nText.\n\n| a |\n| b |\n\nMore.\n\n## other\n\n| c |\n";
        let made = documented(document);
        let (before, after) =
            ("# F\n\n## floor.csv\n\nText.\n\n| column |", "|\n\nMore.\n\n## other\n\n| c |\n");
        assert!(made.starts_with(before) && made.ends_with(after), "{made}");
        assert!(made.contains("| `floor_ns_p50` |") && !made.contains("| a |"), "{made}");
        assert_eq!(documented(&made), made, "again, it is the same");
    }
}
