//! Where a ranking turns over: the rate of events from which on another case takes less.
//!
//! What a client of a case takes per second at λ events per second, from what was measured at one rate:
//!
//! ```text
//! idle · u(λ) ÷ u(0) + added · λ                          u: exchanges of upkeep per client and second
//! idle + added · λ₀ · h(λ) ÷ h(λ₀)                        CPU of short polls: h(λ) = (1 − e^−λI) ÷ I polls that bring something
//! ```
//!
//! An answer with several events costs hardly more CPU than one with one, and as many times the bytes: that is why a poll that
//! finds many is cheap, and one that finds few is not.

use super::clockwork::{hits, interval_s, is_by_the_clock};
use super::{Axis, CaseSummary};
use crate::scenario::{Case, Upkeep};
use crate::unit::Rate;

/// How far around the offered rate is looked, as a factor: further away a model of one measurement is a guess. CPU takes the
/// narrower range: a target that is woken less often takes more of it each time.
const fn range(axis: Axis) -> f64 {
    if matches!(axis, Axis::Cpu) { 5.0 } else { 100.0 }
}

/// Rates that are tried on each side of the offered one.
const STEPS: u32 = 200;
/// Least difference at the offered rate, and as far beyond the flip, as a ratio: lines that hardly cross cross anywhere.
const CLEAR: f64 = 1.1;

/// A rate at which two cases change places.
#[derive(Debug, Clone, PartialEq)]
pub struct Flip {
    /// What they are ranked by: CPU or bytes.
    pub axis: Axis,
    /// Events per second of a client, as offered.
    pub here: f64,
    /// Events per second of a client at which both take the same.
    pub at: f64,
    /// Id of the case that takes less here.
    pub less_here: String,
    /// Id of the case that takes less beyond.
    pub less_beyond: String,
    /// Seconds between two polls, where one of the two polls by the clock.
    pub interval_s: Option<f64>,
}

/// What a client of a case takes per second, by the rate of its events.
struct Line<'a> {
    summary: &'a CaseSummary,
    planned: &'a Case,
    here: f64,
    idle: f64,
    added: f64,
    by_polls: bool,
}

impl<'a> Line<'a> {
    fn of(axis: Axis, summary: &'a CaseSummary, planned: &'a [Case]) -> Option<Self> {
        let (idle, added) = match axis {
            Axis::Cpu => ("idle_cpu_ns_per_client_s", "added_cpu_ns_per_delivery"),
            Axis::Wire => ("idle_wire_bytes_per_client_s", "added_wire_bytes_per_delivery"),
            Axis::Freshness | Axis::Response | Axis::Memory | Axis::Cost => return None,
        };
        let planned = planned.iter().find(|case| case.id == summary.case)?;
        if !is_by_the_clock(planned) {
            return None;
        }
        let number = |column: &str| summary.figure(column).map(|figure| figure.value.number());
        Some(Self {
            summary,
            planned,
            here: summary.offered.events_per_s.filter(|rate| *rate > 0.0)?,
            idle: number(idle)?,
            added: number(added)?,
            by_polls: axis == Axis::Cpu,
        })
    }

    fn upkeep(&self, rate: f64) -> f64 {
        let mut case = self.planned.clone();
        case.workload.rate = Rate::per_second(rate);
        Upkeep::of(&case).map_or(1.0, |upkeep| upkeep.per_client_s)
    }

    fn at(&self, rate: f64) -> f64 {
        let deliveries = match interval_s(self.planned).filter(|_| self.by_polls) {
            Some(interval) => self.here * hits(rate, interval) / hits(self.here, interval),
            None => rate,
        };
        self.idle * self.upkeep(rate) / self.upkeep(0.0) + self.added * deliveries
    }
}

/// The flip of two cases that lies nearest to the offered rate, where it is a clear one.
fn between<'a>(axis: Axis, a: &Line<'a>, b: &Line<'a>) -> Option<Flip> {
    let ratio = |rate: f64| (a.at(rate) / b.at(rate)).ln();
    let here = a.here;
    let now = ratio(here);
    let clear = CLEAR.ln();
    if !now.is_finite() || now.abs() < clear || !every_block_agrees(axis, a, b, now) {
        return None;
    }
    let turned = |rate: f64| {
        let there = ratio(rate);
        there.is_finite() && there.signum() * now.signum() < 0.0
    };
    let step = range(axis).powf(1.0 / f64::from(STEPS));
    let nearest = (1..=STEPS).find_map(|n| {
        let factor = step.powi(n as i32);
        [here / factor, here * factor].into_iter().find(|rate| turned(*rate))
    })?;
    let back = if nearest < here { step } else { 1.0 / step };
    let (mut near, mut far) = (nearest * back, nearest);
    for _ in 0..40 {
        let middle = (near * far).sqrt();
        if turned(middle) { far = middle } else { near = middle }
    }
    let at = (near * far).sqrt();
    if ratio(at * at / here).abs() < clear {
        return None;
    }
    let (less, more) = if now < 0.0 { (a, b) } else { (b, a) };
    Some(Flip {
        axis,
        here,
        at,
        less_here: less.summary.case.clone(),
        less_beyond: more.summary.case.clone(),
        interval_s: interval_s(a.planned).or_else(|| interval_s(b.planned)),
    })
}

