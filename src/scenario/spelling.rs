//! What somebody meant who wrote a scenario key in short, in another place, or by another tool's name.

use std::collections::BTreeSet;

use super::error::{alike, nearest, plain};
use super::{PatternKind, aliases, keys};

/// What other load tools call a key of ours.
const FOREIGN: [(&str, &str); 24] = [
    ("c", "workload.clients"),
    ("users", "workload.clients"),
    ("vus", "workload.clients"),
    ("consumers", "workload.clients"),
    ("subscribers", "workload.clients"),
    ("links", "workload.clients"),
    ("concurrency", "workload.clients"),
    ("connections", "workload.clients"),
    ("d", "phases.measure"),
    ("z", "phases.measure"),
    ("duration", "phases.measure"),
    ("time", "phases.measure"),
    ("window", "phases.measure"),
    ("rps", "workload.rate"),
    ("qps", "workload.rate"),
    ("events", "workload.rate"),
    ("events_per_s", "workload.rate"),
    ("size", "workload.payload"),
    ("payload_size", "workload.payload"),
    ("repeat", "trials"),
    ("repeats", "trials"),
    ("runs", "trials"),
    ("threads", "worker.shards"),
    ("workers", "worker.processes"),
];

/// Most keys that are named as what was perhaps meant.
const MOST: usize = 4;

/// Every key of a scenario, dotted as for `--set`.
fn every_key() -> Vec<String> {
    let mut names: Vec<String> = keys::ROOT.keys.iter().map(|key| key.name.to_owned()).collect();
    // What describes a server of the user's own comes last: its words are those of many protocols.
    let (target, others): (Vec<_>, Vec<_>) =
        keys::sections().partition(|section| section.name == keys::TARGET.name);
    for section in others.into_iter().chain(target) {
        names.extend(section.keys.iter().flat_map(|key| key.paths(section.name)));
    }
    names
}

/// The keys that `word` may stand for, most likely first: `clients` for `workload.clients`. Empty where it resembles none.
pub fn keys_meant(word: &str) -> Vec<String> {
    let (table, leaf) = word.rsplit_once('.').unwrap_or(("", word));
    let keys = every_key();
    let leaf_of = |key: &str| key.rsplit('.').next().map(plain).unwrap_or_default();
    let mut meant: Vec<String> =
        keys.iter().filter(|key| leaf_of(key) == plain(leaf)).cloned().collect();
    // Of a pattern by another name, its own key alone; of the others, the workload's first.
    let kind = aliases::pattern_called(table).map(PatternKind::name);
    if let Some(own) = kind.and_then(|kind| meant.iter().find(|key| key.starts_with(kind)).cloned())
    {
        return vec![own];
    }
    meant.sort_by_key(|key| !key.starts_with("workload."));
    if meant.iter().any(|key| key == leaf) {
        return vec![leaf.to_owned()];
    }
    let foreign = FOREIGN.iter().filter(|(name, _)| *name == plain(leaf)).map(|(_, key)| *key);
    for key in foreign {
        meant.retain(|other| other != key);
        meant.insert(0, key.to_owned());
    }
    if meant.is_empty() {
        let leaves: BTreeSet<String> = keys.iter().map(|key| leaf_of(key)).collect();
        let likeness = |other: &String| alike(other, &plain(leaf));
        let likest = leaves.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        return match likest.filter(|likest| likeness(likest) >= 0.9) {
            Some(likest) if table.is_empty() => keys_meant(&likest),
            Some(likest) => keys_meant(&format!("{table}.{likest}")),
            None => Vec::new(),
        };
    }
    meant.truncate(MOST);
    meant
}

/// What to say of a key that the table at `path` (empty for the root) does not know.
pub(super) fn key_hint(path: &str, key: &str, known: &[&str]) -> String {
    let full = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    // A slip of the pen in the right table comes before the same word in another.
    if let Some(near) = nearest(key, known.iter().copied()).filter(|near| plain(near) == plain(key))
    {
        return format!("; did you mean '{near}'?");
    }
    let meant = keys_meant(&full);
    let exact = |key_: &String| {
        key_.rsplit('.').next().map(plain) == Some(plain(key))
            || FOREIGN.iter().any(|(name, _)| *name == plain(key))
    };
    match nearest(key, known.iter().copied()) {
        Some(near) if !meant.iter().any(exact) => format!("; did you mean '{near}'?"),
        _ if !meant.is_empty() => format!("; did you mean {}?", any_of(&meant)),
        _ => format!("; known are {}", known.join(", ")),
    }
}

