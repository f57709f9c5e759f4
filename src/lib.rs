//! tidings measures how consumers should learn of news: by calling an API, by holding a socket, or by being
//! called back.
//!
//! # The way of the data
//!
//! ```text
//! scenario.toml → Scenario → Plan → for each trial:
//!     conductor ── launches ──> target process        publishes a seeded schedule of events
//!               ── launches ──> worker process(es)    shards → links → recorder + ledger
//!     every second: each shard's recorder → Interval ──> conductor
//!     at the end:   ledgers, counters     → Snapshot ──> conductor → TrialFacts
//! TrialFacts → verdict → TrialRecord → results folder (flushed after every trial)
//! results folder → Run → summary, comparison, objectives → text, CSV, charts, Markdown → exit status
//! ```
//!
//! Only [`conductor`] measures, for a run as for [`calibrate`]. [`report`] and [`judge`] read files and records, so
//! that every report can be made again later.
//!
//! # Rooms, lowest layer first
//!
//! A room imports only from layers below its own; `tests/black_box/layers.rs` holds them to it.
//!
//! | layer | room | what it is for |
//! | --- | --- | --- |
//! | 0 | [`mod@unit`] | reading and printing quantities |
//! | 0 | [`clock`] | stamps that processes can compare |
//! | 0 | [`prose`] | running text: wrapped, and in letters that can be shown |
//! | 0 | [`event`] | the event and its codec |
//! | 0 | [`stats`] | pure functions of numbers |
//! | 1 | [`pace`] | when things are due, and waking then |
//! | 1 | [`measure`] | distributions, counters, ledgers, resources |
//! | 2 | [`scenario`] | the file, validated, its axes made cases |
//! | 2 | [`net`] | sockets that stamp and count, HTTP/1.1 |
//! | 3 | [`control`] | frames between conductor, target and workers |
//! | 3 | [`plan`] | the order of trials, and what they need |
//! | 4 | [`pattern`] | the client side of the six patterns |
//! | 4 | [`server`] | the server side of them |
//! | 4 | [`record`] | trial records and the results folder |
//! | 5 | [`worker`] | shards and the phases of a trial |
//! | 5 | [`judge`] | verdicts, summaries, comparisons, objectives |
//! | 6 | [`conductor`] | the trial loop |
//! | 6 | [`report`] | one function a format |
//! | 7 | [`calibrate`] | experiments whose answers are known: the proof that the numbers are right |
//!
//! The verbs of the command line stand in the binary, above them all.
//!
//! # Glossary
//!
//! | word | meaning |
//! | --- | --- |
//! | scenario | a TOML file: a question, a workload, the patterns to compare, sweep axes, phases, trials, objectives |
//! | case | one point of the sweep: one pattern with every axis fixed |
//! | trial | one run of one case, on fresh processes |
//! | plan | the ordered, seeded list of all trials of a run, interleaved in blocks |
//! | conductor | the `tidings run` process: launches, times, collects; sends no load itself |
//! | target | the server under test, always a process of its own |
//! | worker | a process that offers load |
//! | shard | one thread of a worker or of the target, with links and a recorder of its own |
//! | link | one connection, or one webhook endpoint |
//! | pattern | `request`, `short-poll`, `long-poll`, `sse`, `websocket`, `webhook` |
//! | event | what is published: topic, sequence, due stamp, published stamp, payload |
//! | delivery | one event at one subscriber |
//! | due, sent, done | the scheduled instant, the first write, the last byte: monotonic nanoseconds |
//! | fired, first byte | when the timer woke for a request; the first read of its answer |
//! | written | when the target's kernel had taken a delivery's last byte |
//! | response, service, slip | done − due, done − sent, sent − due |
//! | freshness | received − due of a delivery: how old the news is on arrival |
//! | reach | delivered ÷ expected |
//! | ledger | the account of every expected delivery: delivered, lost, duplicate, reordered, late |
//! | null target, noise floor | a server that does next to nothing; what the same load takes against it |
//! | phases | connect, idle, warmup, measure, drain |
//! | upkeep | what a link does whether there is news or not: heartbeats, pings, holds that run out, polls by the clock |
//! | verdict | of a trial: valid, degraded, invalid (generator or machine spoilt it), failed (it did not end) |

pub mod calibrate;
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
pub mod prose;
pub mod record;
pub mod report;
pub mod scenario;
pub mod server;
pub mod stats;
pub mod unit;
pub mod worker;
