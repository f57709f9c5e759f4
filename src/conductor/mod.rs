//! The trial loop: launch, ready, start, collect, kill on drop.
