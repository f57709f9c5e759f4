//! Which remedy fits: the load is to be lowered only where it can be the cause.
//!
//! A reason's text ends with its remedy, after a full stop. For a reason that asks for less load the remedy is replaced where neither
//! the target nor the workers were busy, and nothing in the scenario makes work queue while processors idle.

use super::Reason;
use crate::measure::Counter;
use crate::pace::Pacing;
use crate::record::{Coded, TrialFacts};
use crate::scenario::{Pattern, ReceiverOptions};
use crate::unit::{Span, significant};

/// Processor time per time from which a thread may be busy, in cores: an average over seconds hides its bursts.
const BUSY_CORES: f64 = 0.5;
/// Share of the host's cores that the run may use before it is its own machine's trouble.
const BUSY_SHARE: f64 = 0.5;

/// The reasons of a trial as files have them, each with a remedy that fits how busy the trial was.
pub fn advised(facts: &TrialFacts, reasons: Vec<Reason>) -> Vec<Coded> {
    let calm = Calm::of(facts);
    let advised = |reason: Reason| {
        let text =
            gathered(facts, &reason).or_else(|| calm.as_ref().and_then(|calm| calm.text(&reason)));
        let Coded { code, text: usual } = reason.into();
        Coded { code, text: text.unwrap_or(usual) }
    };
    reasons.into_iter().map(advised).collect()
}

/// The text of a reason that says what their own delay is of the responses, where the scenario has requests wait for each other.
fn gathered(facts: &TrialFacts, reason: &Reason) -> Option<String> {
    // The limit of how late they may be grows by it.
    let is_own = matches!(reason, Reason::GeneratorShare { .. });
    let waits = Span::from_ns(facts.resources.gather_ns);
    let usual = (is_own && waits > Span::default()).then(|| reason.to_string())?;
    let (finding, _) = usual.rsplit_once(". ")?;
    Some(format!(
        "{finding}. Up to {waits} of it is worker.gather: lower it, or compare service_ns, which excludes it"
    ))
}

/// Processor time of a trial that its load cannot have overloaded, in cores.
struct Calm {
    target: f64,
    workers: f64,
    /// Whether the workers spin before a deadline already.
    spins: bool,
}

impl Calm {
    /// `None` where something was busy, or was not measured, or queues without a processor's help.
    fn of(facts: &TrialFacts) -> Option<Self> {
        let used = facts.cpu_used().filter(|used| used.elapsed_ns > 0)?;
        let cores = |ns: u64| ns as f64 / used.elapsed_ns as f64;
        let (target, workers) = (cores(used.target_ns?), cores(used.workers_ns));
        let host = Some(facts.resources.cores).filter(|cores| *cores > 0).map(f64::from);
        let is_calm = target < BUSY_CORES
            && workers < BUSY_CORES
            && !host.is_some_and(|host| target + workers >= BUSY_SHARE * host)
            && !waits_by_design(facts);
        let spins = facts.resources.pacing == Pacing::Spin;
        is_calm.then_some(Self { target, workers, spins })
    }

    /// The text of `reason` with a remedy in place of less load; `None` where its own fits.
    fn text(&self, reason: &Reason) -> Option<String> {
        let remedy = self.remedy(reason)?;
        let usual = reason.to_string();
        let (finding, _) = usual.rsplit_once(". ")?;
        Some(format!("{finding}. {remedy}"))
    }

