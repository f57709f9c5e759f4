//! The client side of the six patterns.
