//! The scenarios that come with tidings, embedded, so that an installed binary needs no repository.

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
    "slow-consumers" "duplex" "tls" "network" "connections" "webhook-outage" "webhook-isolation" "ci-smoke" "ci-latency"
};

impl Shipped {
    /// The one called `name`, with or without `.toml`.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".toml").unwrap_or(name);
        SHIPPED.iter().copied().find(|shipped| shipped.name == name)
    }

    /// The one that was perhaps meant by `name`.
    pub fn nearest(name: &str) -> Option<Self> {
        let plain = name.strip_suffix(".toml").unwrap_or(name);
        let near = super::error::nearest(plain, SHIPPED.iter().map(|shipped| shipped.name))?;
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
    fn every_file_is_embedded_and_has_a_question() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
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
            .collect();
        let embedded: BTreeSet<String> =
            SHIPPED.iter().map(|shipped| shipped.name.to_owned()).collect();
        assert_eq!(files, embedded);
        for shipped in SHIPPED {
            assert!(shipped.question().ends_with('?'), "{}: {}", shipped.name, shipped.question());
            assert_eq!(Shipped::named(&format!("{}.toml", shipped.name)), Some(*shipped));
        }
    }
}