/// Whether the totals that were measured in each block show the same of two cases as the model does.
fn every_block_agrees(axis: Axis, a: &Line<'_>, b: &Line<'_>, log_ratio: f64) -> bool {
    let column = axis.column();
    let (a, b) = (a.summary.by_block.get(column), b.summary.by_block.get(column));
    let (Some(a), Some(b)) = (a, b) else { return true };
    let mut both = a.iter().filter_map(|(block, a)| Some((a.number(), b.get(block)?.number())));
    both.all(|(a, b)| (a < b) == (log_ratio < 0.0))
}

/// Where the rankings by CPU and by bytes turn over, one rate for each workload: preferably of a case that polls by the clock, which
/// is what rates decide about, and of the first place; the nearest of these.
pub fn flips(cases: &[CaseSummary], planned: &[Case]) -> Vec<Flip> {
    let mut flips = Vec::new();
    let mut workloads = Vec::new();
    for case in cases.iter().filter(|case| case.pattern.delivers()) {
        if !workloads.contains(&case.offered) {
            workloads.push(case.offered);
        }
    }
    for axis in [Axis::Cpu, Axis::Wire] {
        for offered in &workloads {
            let of =
                cases.iter().filter(|case| case.pattern.delivers() && case.offered == *offered);
            let lines: Vec<Line<'_>> =
                of.filter_map(|case| Line::of(axis, case, planned)).collect();
            flips.extend(nearest(axis, &lines));
        }
    }
    flips
}

