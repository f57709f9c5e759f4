//! The built-in server as a dialect among others.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::dialect::model::Dialect;

/// The page that describes it.
const PAGE: &str = include_str!("../../scenarios/dialects/builtin.toml");

/// How the built-in server is spoken to.
///
/// # Panics
///
/// Never: the page is part of the program, and a test reads it.
pub fn built_in_dialect() -> &'static Dialect {
    #[derive(Deserialize)]
    struct Page {
        target: Dialect,
    }
    static DIALECT: OnceLock<Dialect> = OnceLock::new();
    DIALECT.get_or_init(|| match toml::from_str::<Page>(PAGE) {
        Ok(page) => page.target,
        Err(error) => panic!("scenarios/dialects/builtin.toml: {error}"),
    })
}
