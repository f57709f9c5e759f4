//! `[faults]` as written, what it means, and what of it can be carried out.

use serde::{Deserialize, Serialize};

use super::{Distribution, Faults, Freeze, Servers, Service, Stall};
use crate::scenario::error::{InvalidKey, ScenarioError, require};
use crate::scenario::keys::{self, FAULTS};
use crate::scenario::overrides::{FAULT, Override};
use crate::scenario::read::read;
use crate::scenario::tree::{self, Table};
use crate::scenario::{Case, Pattern, PatternKind, Phases};
use crate::unit::{ByteSize, Span};

/// How far a share of slow requests may be from that of every n-th.
const SHARE_TOLERANCE: f64 = 0.01;
/// How long after a trial's end a frozen target is still waited for.
const PATIENCE: Span = Span::from_secs(5);

/// `[faults]`: its keys stand in one table, whatever fault they belong to, and which are there has a meaning.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::scenario) struct FaultsFile {
    service: Option<Span>,
    distribution: Option<DistributionFile>,
    slow: Option<Span>,
    slow_share: Option<f64>,
    servers: Option<Servers>,
    delay: Option<Span>,
    freeze_at: Option<Span>,
    freeze_for: Option<Span>,
    freeze_every: Option<Span>,
    stall_at: Option<Span>,
    stall_for: Option<Span>,
    drop: Option<f64>,
    write_cost: Option<Span>,
    padding: Option<ByteSize>,
    spin: Option<bool>,
}

/// The word of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::scenario) enum DistributionFile {
    Fixed,
    Exponential,
    Bimodal,
}

/// The faults that `settings` describe, each a `key=value` of `[faults]`, as for `--fault`.
pub fn faults(settings: &[String]) -> Result<Faults, ScenarioError> {
    let settings: Vec<Override> = settings.iter().map(|set| Override::fault(set)).collect();
    let mut table = Table::default();
    tree::apply(FAULT, &mut table, &settings)?;
    let written: FaultsFile = read(FAULT, "faults", &table)?;
    keys::check(&FAULTS, &table).and_then(|()| resolve(&written)).map_err(|refusal| {
        let key = refusal.key.strip_prefix("faults.").unwrap_or(&refusal.key);
        ScenarioError::refused(FAULT, &table.place(key), refusal.message)
    })
}

/// What `[faults]` means, if it can be meant.
pub(in crate::scenario) fn resolve(written: &FaultsFile) -> Result<Faults, InvalidKey> {
    Ok(Faults {
        service: service(written)?,
        delay: written.delay.unwrap_or_default(),
        freeze: freeze(written)?,
        stall: pair("stall_at", written.stall_at, "stall_for", written.stall_for)?
            .map(|(at, length)| Stall { at, length }),
        drop: written.drop.unwrap_or_default(),
        write_cost: written.write_cost.unwrap_or_default(),
        padding: written.padding.unwrap_or_default(),
        spin: written.spin.filter(|spin| !spin),
    })
}

fn service(written: &FaultsFile) -> Result<Option<Service>, InvalidKey> {
    let FaultsFile { service, distribution, slow, slow_share, servers, .. } = *written;
    let Some(time) = service else {
        for (key, given) in [
            ("faults.distribution", distribution.is_some()),
            ("faults.slow", slow.is_some()),
            ("faults.slow_share", slow_share.is_some()),
            ("faults.servers", servers.is_some()),
        ] {
            require(!given, key, || {
                format!(
                    "{key} without a service time; write faults.service = \"1ms\", or remove {key}"
                )
            })?;
        }
        return Ok(None);
    };
    let distribution = match distribution.unwrap_or(DistributionFile::Fixed) {
        DistributionFile::Bimodal => bimodal(time, slow, slow_share)?,
        other => {
            for (key, given) in
                [("faults.slow", slow.is_some()), ("faults.slow_share", slow_share.is_some())]
            {
                require(!given, key, || {
                    format!(
                        "{key} is of no use here; write faults.distribution = \"bimodal\", or remove {key}"
                    )
                })?;
            }
            if other == DistributionFile::Fixed {
                Distribution::Fixed
            } else {
                Distribution::Exponential
            }
        }
    };
    Ok(Some(Service { time, distribution, servers: servers.unwrap_or_default() }))
}