fn nearest(axis: Axis, lines: &[Line<'_>]) -> Option<Flip> {
    let mut found: Vec<((bool, bool), f64, Flip)> = Vec::new();
    for (n, a) in lines.iter().enumerate() {
        for flip in lines[n + 1..].iter().filter_map(|b| between(axis, a, b)) {
            // As far as chance goes, nobody takes less than the two at that rate.
            let least = lines.iter().map(|line| line.at(flip.at)).fold(f64::INFINITY, f64::min);
            let first = a.at(flip.at) <= least * CLEAR;
            let polls = flip.interval_s.is_some();
            found.push(((!polls, !first), (flip.at / flip.here).ln().abs(), flip));
        }
    }
    found.sort_by(|(a, x, _), (b, y, _)| a.cmp(b).then(x.total_cmp(y)));
    found.into_iter().next().map(|(_, _, flip)| flip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Estimate, summary};
    use crate::pace::PollPace;
    use crate::record::synthetic::{case, info, scenario, write_run};
    use crate::record::{Figure, Run};
    use crate::scenario::PatternKind::{self, LongPoll, ShortPoll, Sse, Webhook};
    use crate::scenario::{Pattern, ShortPollOptions};

    /// Summaries of cases at 2 events per second and client, with the figures given: idle per second, added per delivery.
    fn made(figures: &[(PatternKind, f64, f64)]) -> (Vec<CaseSummary>, Vec<Case>) {
        let out = tempfile::tempdir().unwrap();
        let planned: Vec<Case> = figures.iter().map(|(kind, ..)| case(*kind, 20, "")).collect();
        let folder = write_run(out.path(), &info(scenario(planned.clone(), 1, &[])), |_| ());
        let mut cases = summary(&Run::read(&folder).unwrap());
        for (case, (_, idle, added)) in cases.iter_mut().zip(figures) {
            for (column, number) in [
                ("idle_cpu_ns_per_client_s", *idle),
                ("added_cpu_ns_per_delivery", *added),
                ("idle_wire_bytes_per_client_s", *idle),
                ("added_wire_bytes_per_delivery", *added),
            ] {
                let value = Figure::Value(number);
                let estimate =
                    Estimate { value, low: value, high: value, confidence: 0.0, trials: 1 };
                case.figures.insert(column, estimate);
                case.by_block.clear();
            }
        }
        (cases, planned)
    }

    fn of(axis: Axis, figures: &[(PatternKind, f64, f64)]) -> Option<Flip> {
        let (cases, planned) = made(figures);
        flips(&cases, &planned).into_iter().find(|flip| flip.axis == axis)
    }

    #[test]
    fn lines_cross_where_theory_says() {
        // Bytes: 400 per second of polls + 100 λ = 300 λ at λ = 2: no clear difference here; twice the idle, at 4.
        let flip = of(Axis::Wire, &[(ShortPoll, 800.0, 100.0), (Webhook, 0.0, 300.0)]).unwrap();
        assert!((flip.at - 4.0).abs() < 1e-6, "{flip:?}");
        assert_eq!((flip.less_here.as_str(), flip.less_beyond.as_str()), ("webhook", "short-poll"));
        assert_eq!((flip.here, flip.interval_s), (2.0, Some(1.0)));
        assert_eq!(of(Axis::Wire, &[(ShortPoll, 400.0, 100.0), (Webhook, 0.0, 300.0)]), None);
    }

    #[test]
    fn polls_that_find_many_cost_as_much_cpu_as_those_that_find_one() {
        let (idle, added, push) = (30.0, 10.0, 60.0);
        let flip = of(Axis::Cpu, &[(ShortPoll, idle, added), (Webhook, 0.0, push)]).unwrap();
        // idle + added · 2 ÷ (1 − e^−2) · (1 − e^−λ) = push · λ
        let polls = |rate: f64| idle + added * 2.0 * (1.0 - (-rate).exp()) / (1.0 - (-2f64).exp());
        assert!((polls(flip.at) - push * flip.at).abs() < 1e-6, "{flip:?}");
        assert!(flip.at < 2.0, "below the offered rate push takes less");
        assert_eq!(flip.less_beyond, "webhook");
    }

    #[test]
    fn polls_that_the_clock_does_not_set_alone_have_no_flip() {
        let figures = [(ShortPoll, 800.0, 100.0), (Webhook, 0.0, 300.0)];
        for set in [
            |options: &mut ShortPollOptions| options.cache = true,
            |options: &mut ShortPollOptions| options.jitter = 0.5,
            |options: &mut ShortPollOptions| options.pace = PollPace::AfterResponse,
        ] {
            let (cases, mut planned) = made(&figures);
            assert!(!flips(&cases, &planned).is_empty());
            let Pattern::ShortPoll(options) = &mut planned[0].pattern else { unreachable!() };
            set(options);
            assert_eq!(flips(&cases, &planned), []);
        }
    }

    #[test]
    fn blocks_that_contradict_each_other_show_no_flip() {
        let (mut cases, planned) = made(&[(ShortPoll, 800.0, 100.0), (Webhook, 0.0, 300.0)]);
        let told =
            |cases: &[CaseSummary]| flips(cases, &planned).iter().any(|f| f.axis == Axis::Wire);
        for (polls, webhooks, expected) in
            [([9.0, 9.0], [5.0, 6.0], true), ([9.0, 9.0], [5.0, 10.0], false)]
        {
            for (case, blocks) in cases.iter_mut().zip([polls, webhooks]) {
                let blocks = (1..).zip(blocks.map(Figure::Value)).collect();
                case.by_block.insert("wire_bytes_per_s", blocks);
            }
            assert_eq!(told(&cases), expected, "{polls:?} {webhooks:?}");
        }
    }

    #[test]
    fn heartbeats_end_where_streams_are_busy() {
        let (cases, planned) = made(&[(Sse, 100.0, 50.0), (Webhook, 0.0, 50.0)]);
        let line = Line::of(Axis::Wire, &cases[0], &planned).unwrap();
        for (rate, total, why) in [
            (1e-9, 100.0, "nothing but heartbeats"),
            (20.0, 1_000.0, "never quiet for a second"),
            (1.0, 100.0 / 1f64.exp_m1() + 50.0, "quiet at times"),
        ] {
            assert!((line.at(rate) - total).abs() < 1e-3, "{why}: {}", line.at(rate));
        }
    }

    #[test]
    fn the_first_place_is_told_before_any_other() {
        let lines = [(ShortPoll, 800.0, 100.0), (Webhook, 0.0, 300.0), (LongPoll, 1.0, 700.0)];
        // Long polls and short polls change places at 1.3, which is nearer; but neither is first there.
        let flip = of(Axis::Wire, &lines).unwrap();
        assert_eq!((flip.less_here.as_str(), flip.less_beyond.as_str()), ("webhook", "short-poll"));
    }

    #[test]
    fn nothing_is_told_of_lines_that_do_not_clearly_cross_or_were_not_measured() {
        assert_eq!(of(Axis::Wire, &[(ShortPoll, 800.0, 300.0), (Webhook, 0.0, 300.0)]), None);
        assert_eq!(of(Axis::Wire, &[(Sse, 1.0, 301.0), (Webhook, 0.0, 300.0)]), None);
        let (mut cases, planned) = made(&[(ShortPoll, 800.0, 100.0), (Webhook, 0.0, 300.0)]);
        cases[0].figures.remove("idle_wire_bytes_per_client_s");
        assert!(flips(&cases, &planned).iter().all(|flip| flip.axis == Axis::Cpu));
    }
}
