//! What causes the costs of each case: a client that stands, a delivery, a connect.

use super::View;
use super::document::Table;
use super::glance::print;
use crate::judge::CaseSummary;

/// Heading, and column of `trials.csv`.
const COLUMNS: [(&str, &str); 6] = [
    ("CPU per client and second", "idle_cpu_ns_per_client_s"),
    ("CPU added per delivery", "added_cpu_ns_per_delivery"),
    ("CPU per connect", "connect_cpu_ns_per_link"),
    ("bytes per client and second", "idle_wire_bytes_per_client_s"),
    ("bytes added per delivery", "added_wire_bytes_per_delivery"),
    ("bytes per connect", "connect_wire_bytes_per_link"),
];

/// What the table shows.
pub(super) const READING: &str = "Medians over the usable trials. What a client takes while nothing is published, what each \
     delivery adds, what opening a link takes: target CPU, then wire bytes in both directions.";

/// The table; without rows where no case had an idle phase.
pub(super) fn table(view: &View) -> Table {
    let split = |case: &CaseSummary| case.figure("idle_cpu_ns_per_client_s").is_some();
    let heads = std::iter::once("case").chain(COLUMNS.map(|(heading, _)| heading));
    let row = |case: &CaseSummary| {
        let cells = COLUMNS.map(|(_, column)| print(case, column));
        std::iter::once(view.name(&case.case)).chain(cells).collect()
    };
    let any = view.findings.cases.iter().any(split);
    Table::of_cases(heads, view.findings.cases.iter().filter(|_| any).map(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND_NS;
    use crate::record::synthetic::{case, info, scenario, write_run};
    use crate::record::{CpuReading, Run};
    use crate::scenario::PatternKind;

    #[test]
    fn a_case_with_an_idle_phase_has_its_costs_split() {
        let out = tempfile::tempdir().unwrap();
        let info = info(scenario(vec![case(PatternKind::Sse, 20, "")], 1, &[]));
        let of = |idle_ns: Option<u64>| {
            let folder = write_run(out.path(), &info, |facts| {
                let at = |s: u64, target_ns| CpuReading {
                    at_ns: s * SECOND_NS,
                    target_ns: Some(target_ns),
                    workers_ns: 0,
                };
                facts.resources.idle_cpu = idle_ns.map(|ns| (at(1, 0), at(2, ns)));
            });
            table(&View::new(Run::read(&folder).unwrap()))
        };
        let table = of(Some(100_000));
        assert_eq!(table.head.len(), 7);
        let cell = |at: usize| table.groups[0].rows[0][at].text.as_str();
        assert_eq!((cell(0), cell(1), cell(6)), ("sse", "5 us", "900 B"));
        assert!(of(None).groups[0].rows.is_empty());
    }
}
