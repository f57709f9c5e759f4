//! `[network]`: what the network between target and clients is like, as written, as resolved, and what of it can be carried
//! out. The emulated network itself is [`Network`]'s.

use serde::Deserialize;

use super::error::{Refusal, require};
use super::{Case, Pattern, Phases};
use crate::pace::Network;
use crate::unit::{Bandwidth, Span};

/// Longest latency, and most jitter.
const LONGEST: Span = Span::from_secs(10);
/// Narrowest and widest bandwidth, in bits a second.
const BANDWIDTH: std::ops::RangeInclusive<u64> = 1_000..=100_000_000_000;
/// Largest share of lost packets: above it hardly any stream makes its way.
const MOST_LOSS: f64 = 0.5;

/// `[network]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkFile {
    pub latency: Option<Span>,
    pub jitter: Option<Span>,
    pub bandwidth: Option<Bandwidth>,
    pub loss: Option<f64>,
}

/// The network that the file describes.
pub(super) fn resolve(written: &NetworkFile) -> Network {
    let NetworkFile { latency, jitter, bandwidth, loss } = *written;
    Network {
        latency: latency.unwrap_or_default(),
        jitter: jitter.unwrap_or_default(),
        bandwidth,
        loss: loss.unwrap_or(0.0),
    }
}

/// Checks the network of one case against what is to go through it.
pub(super) fn check(case: &Case, phases: &Phases) -> Result<(), Refusal> {
    let Network { latency, jitter, bandwidth, loss } = case.conditions.network;
    for (key, span) in [("network.latency", latency), ("network.jitter", jitter)] {
        require(span <= LONGEST, key, || {
            format!("{key} = {span} is over {LONGEST}, one way; shorten it")
        })?;
    }
    require((0.0..=MOST_LOSS).contains(&loss), "network.loss", || {
        format!(
            "network.loss = {loss}: it must be between 0 and {MOST_LOSS}, such as 0.01 for one packet in 100"
        )
    })?;
    // Asked and answered, and once more for what a link has to ask anew.
    let (latest, drain) = (Span::from_ns(4 * (latency.ns() + jitter.ns())), phases.drain);
    require(latest <= drain, "network.latency", || {
        format!(
            "network.latency = {latency} with network.jitter = {jitter}: two round trips take up to {latest}, longer \
             than phases.drain = {drain}, so what is due last would count as lost; lengthen the drain"
        )
    })?;
    let Some(bandwidth) = bandwidth else { return Ok(()) };
    let (least, most) = (BANDWIDTH.start(), BANDWIDTH.end());
    require(BANDWIDTH.contains(&bandwidth.bits_per_s()), "network.bandwidth", || {
        let (least, most) =
            (Bandwidth::from_bits_per_second(*least), Bandwidth::from_bits_per_second(*most));
        format!("network.bandwidth = {bandwidth} is not between {least} and {most}")
    })?;
    let workload = case.workload;
    let per_s = match &case.pattern {
        Pattern::Request(options) => options.rate.per_s() / workload.clients as f64,
        _ => workload.rate.per_s(),
    };
    let bits = per_s * workload.payload.bytes() as f64 * 8.0;
    require(bits <= bandwidth.bits_per_s() as f64, "network.bandwidth", || {
        let needed = Bandwidth::from_bits_per_second(bits.ceil() as u64);
        format!(
            "network.bandwidth = {bandwidth}: the payloads of one client alone are {needed}; raise it, or lower the \
             rate or workload.payload"
        )
    })
}

/// What is emulated in any of the cases, as `key=value` with spaces between and `|` between the values of an axis;
/// `None` where nothing is.
pub fn summary<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Option<String> {
    let networks: Vec<Network> = cases.into_iter().map(|case| case.conditions.network).collect();
    let column = |name: &str, value: fn(&Network) -> Option<String>, none: &str| {
        let mut values: Vec<String> = Vec::new();
        for network in &networks {
            let value = value(network).unwrap_or_else(|| none.to_owned());
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let off = values.iter().all(|value| value == none);
        (!off).then(|| format!("{name}={}", values.join("|")))
    };
    let columns = [
        column("latency", |n| Some(n.latency.to_string()), "0ns"),
        column("jitter", |n| Some(n.jitter.to_string()), "0ns"),
        column("bandwidth", |n| n.bandwidth.map(|b| b.to_string()), "unlimited"),
        column("loss", |n| Some(n.loss.to_string()), "0"),
    ];
    let told: Vec<String> = columns.into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join(" "))
}
