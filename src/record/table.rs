//! Rows as named cells: the one place that turns records into CSV lines and back.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::cell::{BETWEEN, BOUNDS, Bounds, figure, guarded, unguarded};
use super::columns::{Column, Kind};

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A column is missing.
    #[error("{path}, line 1: column '{column}' is missing; was the file written by another tool?")]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// A cell or line cannot be understood.
    #[error("{path}, line {line}, {place}: {problem}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Which column.
        place: String,
        /// What is wrong with the line.
        problem: String,
    },
}

/// Makes a sentence fit for a list cell: one line, without the separator.
pub(super) fn sentence(text: &str) -> String {
    let one_line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    one_line.replace('|', "/").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The record's fields by name; a record is a struct, whose nested parts are flattened.
pub(super) fn fields(record: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(record) {
        Ok(Value::Object(map)) => map,
        other => unreachable!("a record is a struct of plain fields, not {other:?}"),
    }
}

/// The cells of a record in the order of `columns`.
pub(super) fn cells(columns: &[Column], record: &impl Serialize) -> Vec<String> {
    let map = fields(record);
    let mut bounds = has_bounds(columns).then(Bounds::default);
    let mut row: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let text = cell(map.get(column.name).unwrap_or(&Value::Null));
        row.push(match &mut bounds {
            Some(bounds) if column.kind == Kind::Figure => bounds.cell(column.name, text),
            // It comes behind the figures.
            Some(bounds) if column.name == BOUNDS => bounds.list(),
            _ => text,
        });
    }
    row
}

fn has_bounds(columns: &[Column]) -> bool {
    columns.iter().any(|column| column.name == BOUNDS)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(BETWEEN),
        other => other.to_string(),
    }
}

/// `rows` as CSV text, in which every text is inert, on a terminal and in a spreadsheet.
pub(crate) fn to_csv<R: AsRef<[String]>>(rows: impl IntoIterator<Item = R>) -> Vec<u8> {
    let inert = |row: R| row.as_ref().iter().map(|cell| guarded(cell).into_owned()).collect();
    cells_to_csv(rows.into_iter().map(inert))
}

/// Rows of cells that are inert already, as those of another file are, as CSV text.
pub(crate) fn cells_to_csv(rows: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory takes every row");
    }
    writer.into_inner().expect("memory can always be flushed")
}

/// The header line of `columns`.
pub(super) fn header(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.name.to_owned()).collect()
}

/// Returns a file's complete lines, with a warning if a crash cut the last one short.
pub(super) fn whole_lines(path: &Path) -> Result<(String, Option<String>), TableError> {
    let bytes = std::fs::read(path)
        .map_err(|source| TableError::Unreadable { path: path.to_owned(), source })?;
    let text = String::from_utf8_lossy(&bytes);
    let end = text.rfind('\n').map_or(0, |at| at + 1);
    let name = path.file_name().unwrap_or(path.as_os_str()).display();
    let warning = (end < text.len())
        .then(|| format!("{name}: the last line was cut short by a crash and is left out"));
    Ok((text[..end].to_owned(), warning))
}

/// Reads every row of a CSV text by the names in its header; unknown columns are ignored.
pub(super) fn read<T: DeserializeOwned>(
    columns: &[Column],
    path: &Path,
    text: &str,
) -> Result<Vec<T>, TableError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let wrong = |line, place: &str, problem: String| TableError::Wrong {
        path: path.to_owned(),
        line,
        place: place.to_owned(),
        problem,
    };
    let headers = reader.headers().map_err(|error| wrong(1, "header", error.to_string()))?.clone();
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        match headers.iter().position(|name| name == column.name) {
            Some(place) => places.push((*column, place)),
            None if column.required => {
                return Err(TableError::NoColumn { path: path.to_owned(), column: column.name });
            }
            None => {}
        }
    }
    let bounds = headers.iter().position(|name| name == BOUNDS);
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| wrong(0, "line", error.to_string()))?;
        let line = row.position().map_or(0, csv::Position::line);
        let mut map = Map::new();
        let bounds = bounds.and_then(|place| row.get(place)).unwrap_or("");
        for (column, place) in &places {
            let value = value(*column, row.get(*place).unwrap_or(""), bounds)
                .map_err(|problem| wrong(line, &format!("column '{}'", column.name), problem))?;
            map.insert(column.name.to_owned(), value);
        }
        let record = serde_json::from_value(Value::Object(map));
        rows.push(record.map_err(|error| wrong(line, "row", error.to_string()))?);
    }
    Ok(rows)
}

