//! The pages of dialects that are embedded. No other place in `src/` knows a server's name.

use std::sync::OnceLock;

use super::{Scenario, Shipped, target};
use crate::dialect::model::Dialect;

/// A page: a `[target]` table that scenarios start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The name in `dialect = "…"`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! pages {
    ($($name:literal)*) => {
        &[$(Page { name: $name, text: include_str!(concat!("../../scenarios/dialects/", $name, ".toml")) }),*]
    };
}

/// All of them. A new page is a file in `scenarios/dialects` and its name here.
pub const PAGES: &[Page] = pages! {
    "builtin" "nchan" "nats" "pocketbase" "alertmanager" "webhook-sender" "socketio" "socketio-upgrade" "graphql" "pushpin"
    "docker-registry" "mosquitto" "durable-streams" "bun" "pusher" "phoenix"
};

macro_rules! external {
    ($($name:literal)*) => {
        &[$(Shipped { name: $name, text: include_str!(concat!("../../scenarios/external/", $name, ".toml")) }),*]
    };
}

/// The shipped scenarios of servers by others, which must be installed. One whose server is a file beside it is not among them.
pub const EXTERNAL: &[Shipped] = external! {
    "nchan" "nats" "pocketbase" "alertmanager" "docker-registry" "mosquitto" "soketi"
};

/// The name of the built-in server's page.
pub(super) const BUILT_IN: &str = "builtin";

/// How the server of a scenario is spoken to.
pub fn dialect_of(scenario: &Scenario) -> &Dialect {
    scenario.external.as_ref().map_or_else(|| built_in_dialect(), |external| &external.dialect)
}

/// How the built-in server is spoken to.
///
/// # Panics
///
/// Never: the page is a part of the program, and a test reads it.
pub fn built_in_dialect() -> &'static Dialect {
    static DIALECT: OnceLock<Dialect> = OnceLock::new();
    DIALECT.get_or_init(|| {
        let page = PAGES.iter().find(|page| page.name == BUILT_IN);
        match page.map(target::dialect_of_page) {
            Some(Ok(dialect)) => dialect,
            Some(Err(error)) => panic!("scenarios/dialects: {error}"),
            None => panic!("scenarios/dialects has no page {BUILT_IN}"),
        }
    })
}
