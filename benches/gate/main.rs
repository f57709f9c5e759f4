//! Error rates of the gate, simulated from recorded trials: `cargo bench --bench gate [-- [--file FILE] [--only WORD] [--summary]
//! [RECORDED.csv …]]`.
//!
//! Appends a row per setting to FILE (default: `target/gate-simulated.csv`) and continues where it ended: a setting that is there is
//! not simulated again. `--only` takes the settings whose name, as it is printed, contains WORD, such as `"visible, busy"`;
//! `--summary` simulates nothing; both print the tables of FILE. RECORDED.csv (default: `benches/gate/recorded.csv`) has series of
//! trials of a quiet machine, of one on which others compiled, and of one that was swamped.
//!
//! Signs are drawn by the gate's own lot, and judged by its own course; one gate of twenty is judged by `tidings::gate::find` as well,
//! and must come to the same. A 5 % threshold on medians and a Mann-Whitney test at 1 % look once, at all trials of the budget.

#![expect(clippy::print_stdout, reason = "a table for people is what this is for")]

mod bets;
mod fit;
mod honest;
mod machine;
mod settings;
mod simulate;
mod table;

use std::collections::BTreeMap;

use fit::Fit;
use machine::{Machine, Series};
use settings::settings;
use table::Table;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut file, mut only, mut summary, mut recorded) = (None, String::new(), false, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--file" => file = arguments.next(),
            "--only" => only = arguments.next().unwrap_or_default(),
            "--summary" => summary = true,
            // From cargo.
            "--bench" => {}
            _ => recorded.push(argument),
        }
    }
    if recorded.is_empty() {
        recorded.push(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/gate/recorded.csv").to_owned());
    }
    let file = file.unwrap_or_else(|| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/gate-simulated.csv").to_owned()
    });
    let mut table = Table::open(&file);
    if !summary {
        let series = machine::read(&recorded);
        let machines = machines(&series);
        for setting in settings(machines.keys()) {
            let named = setting.key().join(", ").contains(&only);
            if named && !table.holds(&setting) {
                let row = setting.simulate(&machines[&setting.machine]);
                println!("{}: {}", setting.key().join(", "), row.join(" "));
                table.append(&setting, &row);
            }
        }
    }
    table.print();
}

/// The machines: each recorded one resampled, and the model that was fitted to the busy one.
fn machines(recorded: &BTreeMap<String, Vec<Series>>) -> BTreeMap<String, Machine> {
    let mut machines: BTreeMap<String, Machine> = recorded
        .iter()
        .map(|(name, series)| (name.clone(), Machine::Resampled(series.clone())))
        .collect();
    let busy = recorded.get("busy").or_else(|| recorded.values().next()).expect("recorded trials");
    let fit = Fit::of(busy);
    println!("fitted: {}", fit.told());
    machines.insert("fitted, steady".to_owned(), Machine::Fitted(fit.steady()));
    machines.insert("fitted, ten times the drift".to_owned(), Machine::Fitted(fit.stressed(10.0)));
    machines.insert("fitted".to_owned(), Machine::Fitted(fit));
    machines.insert(
        "all of them".to_owned(),
        Machine::Resampled(recorded.values().flatten().cloned().collect()),
    );
    machines
}