    fn remedy(&self, reason: &Reason) -> Option<String> {
        let cores = |cores: f64| format!("{} % of a core", significant(cores * 100.0));
        let (target, workers) = (cores(self.target), cores(self.workers));
        Some(match reason {
            Reason::PublishedOffSchedule { .. } => format!(
                "The target used {target}, so the rate is not the cause: see target_hiccup_ns_max for pauses of the \
                 machine, and run it again"
            ),
            Reason::SamplesSaturated { .. } => format!(
                "The target used {target}, so the load is not the cause: look for connections that were lost, and for \
                 pauses of the machine"
            ),
            Reason::RequestsUnsent { .. } | Reason::SendsUnsent { .. } => format!(
                "The workers used {workers} and the target {target}, so the rate is not the cause: see error_connect, \
                 error_timeout and error_closed"
            ),
            Reason::GeneratorLate { .. } => format!(
                "The workers used {workers}, so the rate is not the cause: {}",
                if self.spins {
                    "free the host's CPU of other programs, or use another host"
                } else {
                    "free the host's CPU of other programs, or set worker.spin = true"
                }
            ),
            Reason::WorkerTimerLate { .. } => format!(
                "The run used {}, so the load is not the cause: free the host's CPU of other programs, or use another host",
                cores(self.target + self.workers)
            ),
            Reason::ConnectionsReopened { .. } => {
                "See error_closed and error_timeout, and lengthen the time-outs".to_owned()
            }
            Reason::WarmingUp { warmup_ns: None, .. } => format!(
                "That is over half of it, and the target used {target}: lengthen warmup and measure"
            ),
            Reason::Drifting { change, .. } if *change > 0.0 => format!(
                "The target used {target}, so it is not overloaded: look for pauses of the machine in the timeline, or \
                 lengthen measure"
            ),
            _ => return None,
        })
    }
}

