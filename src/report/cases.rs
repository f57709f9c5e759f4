//! Everything that is known of each case, one after the other.

use super::View;
use super::document::{Block, Cell, Table, left, right};
use super::glance::{verdict, with_interval};
use crate::judge::{CaseSummary, Offered, summarised};
use crate::record::{Unit, spec};
use crate::unit::{bytes, count, counted, thousands};

/// The details of every case, folded.
pub(super) fn details(view: &View) -> Vec<Block> {
    view.findings.cases.iter().map(|case| details_of(view, case)).collect()
}

fn details_of(view: &View, case: &CaseSummary) -> Block {
    let title = format!("{}: {}", view.name(&case.case), verdict(case));
    let name = (view.name(&case.case) != case.case).then(|| format!("Full id: {}", case.case));
    let known = name.into_iter().chain([offered(&case.offered), case.trials.to_string() + "."]);
    let blocks = vec![
        Block::Sentences(known.collect()),
        Block::Table(figures(case)),
        Block::Table(counts(case)),
        Block::Fold("Settings of this case, JSON".to_owned(), vec![settings(view, case)]),
    ];
    Block::Fold(title, blocks)
}

fn offered(offered: &Offered) -> String {
    let mut parts = vec![counted(offered.clients, "client"), counted(offered.topics, "topic")];
    parts.extend(
        offered.events_per_s.map(|rate| format!("{} events per second and topic", count(rate))),
    );
    parts.extend(offered.requests_per_s.map(|rate| format!("{} requests per second", count(rate))));
    parts.push(format!("payload {}", bytes(offered.payload_bytes as f64)));
    format!("Offered: {}.", parts.join(", "))
}

/// Every figure that was measured, with its interval.
fn figures(case: &CaseSummary) -> Table {
    let row = |column: &'static str| {
        case.figure(column)?;
        let about = spec(column)?;
        let unit = match about.column.unit {
            Unit::Nanoseconds | Unit::Bytes | Unit::None | Unit::Share => String::new(),
            Unit::BytesPerSecond | Unit::PerSecond => " per second".to_owned(),
            unit => format!(" {}", unit.symbol()),
        };
        Some([column.to_owned(), with_interval(case, column) + &unit].map(Cell::from).into())
    };
    let head = vec![left("figure"), right("value (interval)")];
    Table { caption: "figures", ..Table::new(head, summarised().filter_map(row).collect()) }
}

/// Every count that is not 0.
fn counts(case: &CaseSummary) -> Table {
    let counts = case.counts.iter().filter(|(_, count)| **count > 0);
    let rows = counts.map(|(name, count)| [Cell::from(*name), thousands(*count).into()].into());
    let head = vec![left("count"), right("sum over the finished trials")];
    Table { caption: "counts", ..Table::new(head, rows.collect()) }
}

fn settings(view: &View, case: &CaseSummary) -> Block {
    let mut cases = view.run.info.scenario.cases.iter();
    let own = cases.find(|own| own.id == case.case);
    Block::Code(own.and_then(|own| serde_json::to_string_pretty(own).ok()).unwrap_or_default())
}
