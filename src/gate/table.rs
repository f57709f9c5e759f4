//! `gate.csv`: a row per trial, appended when it ends, and read strictly: what is broken must not pass.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};

use super::Arm;
use super::document::{Document, Terms};
use crate::record::{Figure, FolderError, SCHEMA_VERSION, TrialRecord, Verdict};

/// Its name in the folder.
pub const NAME: &str = "gate.csv";
/// The slot of a head trial that confirms lost or repeated deliveries.
pub const CONFIRMS: u32 = 5;
/// The columns before those of the metrics.
const COLUMNS: [&str; 13] = [
    "schema_version",
    "case",
    "block",
    "slot",
    "arm",
    "trial",
    "verdict",
    "expected",
    "delivered",
    "lost",
    "duplicate",
    SUPERSEDED,
    "slowest_ns",
];
/// The column that files of earlier versions lack; they count as 0.
const SUPERSEDED: &str = "superseded";

/// Deliveries of a trial that was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Deliveries that were to come.
    pub expected: u64,
    /// Those that came.
    pub delivered: u64,
    /// Those that did not.
    pub lost: u64,
    /// Those that came again.
    pub duplicate: u64,
    /// Those that a newer event replaced, where only the latest matters.
    pub superseded: u64,
}

/// A trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Id of the case.
    pub case: String,
    /// The block, from 1.
    pub block: u32,
    /// Its place in the block, from 1; [`CONFIRMS`] after it.
    pub slot: u32,
    /// The side that was measured.
    pub arm: Arm,
    /// Its number in the run folder of its side.
    pub trial: u32,
    /// The worth of the trial.
    pub verdict: Verdict,
    /// Its deliveries; `None` of a trial that did not finish.
    pub account: Option<Account>,
    /// The largest freshness of what arrived, in nanoseconds.
    pub slowest_ns: Option<f64>,
    /// The metrics, in the order of the terms.
    pub values: Vec<Option<Figure>>,
}

impl Row {
    /// The row of a trial that ended.
    pub fn of(record: &TrialRecord, block: u32, slot: u32, arm: Arm, terms: &Terms) -> Self {
        let account = record.ledger.map(|ledger| Account {
            expected: ledger.expected,
            delivered: ledger.delivered,
            lost: ledger.lost,
            duplicate: ledger.duplicate,
            superseded: ledger.superseded,
        });
        let value = |column: &str| record.figures.get(column);
        Self {
            case: record.identity.case.clone(),
            block,
            slot,
            arm,
            trial: record.identity.trial,
            verdict: record.verdict,
            account,
            slowest_ns: value("freshness_ns_max").map(Figure::number),
            values: terms.metrics.iter().map(|metric| value(&metric.column)).collect(),
        }
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![
            SCHEMA_VERSION.to_string(),
            self.case.clone(),
            self.block.to_string(),
            self.slot.to_string(),
            self.arm.name().to_owned(),
            self.trial.to_string(),
            self.verdict.name().to_owned(),
        ];
        match self.account {
            None => cells.extend([const { String::new() }; 5]),
            Some(Account { expected, delivered, lost, duplicate, superseded }) => {
                let counts = [expected, delivered, lost, duplicate, superseded];
                cells.extend(counts.map(|n| n.to_string()));
            }
        }
        cells.push(self.slowest_ns.map_or_else(String::new, |ns| ns.to_string()));
        let value = |value: &Option<Figure>| {
            value.map_or_else(String::new, |figure| figure.print(|number| number.to_string()))
        };
        cells.extend(self.values.iter().map(value));
        cells
    }

    /// The value of a metric by its place, if it can be compared: a number above 0 of a usable trial.
    pub fn value(&self, metric: usize) -> Option<f64> {
        match self.values.get(metric).copied().flatten() {
            Some(Figure::Value(value)) if self.verdict.usable() && value > 0.0 => Some(value),
            _ => None,
        }
    }
}

impl Row {
    /// Whether deliveries were lost or came again.
    pub fn is_spoilt(&self) -> bool {
        self.account.is_some_and(|account| account.lost > 0 || account.duplicate > 0)
    }

    /// Whether what it lost is the server's doing: nothing strained the machine, or all that arrived did so in half of the drain.
    /// Where a machine stands still for longer, events are late that a server did not drop.
    pub fn is_spoilt_for_certain(&self, drain_s: f64) -> bool {
        let quick = self.slowest_ns.is_some_and(|ns| ns < drain_s * 1e9 / 2.0);
        self.is_spoilt() && (self.verdict == Verdict::Valid || quick)
    }
}

