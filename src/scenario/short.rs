//! Ids of cases, shortened for people: what all cases have in common is said once.

use std::collections::{BTreeMap, BTreeSet};

/// Longest id, in characters, that is printed as it is.
const LONGEST: usize = 64;

/// The ids of a run's cases, shortened where one of them is long.
///
/// Files keep the whole id; this is for tables and sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShortIds {
    /// The axes that were left out, `"clients=1000"`: their one value is that of every case that has them.
    pub common: Vec<String>,
    ids: BTreeMap<String, String>,
}

impl ShortIds {
    /// Shortens `ids` by the axes with only one value, if any of them is long.
    ///
    /// The outbox stays: its name is said wherever it is durable.
    pub fn of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let ids: BTreeSet<&str> = ids.into_iter().collect();
        if ids.iter().all(|id| id.chars().count() <= LONGEST) {
            return Self::default();
        }
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for axis in ids.iter().flat_map(|id| axes(id)) {
            values.entry(axis_name(axis)).or_default().insert(axis);
        }
        let is_common = |axis: &str| {
            let name = axis_name(axis);
            name != "outbox" && values.get(name).is_some_and(|values| values.len() == 1)
        };
        let shorten = |id: &&str| {
            let own = axes(id).filter(|axis| !is_common(axis));
            let pattern = id.split(':').next().unwrap_or(id);
            let short = std::iter::once(pattern).chain(own).collect::<Vec<_>>().join(":");
            ((*id).to_owned(), short)
        };
        let short: BTreeMap<String, String> = ids.iter().map(shorten).collect();
        // An axis that some cases lack may be all that tells two of them apart.
        if short.values().collect::<BTreeSet<_>>().len() < short.len() {
            return Self::default();
        }
        let mut common: Vec<String> = Vec::new();
        for axis in ids.iter().flat_map(|id| axes(id)).filter(|axis| is_common(axis)) {
            if !common.iter().any(|known| known == axis) {
                common.push(axis.to_owned());
            }
        }
        Self { common, ids: short }
    }

    /// The short id of a case: the id itself where nothing was shortened.
    pub fn short<'a>(&'a self, id: &'a str) -> &'a str {
        self.ids.get(id).map_or(id, String::as_str)
    }
}

/// The axes that an id names, `"clients=1000"`.
fn axes(id: &str) -> impl Iterator<Item = &str> {
    id.split(':').skip(1)
}

fn axis_name(axis: &str) -> &str {
    axis.split('=').next().unwrap_or(axis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELEVEN: &str = "payload=100B:payload_kind=noise:late_after=5s:churn=0/s:topics=1:rate=10/s:\
                          arrivals=poisson:heartbeat=15s:delay=0ns:drop=0";

    #[test]
    fn short_ids_stay() {
        let ids = ["sse:clients=1", "websocket:clients=1"];
        let short = ShortIds::of(ids);
        assert_eq!(short, ShortIds::default());
        assert_eq!(ids.map(|id| short.short(id)), ids);
    }

    #[test]
    fn an_axis_with_one_value_is_said_once() {
        let ids = [10, 20].map(|n| format!("sse:clients={n}:{ELEVEN}"));
        let short = ShortIds::of(ids.iter().map(String::as_str));
        assert_eq!(short.short(&ids[0]), "sse:clients=10");
        assert_eq!(short.short(&ids[1]), "sse:clients=20");
        assert_eq!(short.common, ELEVEN.split(':').collect::<Vec<_>>());
        assert_eq!(short.short("unknown"), "unknown");
    }

    #[test]
    fn ids_stay_apart_and_the_outbox_is_named() {
        let ids = [format!("sse:{ELEVEN}"), "sse".to_owned()];
        assert_eq!(ShortIds::of(ids.iter().map(String::as_str)), ShortIds::default());
        let id = format!("webhook:{ELEVEN}:outbox=durable");
        assert_eq!(ShortIds::of([id.as_str()]).short(&id), "webhook:outbox=durable");
    }
}
