//! What tells series apart in tables and charts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::judge::{Series, SeriesKey};
use crate::report::group::printable;

/// What the series of one case were kept apart by.
pub(super) fn kept_apart(series: &[Series]) -> Vec<String> {
    let mut hosts: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
    let mut loads: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for SeriesKey { scenario, case, host, host_fingerprint, load } in
        series.iter().map(|series| &series.key)
    {
        hosts.entry(scenario).or_default().insert((host, host_fingerprint));
        loads.entry((scenario, case)).or_default().insert(load);
    }
    let hosts = hosts.iter().filter(|(_, of)| of.len() > 1).map(|(scenario, of)| {
        format!(
            "{} was measured on {} hosts: each has series of its own.",
            printable(scenario),
            of.len()
        )
    });
    let loads = loads.iter().filter(|(_, of)| of.len() > 1).map(|((scenario, case), of)| {
        format!(
            "{}, {} was measured with {} different settings: each has series of its own.",
            printable(scenario),
            printable(case),
            of.len()
        )
    });
    hosts.chain(loads).collect()
}

/// What cases are called: with whatever else tells their series apart.
pub(super) struct Headings {
    has_scenarios: bool,
    hosts: BTreeMap<String, BTreeSet<String>>,
    loads: BTreeMap<(String, String, String), BTreeSet<String>>,
}

impl Headings {
    pub(super) fn of(series: &[Series]) -> Self {
        let keys = || series.iter().map(|series| &series.key);
        let scenarios: BTreeSet<&String> = keys().map(|key| &key.scenario).collect();
        let mut hosts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut loads: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for key in keys() {
            hosts.entry(key.host.clone()).or_default().insert(key.host_fingerprint.clone());
            let of = (key.scenario.clone(), key.case.clone(), key.host_fingerprint.clone());
            loads.entry(of).or_default().insert(key.load.clone());
        }
        Self { has_scenarios: scenarios.len() > 1, hosts, loads }
    }

    pub(super) fn of_key(&self, key: &SeriesKey) -> String {
        let mut text = String::new();
        if self.has_scenarios {
            text = format!("{}, ", printable(&key.scenario));
        }
        text += &printable(&key.case);
        let fingerprints = self.hosts.get(&key.host).map_or(0, BTreeSet::len);
        if self.hosts.len() > 1 || fingerprints > 1 {
            let _ = write!(text, ", on {}", printable(&key.host));
        }
        if fingerprints > 1 {
            let _ = write!(text, " ({})", short_hash(&key.host_fingerprint));
        }
        let of = (key.scenario.clone(), key.case.clone(), key.host_fingerprint.clone());
        if self.loads.get(&of).is_some_and(|loads| loads.len() > 1) {
            let _ = write!(text, ", settings {}", short_hash(&key.load));
        }
        text
    }
}

/// As many digits of a hash as a person compares.
fn short_hash(hash: &str) -> String {
    printable(&hash.chars().take(6).collect::<String>())
}