fn value(column: Column, cell: &str, bounds: &str) -> Result<Value, String> {
    let cell = match column.kind {
        Kind::Text | Kind::List => unguarded(cell),
        Kind::Figure => figure(column.name, cell, bounds).into(),
        Kind::Whole | Kind::Number => cell.into(),
    };
    let cell = cell.as_ref();
    let number = |n: f64| Number::from_f64(n).map(Value::Number);
    let parsed = match column.kind {
        Kind::List if cell.is_empty() => return Ok(Value::Array(Vec::new())),
        _ if cell.is_empty() && column.may_be_empty => return Ok(Value::Null),
        Kind::Text => (!cell.is_empty()).then(|| Value::from(cell)),
        Kind::List => Some(cell.split(BETWEEN).map(Value::from).collect()),
        Kind::Whole => cell.parse::<i64>().ok().map(Value::from),
        Kind::Figure if cell.starts_with('>') => {
            super::Figure::parse(cell).map(|_| Value::from(cell))
        }
        Kind::Number | Kind::Figure => cell.parse().ok().and_then(number),
    };
    parsed.ok_or_else(|| {
        let wanted = match column.kind {
            Kind::Text | Kind::List => "a text",
            Kind::Whole => "a whole number",
            Kind::Number => "a number",
            Kind::Figure => "a number, or one after '>'",
        };
        format!("'{cell}' is not {wanted}")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{FLOOR_COLUMNS, FloorRecord, TIMELINE_COLUMNS, TimelineRow};

    proptest! {
        #[test]
        fn rows_come_back_as_they_were_written(
            case in "[ -~é]{1,30}", seconds in proptest::collection::vec((any::<i32>(), any::<u32>(), proptest::option::of(0.0..1e9f64)), 0..5),
        ) {
            let rows: Vec<TimelineRow> = seconds
                .iter()
                .map(|(second, count, share)| TimelineRow {
                    case: case.clone(),
                    trial: 1,
                    second: (*second).into(),
                    deliveries: (*count).into(),
                    freshness_ns_p50: share.map(crate::record::Figure::Value),
                    freshness_ns_p99: share.map(crate::record::Figure::MoreThan),
                    requests: 0,
                    errors: (*count).into(),
                    target_cpu_share: *share,
                    worker_cpu_share: None,
                    dials: share.map(|_| (*count).into()),
                })
                .collect();
            let lines = std::iter::once(header(TIMELINE_COLUMNS))
                .chain(rows.iter().map(|row| cells(TIMELINE_COLUMNS, row)));
            let text = String::from_utf8(to_csv(lines)).unwrap();
            let read: Vec<TimelineRow> = read(TIMELINE_COLUMNS, Path::new("t"), &text).unwrap();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn any_file_is_read_or_refused(text in "([a-z_\",>0-9.|é-]{0,20}\n){0,6}", cells in "([0-9a-z>.\",|-]{0,8},){0,20}\n") {
            let _ = read::<FloorRecord>(FLOOR_COLUMNS, Path::new("t"), &text);
            let headed = header(FLOOR_COLUMNS).join(",") + "\n" + &cells;
            let _ = read::<FloorRecord>(FLOOR_COLUMNS, Path::new("t"), &headed);
        }
    }
}
