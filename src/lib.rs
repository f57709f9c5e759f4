//! tidings measures how consumers should learn of news: by calling an API, by holding a socket, or by being
//! called back.

pub mod clock;
pub mod conductor;
pub mod control;
pub mod event;
pub mod judge;
pub mod measure;
pub mod net;
pub mod pace;
pub mod pattern;
pub mod plan;
pub mod record;
pub mod report;
pub mod scenario;
pub mod stats;
pub mod target;
pub mod unit;
pub mod worker;
