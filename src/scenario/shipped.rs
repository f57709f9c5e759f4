//! The scenarios that come with tidings, embedded, so that an installed binary needs no repository.

use super::dialects::EXTERNAL;

/// A scenario that comes with tidings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name: the file's, without `.toml`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal)*) => {
        &[$(Shipped { name: $name, text: include_str!(concat!("../../scenarios/", $name, ".toml")) }),*]
    };
}

/// All of them, in the order in which a newcomer meets them.
pub const SHIPPED: &[Shipped] = shipped! {
    "quickstart" "quiet" "delivery" "fanout" "per-client" "poll-intervals" "request-response" "thousands" "reconnect"
    "slow-consumers" "duplex" "tls" "network" "connections" "webhook-outage" "webhook-isolation" "ci-smoke" "ci-latency" "gate"
};

macro_rules! papers {
    ($($name:literal)*) => {
        &[$(Shipped { name: $name, text: include_str!(concat!("../../scenarios/papers/", $name, ".toml")) }),*]
    };
}

/// Those that repeat what others have published. Some start servers by others, which must be installed.
pub const PAPERS: &[Shipped] = papers! {
    "open-data" "open-data-users" "durable-streams" "durable-streams-builtin" "latency-websocket" "webhooks-shopware"
};

impl Shipped {
    /// Those of the built-in server, those of servers by others, and those of published tables.
    fn all() -> impl Iterator<Item = Self> {
        SHIPPED.iter().chain(EXTERNAL).chain(PAPERS).copied()
    }

    /// The one called `name`, with or without `.toml`.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".toml").unwrap_or(name);
        Self::all().find(|shipped| shipped.name == name)
    }

    /// The one that was perhaps meant by `name`.
    pub fn nearest(name: &str) -> Option<Self> {
        let plain = name.strip_suffix(".toml").unwrap_or(name);
        let near = super::error::nearest(plain, Self::all().map(|shipped| shipped.name))?;
        Self::named(near)
    }

    /// The question that it answers, on one line.
    pub fn question(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Head {
            question: String,
        }
        let head: Result<Head, _> = toml::from_str(self.text);
        let question = head.map(|head| head.question).unwrap_or_default();
        question.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn those_of_servers_by_others_are_scenarios() {
        for name in files("scenarios/external") {
            let path = format!("{}/scenarios/external/{name}.toml", env!("CARGO_MANIFEST_DIR"));
            let read = crate::scenario::load(std::path::Path::new(&path), &[]);
            let scenario = read.unwrap_or_else(|error| panic!("{error}"));
            let external = scenario.external.expect("another server");
            assert!(!external.launch.is_empty(), "{name} starts its server");
            // A page serves several scenarios; each starts from one.
            assert!(external.name.is_some(), "{name}");
        }
    }

    fn files(folder: &str) -> BTreeSet<String> {
        let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .into_string()
                    .unwrap()
                    .strip_suffix(".toml")
                    .map(str::to_owned)
            })
            .collect()
    }

    fn names(shipped: &[Shipped]) -> BTreeSet<String> {
        shipped.iter().map(|shipped| shipped.name.to_owned()).collect()
    }

    #[test]
    fn every_file_is_embedded_and_has_a_question() {
        assert_eq!(files("scenarios"), names(SHIPPED));
        // What starts a file beside it cannot be run without that file.
        let mut external = files("scenarios/external");
        external.retain(|name| {
            let path = format!("{}/scenarios/external/{name}.toml", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            !["\"../", "\"servers/"].iter().any(|beside| text.contains(beside))
        });
        assert_eq!(external, names(EXTERNAL));
        assert_eq!(files("scenarios/papers"), names(PAPERS));
        let all: BTreeSet<String> = Shipped::all().map(|shipped| shipped.name.to_owned()).collect();
        assert_eq!(all.len(), Shipped::all().count(), "a name is of one scenario");
        for shipped in Shipped::all() {
            assert!(shipped.question().ends_with('?'), "{}: {}", shipped.name, shipped.question());
            assert_eq!(Shipped::named(&format!("{}.toml", shipped.name)), Some(shipped));
        }
    }
}