/// The file while it is written.
#[derive(Debug)]
pub struct Appender {
    file: File,
    path: std::path::PathBuf,
}

impl Appender {
    /// Creates it with its header.
    pub fn create(folder: &Path, terms: &Terms) -> Result<Self, FolderError> {
        let path = folder.join(NAME);
        let head = COLUMNS.iter().map(|name| (*name).to_owned());
        let head: Vec<String> =
            head.chain(terms.metrics.iter().map(|metric| metric.column.clone())).collect();
        let created = File::create(&path).and_then(|mut file| {
            file.write_all(&line(&head)?)?;
            Ok(file)
        });
        match created {
            Ok(file) => Ok(Self { file, path }),
            Err(source) => Err(FolderError { path, source }),
        }
    }

    /// Appends a row, through to the disk.
    pub fn append(&mut self, row: &Row) -> Result<(), FolderError> {
        let written = line(&row.cells())
            .and_then(|line| self.file.write_all(&line))
            .and_then(|()| self.file.sync_data());
        written.map_err(|source| FolderError { path: self.path.clone(), source })
    }
}

fn line(cells: &[String]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// Reads the rows of a gate with these terms.
pub fn read(folder: &Path, terms: &Terms) -> anyhow::Result<Vec<Row>> {
    let path = folder.join(NAME);
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("{shown} cannot be read"))?;
    if !text.ends_with('\n') {
        let lines = text.lines().count();
        bail!(
            "{shown}, line {lines}: the line is cut off. The file is not whole; run the gate again"
        );
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().with_context(|| format!("{shown}, line 1"))?.clone();
    let absent = |name: &&str| *name == SUPERSEDED && !head.iter().any(|cell| cell == SUPERSEDED);
    let expected: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|name| !absent(name))
        .chain(terms.metrics.iter().map(|metric| metric.column.as_str()))
        .collect();
    if let Some(missing) = expected.iter().find(|name| !head.iter().any(|cell| cell == **name)) {
        bail!(
            "{shown}, line 1: column '{missing}' is missing. Another tool or version wrote the file"
        );
    }
    if head.len() != expected.len() {
        bail!("{shown}, line 1: {} columns where gate.json names {}", head.len(), expected.len());
    }
    let mut rows = Vec::new();
    for (record, number) in reader.records().zip(2..) {
        let row = record.map_err(anyhow::Error::from).and_then(|record| {
            let cell = |name: &str| {
                let at = head.iter().position(|cell| cell == name);
                at.and_then(|at| record.get(at)).unwrap_or_default()
            };
            parse(&cell, terms)
        });
        rows.push(row.with_context(|| format!("{shown}, line {number}"))?);
    }
    check(&rows, terms).with_context(|| shown.to_string())?;
    Ok(rows)
}

fn parse<'a>(cell: &dyn Fn(&str) -> &'a str, terms: &Terms) -> anyhow::Result<Row> {
    let whole = |name: &str| -> anyhow::Result<u64> {
        cell(name).parse().map_err(|_| anyhow!("{name}: '{}' is not a whole number", cell(name)))
    };
    let small = |name: &str| -> anyhow::Result<u32> {
        u32::try_from(whole(name)?).map_err(|_| anyhow!("{name}: the number is too large"))
    };
    let version = small("schema_version")?;
    if version != SCHEMA_VERSION {
        bail!("schema_version {version}, and this tidings reads {SCHEMA_VERSION}");
    }
    let arm = match cell("arm") {
        "base" => Arm::Base,
        "head" => Arm::Head,
        other => bail!("arm: '{other}' is neither base nor head"),
    };
    let verdict = cell("verdict");
    let verdict = Verdict::ALL
        .into_iter()
        .find(|known| known.name() == verdict)
        .ok_or_else(|| anyhow!("verdict: '{verdict}' is not a verdict"))?;
    let counts = ["expected", "delivered", "lost", "duplicate"];
    let account = if counts.iter().all(|name| cell(name).is_empty()) {
        if verdict != Verdict::Failed {
            bail!("expected: empty, and the trial is {verdict}");
        }
        None
    } else {
        let [expected, delivered, lost, duplicate] = counts.map(whole);
        let account = Account {
            expected: expected?,
            delivered: delivered?,
            lost: lost?,
            duplicate: duplicate?,
            superseded: if cell(SUPERSEDED).is_empty() { 0 } else { whole(SUPERSEDED)? },
        };
        let Account { expected, delivered, lost, superseded, .. } = account;
        let sum = delivered.checked_add(lost).and_then(|sum| sum.checked_add(superseded));
        if sum != Some(expected) {
            bail!(
                "delivered + lost + superseded is not expected: {delivered} + {lost} + {superseded} is not {expected}"
            );
        }
        Some(account)
    };
    let value = |column: &str| match cell(column) {
        "" => Ok(None),
        text => match Figure::parse(text) {
            Some(figure) if figure.number() >= 0.0 => Ok(Some(figure)),
            _ => Err(anyhow!("{column}: '{text}' is not a number of 0 or more")),
        },
    };
    let values = terms.metrics.iter().map(|metric| value(&metric.column));
    let slowest_ns = value("slowest_ns")?.map(Figure::number);
    Ok(Row {
        case: cell("case").to_owned(),
        block: small("block")?,
        slot: small("slot")?,
        arm,
        trial: small("trial")?,
        verdict,
        account,
        slowest_ns,
        values: values.collect::<anyhow::Result<_>>()?,
    })
}