/// What to say of an axis that is none of `known`: an axis of `[workload]` has no prefix, any other has its table's name.
pub(super) fn axis_hint(name: &str, known: &[String]) -> String {
    let meant = keys_meant(name);
    let bare = |key: &String| key.strip_prefix("workload.").unwrap_or(key).to_owned();
    let axes: Vec<String> = meant.iter().map(bare).filter(|axis| known.contains(axis)).collect();
    if !axes.is_empty() {
        return format!("; did you mean {}?", any_of(&axes));
    }
    match meant.as_slice() {
        [] => "; an axis is a key of [workload], such as clients, or another key with its table, such as \
               short-poll.interval"
            .to_owned(),
        [key, ..] => format!("; {key} cannot be swept"),
    }
}

/// Whether `word` is the last part of a key, or what other tools call one: more than alike.
pub fn is_key_word(word: &str) -> bool {
    let leaf = plain(word.rsplit('.').next().unwrap_or(word));
    FOREIGN.iter().any(|(name, _)| *name == leaf)
        || every_key().iter().any(|key| key.rsplit('.').next().map(plain).as_ref() == Some(&leaf))
}

/// `a`, `a or b`, `a, b or c`.
pub fn any_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [few @ .., last] => format!("{} or {last}", few.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_by_its_last_word_and_every_foreign_name_leads_to_one() {
        let keys = every_key();
        assert!(keys.len() > 90, "{}", keys.len());
        for key in &keys {
            let leaf = key.rsplit('.').next().unwrap();
            let alike = keys.iter().filter(|other| other.rsplit('.').next() == Some(leaf)).count();
            let meant = keys_meant(leaf);
            assert!(alike > MOST || meant.contains(key) || meant == [leaf], "{key}: {meant:?}");
            let shouted = keys_meant(&leaf.to_uppercase().replace('_', "-"));
            assert!(shouted == meant || shouted == [leaf], "{leaf}: {shouted:?}, not {meant:?}");
        }
        for (name, key) in FOREIGN {
            assert!(keys.iter().any(|known| known == key), "{key}");
            assert_eq!(keys_meant(name)[0], key, "{name}");
        }
    }

    #[test]
    fn what_was_meant_is_said() {
        for (word, first) in [
            ("clients", "workload.clients"),
            ("client", "workload.clients"),
            ("rate", "workload.rate"),
            ("measure", "phases.measure"),
            ("payload-kind", "workload.payload_kind"),
            ("workload.measure", "phases.measure"),
            ("workload.trials", "trials"),
            ("ws.timeout", "short-poll.timeout"),
            ("sse.interval", "short-poll.interval"),
            ("interval", "short-poll.interval"),
            ("slow_share", "consumers.slow_share"),
        ] {
            let meant = keys_meant(word);
            assert!(meant.iter().any(|key| key == first), "{word}: {meant:?}");
        }
        let known = ["clients", "rate", "short-poll.interval", "faults.delay"].map(str::to_owned);
        for (axis, hint) in [
            ("workload.clients", "did you mean clients?"),
            ("client", "did you mean clients?"),
            ("vus", "did you mean clients?"),
            ("interval", "did you mean short-poll.interval?"),
            ("delay", "did you mean faults.delay?"),
            ("measure", "phases.measure cannot be swept"),
            ("zzz", "an axis is a key of [workload]"),
        ] {
            let told = axis_hint(axis, &known);
            assert!(told.contains(hint), "{axis}: {told}");
        }
        assert!(is_key_word("vus") && is_key_word("Clients") && !is_key_word("trails"));
        assert_eq!(keys_meant("webhooks.timeout"), ["webhook.timeout"]);
        assert!(keys_meant("zzz").is_empty());
    }
}
