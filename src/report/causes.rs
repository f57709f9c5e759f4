//! What causes the costs of each case: a client that stands, a delivery, a connect.

use super::View;
use super::stages::Table;
use super::table::print;
use crate::judge::CaseSummary;
use crate::unit::{bytes, nanoseconds};

type Unit = fn(f64) -> String;

/// Heading, column, unit.
const COLUMNS: [(&str, &str, Unit); 6] = [
    ("CPU per client and second", "idle_cpu_ns_per_client_s", nanoseconds),
    ("added per delivery", "added_cpu_ns_per_delivery", nanoseconds),
    ("per connect", "connect_cpu_ns_per_link", nanoseconds),
    ("bytes per client and second", "idle_wire_bytes_per_client_s", bytes),
    ("added per delivery", "added_wire_bytes_per_delivery", bytes),
    ("per connect", "connect_wire_bytes_per_link", bytes),
];

/// What the table shows.
pub(super) const WHAT: &str = "Medians over the usable trials. What a client takes while nothing is published, what each \
     delivery adds, what opening a link takes: target CPU, then wire bytes in both directions.\n\n";

/// The table; `None` where no case had an idle phase.
pub(super) fn table(view: &View) -> Option<Table> {
    let split = |case: &&CaseSummary| case.figure("idle_cpu_ns_per_client_s").is_some();
    view.cases.iter().any(|case| split(&case)).then(|| {
        let head = std::iter::once("case").chain(COLUMNS.map(|(heading, ..)| heading));
        let row = |case: &CaseSummary| {
            let cells = COLUMNS.map(|(_, column, unit)| print(case, column, unit));
            std::iter::once(view.name(&case.case)).chain(cells).collect()
        };
        Table {
            head: head.map(str::to_owned).collect(),
            rows: view.cases.iter().map(row).collect(),
        }
    })
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
                    target_ns,
                    workers_ns: 0,
                };
                facts.resources.idle_cpu = idle_ns.map(|ns| (at(1, 0), at(2, ns)));
            });
            table(&View::new(Run::read(&folder).unwrap()))
        };
        let table = of(Some(100_000)).unwrap();
        assert_eq!(table.head.len(), 7);
        assert_eq!((table.rows[0][0].as_str(), table.rows[0][1].as_str()), ("sse", "5 us"));
        assert_eq!(table.rows[0][6], "900 B", "what opened a link");
        assert!(of(None).is_none());
    }
}
