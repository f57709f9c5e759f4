//! The ordered, seeded list of all trials of a run, and what it needs of the host.
