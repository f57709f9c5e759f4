//! Files of rows: each client takes the values of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::TemplateError;
use super::part::{FileCell, Part, Value};
use crate::prose::suggestion;

/// Most rows and bytes of a column.
const MOST: usize = u32::MAX as usize;

/// Reads the files that texts name.
pub trait FileSource {
    /// The contents of `name`, or why there are none.
    fn read(&mut self, name: &str) -> Result<Vec<u8>, String>;

    /// Names of files of which one may have been meant by `name`.
    fn beside(&mut self, _name: &str) -> Vec<String> {
        Vec::new()
    }
}

impl<F: FnMut(&str) -> Result<Vec<u8>, String>> FileSource for F {
    fn read(&mut self, name: &str) -> Result<Vec<u8>, String> {
        self(name)
    }
}

/// A file and one of its columns.
type ColumnKey = (Box<str>, Option<Box<str>>);

/// The columns that the texts of one dialect share: each is read and kept once.
pub struct Files<'a> {
    source: &'a mut dyn FileSource,
    columns: BTreeMap<ColumnKey, Arc<Column>>,
}

impl<'a> Files<'a> {
    /// Files that `source` reads.
    pub fn new(source: &'a mut dyn FileSource) -> Self {
        Self { source, columns: BTreeMap::new() }
    }

    fn column(&mut self, cell: &FileCell) -> Result<Arc<Column>, String> {
        let key = (cell.file.clone(), cell.column.clone());
        if let Some(column) = self.columns.get(&key) {
            return Ok(Arc::clone(column));
        }
        let bytes = match self.source.read(&cell.file) {
            Ok(bytes) => bytes,
            Err(reason) => {
                let beside = self.source.beside(&cell.file);
                let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
                let hint =
                    if beside.is_empty() { String::new() } else { suggestion(&cell.file, &beside) };
                return Err(format!("the file '{}' cannot be read: {reason}{hint}", cell.file));
            }
        };
        let column = Column::read(&cell.file, &bytes, cell.column.as_deref())?;
        let column = Arc::new(column);
        self.columns.insert(key, Arc::clone(&column));
        Ok(column)
    }
}

/// Gives every cell of `parts` its column.
pub(super) fn load(
    parts: &mut [Part],
    source: &str,
    files: &mut Files<'_>,
) -> Result<(), TemplateError> {
    for part in parts {
        let Part::Varying(varying) = part else { continue };
        let (from, to) = (varying.from, varying.to);
        match &mut varying.value {
            Value::File(cell) => {
                let column = files.column(cell);
                let column =
                    column.map_err(|message| TemplateError::new(source, from, to, message))?;
                cell.rows = Some(column);
            }
            Value::Text(parts)
            | Value::Length(parts)
            | Value::Digest(_, parts)
            | Value::Block(_, parts) => load(parts, source, files)?,
            Value::Hmac(_, key, message) => {
                load(key, source, files)?;
                load(message, source, files)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The values of one column, one behind the other.
#[derive(Debug)]
pub(super) struct Column {
    text: Box<str>,
    /// Where each value ends in `text`; never empty.
    ends: Box<[u32]>,
}

impl Column {
    /// The value of a client: rows are taken in turn.
    pub(super) fn of(&self, client: u64) -> &str {
        let row = (client % self.ends.len() as u64) as usize;
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start as usize..self.ends[row] as usize]
    }

    fn read(file: &str, bytes: &[u8], column: Option<&str>) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            format!("the file '{file}' is not UTF-8 at byte {}", error.valid_up_to())
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut values = Values::default();
        match column {
            None => text.lines().filter(|line| !line.is_empty()).for_each(|line| values.push(line)),
            Some(column) => records(file, text, column, &mut values)?,
        }
        values.finish(file)
    }
}

#[derive(Default)]
struct Values {
    text: String,
    ends: Vec<u32>,
    is_full: bool,
}

impl Values {
    fn push(&mut self, value: &str) {
        self.is_full |= self.text.len() + value.len() > MOST;
        if !self.is_full {
            self.text.push_str(value);
            self.ends.push(self.text.len() as u32);
        }
    }

    fn finish(self, file: &str) -> Result<Column, String> {
        if self.is_full {
            return Err(format!("the file '{file}' has more than 4 GiB in one column"));
        }
        if self.ends.is_empty() {
            return Err(format!(
                "the file '{file}' has no rows. Add one per client, or one for all"
            ));
        }
        Ok(Column { text: self.text.into(), ends: self.ends.into() })
    }
}

/// Reads one column of comma-separated `text`.
fn records(file: &str, text: &str, column: &str, values: &mut Values) -> Result<(), String> {
    let number: Option<usize> = column.parse().ok();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(number.is_none())
        .flexible(true)
        .from_reader(text.as_bytes());
    let at = match number {
        Some(0) => return Err("columns are counted from 1".to_owned()),
        Some(number) => number - 1,
        None => {
            let header = reader.headers().map_err(|error| format!("the file '{file}': {error}"))?;
            let names: Vec<&str> = header.iter().map(str::trim).collect();
            names.iter().position(|name| *name == column).ok_or_else(|| {
                let hint = suggestion(column, &names);
                format!("the file '{file}' has no column '{column}'{hint}")
            })?
        }
    };
    for record in reader.records() {
        let record = record.map_err(|error| format!("the file '{file}': {error}"))?;
        let value = record.get(at).ok_or_else(|| {
            let line = record.position().map_or(0, csv::Position::line);
            let columns = record.len();
            format!("line {line} of the file '{file}' has only {columns} columns, and '{column}' is number {}", at + 1)
        })?;
        values.push(value);
    }
    Ok(())
}
