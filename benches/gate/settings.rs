//! What is simulated: a setting per row of the file.

use tidings::gate::{Bets, Design, Evidence, Outcome};
use tidings::stats::median;

use crate::bets::{AllOrNothing, PlugIn, SignedRanks, Studentised};
use crate::honest::honesty;
use crate::machine::{METRICS, Machine};
use crate::simulate::Gate;

/// Blocks that 3 and 10 minutes buy of the scenario `gate`, as live gates printed them.
pub(crate) const SHORT: u32 = 15;
pub(crate) const LONG: u32 = 53;
/// Gates with equal sides, and with others.
const EQUAL: u64 = 10_000;
const WORSE: u64 = 2_000;
/// Gates that print a smallest visible change, and further gates for each, with a short and a long budget: the more blocks, the better
/// each knows its noise, and the longer it takes.
const PRINTED: [(u64, u64); 2] = [(400, 25), (100, 100)];

/// The columns of the file that name a setting, and those of what came of it.
pub(crate) const KEY: [&str; 5] = ["kind", "machine", "what", "blocks", "bets"];
pub(crate) const FOUND: [&str; 12] = [
    "gates",
    "fail",
    "pass",
    "moved",
    "inconclusive",
    "blocks_to_fail",
    "threshold",
    "mann_whitney",
    "printed",
    "visible_change",
    "visible_found",
    "visible_half_width",
];

/// A setting.
pub(crate) struct Setting {
    /// `gate`, or `visible` for whether the smallest visible change is honest.
    pub(crate) kind: &'static str,
    pub(crate) machine: String,
    /// The effect, or the metric and when it is printed.
    pub(crate) what: String,
    pub(crate) blocks: u32,
    pub(crate) bets: &'static str,
    deed: Deed,
}

#[derive(Clone, Copy)]
enum Deed {
    Gates { effect: [f64; 2], gates: u64 },
    Visible { metric: usize, stops: bool },
}

const BETS: [&str; 5] = ["the gate's", "all or nothing", "plug-in", "signed ranks", "studentised"];

/// All settings of these machines, the most telling first.
pub(crate) fn settings<'a>(machines: impl Iterator<Item = &'a String>) -> Vec<Setting> {
    let machines: Vec<&String> = machines.collect();
    let mut all = Vec::new();
    for bets in BETS {
        for machine in &machines {
            for (what, effect, blocks) in [
                ("equal sides", [0.0, 0.0], SHORT),
                ("equal sides", [0.0, 0.0], LONG),
                ("freshness +10 %", [0.1, 0.0], LONG),
                ("CPU +10 %", [0.0, 0.1], LONG),
                ("freshness +25 %", [0.25, 0.0], SHORT),
                ("CPU +25 %", [0.0, 0.25], SHORT),
            ] {
                let gates = if what == "equal sides" { EQUAL } else { WORSE };
                let deed = Deed::Gates { effect: effect.map(f64::ln_1p), gates };
                let (machine, what) = ((*machine).clone(), what.to_owned());
                all.push(Setting { kind: "gate", machine, what, blocks, bets, deed });
            }
        }
    }
    for machine in &machines {
        for (metric, name) in ["freshness", "CPU"].into_iter().enumerate() {
            for (blocks, stops) in [(SHORT, false), (SHORT, true), (LONG, false)] {
                let deed = Deed::Visible { metric, stops };
                let when = if stops { "when it ends" } else { "after its budget" };
                let (machine, what) = ((*machine).clone(), format!("{name}, {when}"));
                all.push(Setting { kind: "visible", machine, what, blocks, bets: BETS[0], deed });
            }
        }
    }
    all
}

impl Setting {
    /// The cells that name it.
    pub(crate) fn key(&self) -> [String; 5] {
        let blocks = self.blocks.to_string();
        let cells = [self.kind, &self.machine, &self.what, &blocks, self.bets];
        cells.map(str::to_owned)
    }

    /// The cells of what comes of it.
    pub(crate) fn simulate(&self, machine: &Machine) -> [String; 12] {
        match self.deed {
            Deed::Visible { metric, stops } => {
                let (bases, fresh) = PRINTED[usize::from(self.blocks > SHORT)];
                let found = honesty(machine, metric, self.blocks, stops, [bases, fresh]);
                let mut cells: [String; 12] = Default::default();
                cells[0] = (bases * fresh).to_string();
                cells[8] = found.printed.to_string();
                let shares = [found.change, found.found, found.half];
                for (cell, share) in cells[9..].iter_mut().zip(shares) {
                    *cell = format!("{share:.4}");
                }
                cells
            }
            Deed::Gates { effect, gates } => match self.bets {
                "the gate's" => self.gates::<Evidence>(machine, effect, gates),
                "all or nothing" => self.gates::<AllOrNothing>(machine, effect, gates),
                "plug-in" => self.gates::<PlugIn>(machine, effect, gates),
                "signed ranks" => self.gates::<SignedRanks>(machine, effect, gates),
                _ => self.gates::<Studentised>(machine, effect, gates),
            },
        }
    }

    fn gates<E: Bets>(&self, machine: &Machine, effect: [f64; 2], gates: u64) -> [String; 12] {
        let design = Design { claims: METRICS.len(), blocks: self.blocks, seed: 1 };
        // Failed, passed, moved, inconclusive, and what the other tests say, once for all bets.
        let mut tally = [0_u64; 6];
        let mut to_fail = Vec::new();
        let own = self.bets == BETS[0];
        for seed in 1..=gates {
            let gate = Gate::new(machine, seed, self.blocks, effect);
            let (outcome, blocks) =
                if own { gate.judge_checked(&design, seed) } else { gate.judge::<E>(&design) };
            let at = match outcome {
                Outcome::Fail => 0,
                Outcome::Pass => 1,
                Outcome::MachineMoved => 2,
                Outcome::Inconclusive => 3,
            };
            tally[at] += 1;
            if outcome == Outcome::Fail {
                to_fail.push(blocks as f64);
            }
            if own {
                tally[4] += u64::from(gate.exceeds_threshold());
                tally[5] += u64::from(gate.differs_by_ranks());
            }
        }
        let share = |at: usize| format!("{:.4}", tally[at] as f64 / gates as f64);
        let others = |at: usize| if own { share(at) } else { String::new() };
        let mut cells: [String; 12] = Default::default();
        cells[0] = gates.to_string();
        for (at, cell) in cells[1..5].iter_mut().enumerate() {
            *cell = share(at);
        }
        cells[5] = median(&to_fail).map_or(String::new(), |blocks| blocks.to_string());
        cells[6] = others(4);
        cells[7] = others(5);
        cells
    }
}
