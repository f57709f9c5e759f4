//! The file of what was simulated, a row per setting, and its tables.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::settings::{FOUND, KEY, Setting};

/// The file, and the rows that it holds.
pub(crate) struct Table {
    path: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Opens a file, or begins it.
    pub(crate) fn open(path: &str) -> Self {
        if !Path::new(path).exists() {
            if let Some(folder) = Path::new(path).parent() {
                fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{path}: {error}"));
            }
            let head = [&KEY[..], &FOUND[..]].concat().join(",");
            fs::write(path, head + "\n").unwrap_or_else(|error| panic!("{path}: {error}"));
        }
        let mut reader =
            csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let rows = reader
            .records()
            .map(|row| row.unwrap_or_else(|error| panic!("{path}: {error}")))
            .map(|row| row.iter().map(str::to_owned).collect())
            .collect();
        Self { path: path.to_owned(), rows }
    }

    /// Whether a setting was simulated.
    pub(crate) fn holds(&self, setting: &Setting) -> bool {
        self.rows.iter().any(|row| row[..KEY.len()] == setting.key())
    }

    /// Adds what came of a setting, in the file first.
    pub(crate) fn append(&mut self, setting: &Setting, found: &[String]) {
        let row = [&setting.key()[..], found].concat();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&row).expect("cells in memory");
        let line = writer.into_inner().expect("cells in memory");
        let written = OpenOptions::new().append(true).open(&self.path);
        written
            .and_then(|mut file| file.write_all(&line))
            .unwrap_or_else(|error| panic!("{}: {error}", self.path));
        self.rows.push(row);
    }

    /// Prints what the file holds.
    pub(crate) fn print(&self) {
        for (kind, shown) in [
            (
                "gate",
                &[
                    "machine",
                    "what",
                    "blocks",
                    "bets",
                    "gates",
                    "fail",
                    "pass",
                    "moved",
                    "blocks_to_fail",
                    "threshold",
                    "mann_whitney",
                ][..],
            ),
            (
                "visible",
                &[
                    "machine",
                    "what",
                    "blocks",
                    "printed",
                    "visible_change",
                    "visible_found",
                    "visible_half_width",
                ],
            ),
        ] {
            let all = [&KEY[..], &FOUND[..]].concat();
            let at: Vec<usize> = shown
                .iter()
                .filter_map(|name| all.iter().position(|column| column == name))
                .collect();
            println!("\n| {} |\n|{}", shown.join(" | "), " --- |".repeat(shown.len()));
            for row in self.rows.iter().filter(|row| row[0] == kind) {
                let cells: Vec<String> = at.iter().map(|at| percent(all[*at], &row[*at])).collect();
                println!("| {} |", cells.join(" | "));
            }
        }
    }
}

/// A share as a percentage.
fn percent(column: &str, cell: &str) -> String {
    let is_share = !matches!(
        column,
        "machine" | "what" | "blocks" | "bets" | "gates" | "printed" | "blocks_to_fail"
    );
    match cell.parse::<f64>() {
        Ok(share) if is_share => format!("{:.2} %", 100.0 * share),
        _ => cell.to_owned(),
    }
}
