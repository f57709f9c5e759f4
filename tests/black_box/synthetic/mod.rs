//! Made-up trials, shared with the crate's own tests.

include!("facts.rs");