/// Whether work waits without a processor being busy: by a slow service, a thin network, slow consumers, or a limit of the target.
fn waits_by_design(facts: &TrialFacts) -> bool {
    let (case, conditions) = (&facts.case, &facts.case.conditions);
    let receivers = match &case.pattern {
        Pattern::Webhook(options) => {
            options.receiver != ReceiverOptions::default() || options.rate.is_some()
        }
        _ => false,
    };
    !case.faults.is_off()
        || facts.workers.counters.get(Counter::ErrorRefused) > 0
        || conditions.network.is_there()
        || conditions.consumers.slow_share > 0.0
        || receivers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::reason::Load;
    use crate::measure::Metric;
    use crate::record::synthetic::{case, facts};
    use crate::scenario::{PatternKind, Profile};

    /// Reasons whose usual remedy is less load, where that may be the cause.
    fn asking_for_less() -> Vec<Reason> {
        let profile = Profile::Shared;
        let late = |load| Reason::GeneratorLate { load, p99_ns: 9e5, limit_ns: 2e5, profile };
        vec![
            Reason::PublishedOffSchedule {
                published: 1,
                clients: 2,
                topics: 1,
                deliveries: 2,
                expected: 4,
            },
            Reason::SamplesSaturated { samples: 3 },
            Reason::RequestsUnsent { sent: 1, scheduled: 2 },
            Reason::SendsUnsent { sent: 1, due: 2 },
            late(Load::Requests),
            late(Load::Events),
            Reason::WorkerTimerLate { workers: Vec::new(), limit_ns: 5e6, profile },
            Reason::ConnectionsReopened { opened: 9, reopened: 1, links: "8 links".to_owned() },
            Reason::WarmingUp { metric: Metric::Freshness, warm_ns: 9e9, warmup_ns: None },
            Reason::Drifting { metric: Metric::Freshness, change: 0.3, p: 0.001 },
        ]
    }

    /// Reasons whose remedy fits whatever was busy.
    fn others() -> Vec<Reason> {
        let profile = Profile::Shared;
        vec![
            Reason::TrialFailed { why: "the target ended. Lower the load".to_owned() },
            Reason::NothingDue,
            Reason::RequestsRefused { refused: 3, unsent: 4 },
            Reason::WorkersBusy { share: 0.9, limit: 0.8, cores: 1, profile },
            Reason::CpuStolen { share: 0.2, limit: 0.1, profile },
            Reason::WarmingUp { metric: Metric::Freshness, warm_ns: 1e9, warmup_ns: Some(2e9) },
            Reason::Drifting { metric: Metric::Freshness, change: -0.3, p: 0.001 },
        ]
    }

    #[test]
    fn requests_that_wait_for_each_other_are_late_by_the_scenarios_own_key() {
        let (late_ns, mean_ns, profile) = (5e5, 9e5, Profile::Shared);
        let (load, metric) = (Load::Requests, Metric::Response);
        let share = Reason::GeneratorShare {
            load,
            metric,
            share: 0.55,
            limit: 0.5,
            late_ns,
            mean_ns,
            profile,
        };
        for used in [0.014, 0.9] {
            let mut facts = trial(used, used);
            let usual = advised(&facts, vec![share.clone()]).remove(0).text;
            assert!(!usual.contains("gather"), "{usual}");
            facts.resources.gather_ns = 1_000_000;
            let text = advised(&facts, vec![share.clone()]).remove(0).text;
            let remedy = "Up to 1ms of it is worker.gather: lower it, or compare service_ns, which excludes it";
            assert!(text.ends_with(&format!(". {remedy}")), "{text}");
            let others = advised(&facts, [asking_for_less(), others()].concat());
            assert!(others.iter().all(|other| !other.text.contains("gather")), "{others:?}");
        }
    }

    /// A trial whose target and workers used so much of a core each, on a host of four.
    fn trial(target: f64, workers: f64) -> TrialFacts {
        let mut facts = facts(&case(PatternKind::Webhook, 60, ""), 1);
        (facts.resources.cores, facts.resources.spun_ns) = (4, 0);
        facts.workers.counters = crate::measure::Counters::default();
        facts.target.counters = crate::measure::Counters::default();
        let elapsed = facts.cpu_used().unwrap().elapsed_ns as f64;
        let first = facts.resources.cpu[0];
        let last = facts.resources.cpu.last_mut().unwrap();
        last.target_ns = first.target_ns.map(|ns| ns + (elapsed * target) as u64);
        last.workers_ns = first.workers_ns + (elapsed * workers) as u64;
        facts
    }

    fn texts(facts: &TrialFacts, reasons: Vec<Reason>) -> Vec<String> {
        advised(facts, reasons).into_iter().map(|coded| coded.text).collect()
    }

    fn asks_for_less(text: &str) -> bool {
        ["ower the load", "ower the rate"].iter().any(|words| text.contains(words))
    }

    #[test]
    #[expect(clippy::large_stack_arrays, reason = "a test's thread has room for it")]
    fn less_load_is_advised_only_where_the_load_may_be_the_cause() {
        let usual: Vec<String> = asking_for_less().iter().map(Reason::to_string).collect();
        assert!(usual.iter().all(|text| asks_for_less(text)), "{usual:?}");
        let calm = texts(&trial(0.014, 0.03), asking_for_less());
        for (calm, usual) in calm.iter().zip(&usual) {
            assert!(!asks_for_less(calm), "{calm}");
            let (finding, _) = usual.rsplit_once(". ").unwrap();
            assert!(calm.starts_with(&format!("{finding}. ")), "{calm}: its finding is kept");
        }
        assert!(
            calm[9].contains("The target used 1.4 % of a core, so it is not overloaded"),
            "{}",
            calm[9]
        );
        // A processor was busy, or none had to be.
        let unmeasured = {
            let mut facts = trial(0.014, 0.03);
            facts.resources.cpu.truncate(1);
            facts
        };
        let slow = |change: fn(&mut TrialFacts)| {
            let mut facts = trial(0.014, 0.03);
            change(&mut facts);
            facts
        };
        let receivers = slow(|facts| {
            let Pattern::Webhook(options) = &mut facts.case.pattern else { panic!() };
            options.receiver.work = Span::from_ms(5);
        });
        for (what, facts) in [
            ("a busy target", trial(0.9, 0.03)),
            ("a busy worker", trial(0.014, 0.9)),
            ("not measured", unmeasured),
            ("a fault", slow(|facts| facts.case.faults.delay = Span::from_ms(20))),
            ("a network", slow(|facts| facts.case.conditions.network.latency = Span::from_ms(20))),
            ("slow consumers", slow(|facts| facts.case.conditions.consumers.slow_share = 0.1)),
            ("slow receivers", receivers),
            ("refusals", slow(|facts| facts.workers.counters.add(Counter::ErrorRefused, 1))),
        ] {
            assert_eq!(texts(&facts, asking_for_less()), usual, "{what}");
        }
        let small = slow(|facts| facts.resources.cores = 1);
        assert!(!asks_for_less(&texts(&small, asking_for_less())[9]), "4 % of the only core");
    }

    #[test]
    fn other_remedies_and_all_codes_stay() {
        let usual: Vec<String> = others().iter().map(Reason::to_string).collect();
        assert_eq!(texts(&trial(0.014, 0.03), others()), usual);
        let codes = |facts: &TrialFacts| {
            let reasons = [asking_for_less(), others()].concat();
            advised(facts, reasons)
                .into_iter()
                .map(|coded| coded.code.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(codes(&trial(0.014, 0.03)), codes(&trial(0.9, 0.9)));
    }
}