/// Refuses the rows of a gate that has ended if any are missing.
///
/// # Errors
///
/// Where the document counts other rows, or a case lacks a side.
pub fn check_whole(folder: &Path, document: &Document, rows: &[Row]) -> anyhow::Result<()> {
    let path = folder.join(NAME);
    let shown = path.display();
    if let Some(trials) = document.trials.filter(|trials| *trials != rows.len()) {
        bail!(
            "{shown} has {} trials, and gate.json counts {trials}: rows are missing or were added",
            rows.len()
        );
    }
    if document.finished_utc.is_none() || document.stopped_by.is_some() {
        return Ok(());
    }
    for arm in [Arm::Base, Arm::Head] {
        let measured = |id: &String| rows.iter().any(|row| row.arm == arm && row.case == *id);
        if let Some(case) = document.terms.cases.iter().find(|case| !measured(&case.id)) {
            bail!("{shown}: case {} has no trial of {}", case.id, arm.name());
        }
    }
    Ok(())
}

/// Refuses rows that no gate writes.
fn check(rows: &[Row], terms: &Terms) -> anyhow::Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for (row, number) in rows.iter().zip(2..) {
        let Row { case, block, slot, .. } = row;
        if !terms.cases.iter().any(|known| known.id == *case) {
            bail!("line {number}: case '{case}' is not one of gate.json");
        }
        if *block == 0 || *slot == 0 || *slot > CONFIRMS {
            bail!(
                "line {number}: block {block}, slot {slot}: both count from 1, slots to {CONFIRMS}"
            );
        }
        if !seen.insert((case.as_str(), *block, *slot)) {
            bail!("line {number}: case {case}, block {block}, slot {slot} is there twice");
        }
        let arm = super::arm(terms.seed, index(terms, case), *block, *slot);
        if arm != row.arm {
            bail!(
                "line {number}: block {block}, slot {slot} of {case} is {}, and the seed of gate.json drew {}",
                row.arm.name(),
                arm.name()
            );
        }
    }
    Ok(())
}

/// The place of a case in the terms.
pub fn index(terms: &Terms, case: &str) -> usize {
    terms.cases.iter().position(|known| known.id == case).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{row, terms};
    use super::*;

    #[test]
    fn superseded_deliveries_balance_and_files_without_the_column_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let account =
            Account { expected: 100, delivered: 60, lost: 10, duplicate: 2, superseded: 30 };
        let terms = terms(&["sse"], Vec::new());
        let written = |account| {
            let row = Row { account: Some(account), ..row(Arm::Head, CONFIRMS, Verdict::Valid) };
            Appender::create(folder.path(), &terms).unwrap().append(&row).unwrap();
            (read(folder.path(), &terms), row)
        };
        let (rows, row) = written(account);
        assert_eq!(rows.unwrap(), [row]);
        let (refused, _) = written(Account { superseded: 29, ..account });
        assert!(format!("{:#}", refused.unwrap_err()).contains("60 + 10 + 29 is not 100"));
        // As an earlier version wrote it.
        let earlier = "schema_version,case,block,slot,arm,trial,verdict,expected,delivered,lost,duplicate,slowest_ns\n\
                       1,sse,1,5,head,1,valid,100,90,10,0,\n";
        fs::write(folder.path().join(NAME), earlier).unwrap();
        let rows = read(folder.path(), &terms).unwrap();
        assert_eq!(rows[0].account.unwrap().superseded, 0);
    }
}
