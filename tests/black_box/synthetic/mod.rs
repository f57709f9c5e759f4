//! Made-up trials, shared with the crate's own tests.

include!("facts.rs");

/// The six patterns at 20 loads each.
pub(crate) fn hundred_and_twenty() -> Vec<Case> {
    let at = |clients: u64| {
        PatternKind::ALL
            .into_iter()
            .map(move |kind| case(kind, clients, &format!(":clients={clients}")))
    };
    (1..=20).flat_map(|step| at(15 * step)).collect()
}