fn bimodal(time: Span, slow: Option<Span>, share: Option<f64>) -> Result<Distribution, InvalidKey> {
    let missing = |key: &str, example: &str| InvalidKey {
        key: "faults.distribution".to_owned(),
        message: format!("faults.distribution = \"bimodal\" needs faults.{key}; write {example}"),
    };
    let slow = slow.ok_or_else(|| missing("slow", "faults.slow = \"100ms\""))?;
    let share = share.ok_or_else(|| missing("slow_share", "faults.slow_share = 0.01"))?;
    require(slow > time, "faults.slow", || {
        format!("faults.slow = {slow} is not longer than faults.service = {time}; raise it")
    })?;
    let key = "faults.slow_share";
    require(share > 0.0 && share <= 0.5, key, || {
        format!("{key} = {share}: must be greater than 0 and at most 0.5")
    })?;
    let every = (1.0 / share).round();
    require((share * every - 1.0).abs() <= SHARE_TOLERANCE, key, || {
        format!(
            "{key} = {share}: every n-th request is slow, so it must be 1/n; write {} or {}",
            crate::unit::significant(1.0 / (1.0 / share).floor()),
            crate::unit::significant(1.0 / (1.0 / share).ceil())
        )
    })?;
    Ok(Distribution::Bimodal { slow, share })
}

fn freeze(written: &FaultsFile) -> Result<Option<Freeze>, InvalidKey> {
    let every = written.freeze_every;
    let pair = pair("freeze_at", written.freeze_at, "freeze_for", written.freeze_for)?;
    let Some((at, length)) = pair else {
        require(every.is_none(), "faults.freeze_every", || {
            "faults.freeze_every repeats a standstill that is not there; write freeze_at and freeze_for as well, \
             or remove it"
                .to_owned()
        })?;
        return Ok(None);
    };
    require(every.is_none_or(|every| every > length), "faults.freeze_every", || {
        format!(
            "faults.freeze_every = {}: a standstill of {length} would have no end; raise it above freeze_for",
            every.unwrap_or_default()
        )
    })?;
    Ok(Some(Freeze { at, length, every }))
}

/// An instant and a length that mean nothing without each other.
fn pair(
    at_key: &str,
    at: Option<Span>,
    length_key: &str,
    length: Option<Span>,
) -> Result<Option<(Span, Span)>, InvalidKey> {
    let alone = |key: &str, other: &str, example: &str| InvalidKey {
        key: format!("faults.{key}"),
        message: format!(
            "faults.{key} without {other}; write {other} = {example}, or remove {key}"
        ),
    };
    match (at, length) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(alone(at_key, length_key, "\"1s\"")),
        (None, Some(_)) => Err(alone(length_key, at_key, "\"2s\"")),
        (Some(at), Some(length)) => Ok(Some((at, length))),
    }
}

/// Refuses a key that makes no difference to any of the patterns.
pub(in crate::scenario) fn idle(key: &str, patterns: &[PatternKind]) -> Option<String> {
    let to: Vec<&str> = PatternKind::ALL
        .into_iter()
        .filter(|kind| FAULTS.bears_on(key, *kind))
        .map(PatternKind::name)
        .collect();
    let idle = !to.is_empty() && !patterns.iter().any(|kind| FAULTS.bears_on(key, *kind));
    idle.then(|| {
        let to = to.join(", ");
        format!("faults.{key} makes a difference to {to} only; remove it, or compare one of them")
    })
}

