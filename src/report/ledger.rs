//! The account of every expected delivery and of every request, as sums that balance.

use super::View;
use super::document::{Cell, Table, left, right};
use crate::judge::CaseSummary;
use crate::unit::thousands;

/// How to read the tables.
pub(super) const READING: &str = "Sums over the finished trials. Every delivery that was due in a window is delivered, lost or, where only the newest state is \
     wanted, superseded; every request is answered, failed or unfinished at the end. What is left must be 0.";

/// The table of deliveries.
pub(super) fn deliveries(view: &View) -> Table {
    let cases = &view.findings.cases;
    let supersedes = cases.iter().any(|case| case.ledger.superseded > 0);
    let row = |case: &CaseSummary| {
        let ledger = &case.ledger;
        let mut parts = vec![ledger.delivered, ledger.lost];
        parts.extend(supersedes.then_some(ledger.superseded));
        let others = [ledger.duplicate, ledger.reordered, ledger.late];
        account(view.name(&case.case), ledger.expected, &parts, &others)
    };
    let mut head = vec![left("case"), right("expected ="), right("delivered")];
    head.push(right("+ lost"));
    head.extend(supersedes.then(|| right("+ superseded")));
    head.push(right("+ left"));
    head.extend(["duplicate", "reordered", "late"].map(right));
    head.push(left("balance"));
    Table { caption: "deliveries", ..Table::new(head, cases.iter().map(row).collect()) }
}

/// The table of requests and polls; without rows where nothing asks.
pub(super) fn requests(view: &View) -> Table {
    let row = |case: &CaseSummary| {
        let count = |name: &str| case.counts.get(name).copied();
        let sent = count("sent").filter(|sent| *sent > 0)?;
        let parts = [count("answered")?, count("failed")?, count("unfinished")?];
        let others = [count("retries").unwrap_or(0), count("errors").unwrap_or(0)];
        Some(account(view.name(&case.case), sent, &parts, &others))
    };
    let head = ["sent =", "answered", "+ failed", "+ unfinished", "+ left", "retries", "errors"];
    let head = std::iter::once(left("case")).chain(head.map(right)).chain([left("balance")]);
    let rows = view.findings.cases.iter().filter_map(row).collect();
    Table { caption: "requests and polls", ..Table::new(head.collect(), rows) }
}

/// A row: the whole, its parts, what they leave, further counts, and whether it balances.
fn account(name: String, whole: u64, parts: &[u64], others: &[u64]) -> Vec<Cell> {
    let left = i128::from(whole) - parts.iter().map(|part| i128::from(*part)).sum::<i128>();
    let outcome = if left == 0 { "balances" } else { "does not balance" };
    let counts = |counts: &[u64]| counts.iter().copied().map(thousands).collect::<Vec<_>>();
    let texts = [vec![name, thousands(whole)], counts(parts), vec![left.to_string()]];
    let texts = texts.into_iter().chain([counts(others), vec![outcome.to_owned()]]);
    texts.flatten().map(Cell::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_says_what_it_leaves() {
        let text = |whole, parts: &[u64]| {
            let row = account("sse".to_owned(), whole, parts, &[7]);
            row.into_iter().map(|cell| cell.text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(text(1_200, &[1_190, 10]), "sse 1,200 1,190 10 0 7 balances");
        assert_eq!(text(5, &[4, 0]), "sse 5 4 0 1 7 does not balance");
        assert_eq!(text(5, &[6, 0]), "sse 5 6 0 -1 7 does not balance");
    }
}
