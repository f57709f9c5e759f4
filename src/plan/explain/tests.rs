//! What is explained, for small dialects.