/// Checks the faults of a case with the phases that it will meet.
pub(in crate::scenario) fn check(case: &Case, phases: &Phases) -> Result<(), InvalidKey> {
    let Faults { service, delay, freeze, stall, .. } = case.faults;
    let Phases { measure, drain, .. } = *phases;
    let within = |key: &str, at: Span| {
        require(at < measure, key, || {
            format!(
                "{key} = {at}: the window has ended by then; lower it below phases.measure = {measure}"
            )
        })
    };
    if let Some(Stall { at, .. }) = stall {
        within("faults.stall_at", at)?;
    }
    if let Some(Freeze { at, length, .. }) = freeze {
        within("faults.freeze_at", at)?;
        let last = measure.ns().saturating_add(drain.ns()).saturating_add(PATIENCE.ns());
        require(at.ns().saturating_add(length.ns()) <= last, "faults.freeze_for", || {
            format!(
                "faults.freeze_for = {length}: the target would be frozen long after the trial's end; shorten it, \
                 or raise phases.drain"
            )
        })?;
    }
    require(delay < drain || delay == Span::default(), "faults.delay", || {
        format!(
            "faults.delay = {delay}: the last deliveries would be cut off; lower it below phases.drain = {drain}, or \
             raise that"
        )
    })?;
    let (timeout_key, timeout) = match &case.pattern {
        Pattern::Request(options) => ("request.timeout", options.timeout),
        Pattern::ShortPoll(options) => ("short-poll.timeout", options.timeout),
        _ => return Ok(()),
    };
    for (key, span) in [
        ("faults.delay", delay),
        ("faults.service", service.map_or(Span::default(), |service| service.time)),
    ] {
        require(span < timeout, key, || {
            format!(
                "{key} = {span}: nothing would be answered within {timeout_key} = {timeout}; lower it"
            )
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_flags(settings: &[&str]) -> Result<Faults, String> {
        let settings: Vec<String> = settings.iter().map(|&s| s.to_owned()).collect();
        faults(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_are_read_as_keys_are() {
        assert_eq!(read_flags(&[]), Ok(Faults::default()));
        let written = [
            "service=1ms",
            "distribution=bimodal",
            "slow=100ms",
            "slow_share=0.01",
            "servers=unlimited",
            "delay=5ms",
            "freeze_at=2s",
            "freeze_for=1s",
            "freeze_every=10s",
            "stall_at=4s",
            "stall_for=500ms",
            "drop=0.25",
            "write_cost=20us",
            "padding=2B",
            "spin=false",
        ];
        let faults = read_flags(&written).unwrap();
        assert_eq!(faults.to_string(), written.join(" "), "told as they were written");
        let json = serde_json::to_string(&faults).unwrap();
        assert_eq!(serde_json::from_str::<Faults>(&json).unwrap(), faults);
        assert_eq!(serde_json::from_str::<Faults>("{}").unwrap(), Faults::default());
        let one = read_flags(&["service=1ms", "servers=1"]).unwrap();
        assert_eq!(one, read_flags(&["service=1ms", "distribution=fixed"]).unwrap());
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_remedy() {
        for (settings, expected) in [
            (&["drop"][..], "--fault drop: no '='"),
            (
                &["dorp=0.1"],
                "--fault dorp=0.1: unknown key 'dorp' in [faults]; did you mean 'drop'?",
            ),
            (&["delay=5"], "--fault delay=5: faults.delay: '5' is not a duration"),
            (
                &["drop=much"],
                "--fault drop=much: faults.drop: 'much' is not a share: write a number such as 0.02, or a percentage such as \"2%\"",
            ),
            (
                &["drop=1.5"],
                "--fault drop=1.5: faults.drop = 1.5: must be a share of the deliveries",
            ),
            (&["drop=nan"], "--fault drop=nan: faults.drop = NaN: must be a share"),
            (
                &["servers=2", "service=1ms"],
                "faults.servers: integer `2` is not 1 or \"unlimited\"",
            ),
            (
                &["distribution=pareto", "service=1ms"],
                "'pareto' is not one of fixed, exponential, bimodal",
            ),
            (&["service=0ms"], "faults.service = 0ns: must be greater than 0"),
            (
                &["servers=1"],
                "faults.servers without a service time; write faults.service = \"1ms\"",
            ),
            (&["distribution=fixed"], "faults.distribution without a service time"),
            (
                &["service=1ms", "slow=2ms"],
                "faults.slow is of no use here; write faults.distribution = \"bimodal\"",
            ),
            (
                &["service=1ms", "distribution=bimodal"],
                "\"bimodal\" needs faults.slow; write faults.slow = \"100ms\"",
            ),
            (&["service=1ms", "distribution=bimodal", "slow=2ms"], "needs faults.slow_share"),
            (
                &["service=1ms", "distribution=bimodal", "slow=1ms", "slow_share=0.1"],
                "faults.slow = 1ms is not longer than faults.service = 1ms",
            ),
            (
                &["service=1ms", "distribution=bimodal", "slow=2ms", "slow_share=0.3"],
                "faults.slow_share = 0.3: every n-th request is slow, so it must be 1/n; write 0.333 or 0.25",
            ),
            (
                &["service=1ms", "distribution=bimodal", "slow=2ms", "slow_share=0.9"],
                "faults.slow_share = 0.9: must be greater than 0 and at most 0.5",
            ),
            (&["freeze_at=1s"], "faults.freeze_at without freeze_for; write freeze_for = \"1s\""),
            (&["freeze_for=1s"], "faults.freeze_for without freeze_at; write freeze_at = \"2s\""),
            (&["freeze_every=1s"], "faults.freeze_every repeats a standstill that is not there"),
            (
                &["freeze_at=1s", "freeze_for=1s", "freeze_every=1s"],
                "faults.freeze_every = 1s: a standstill of 1s would have no end",
            ),
            (&["stall_for=1s"], "faults.stall_for without stall_at"),
            (&["stall_at=1s", "stall_for=0s"], "faults.stall_for = 0ns: must be greater than 0"),
        ] {
            let message = read_flags(settings).unwrap_err();
            assert!(message.starts_with("--fault"), "{message}");
            assert!(
                message.contains(expected),
                "{settings:?}\n  expected {expected}\n  found    {message}"
            );
        }
    }
}
