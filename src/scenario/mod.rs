//! Scenarios: the TOML file as written, validated into [`Scenario`], its axes expanded into cases.

mod model;

pub use model::{
    Case, LongPollOptions, Mix, Pattern, PatternKind, Phases, RequestOptions, Scenario,
    ShortPollOptions, SseOptions, TargetOptions, WebSocketOptions, WebhookOptions, WorkerOptions,
    Workload,
};
