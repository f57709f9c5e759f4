//! tidings measures how consumers should learn of events: by calling an API, over an open socket, or by webhooks.
//!
//! # How data flows
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
//! Only [`conductor`] measures, for a run as for [`calibrate`]. [`report`] and [`judge`] read files and records, so a
//! report can be repeated later.
//!
//! # Rooms, lowest layer first
//!
//! A room is a module that imports only from layers below its own; `tests/black_box/layers.rs` enforces that.
//!
//! | layer | room | content |
//! | --- | --- | --- |
//! | 0 | [`mod@unit`] | reading and printing quantities |
//! | 0 | [`clock`] | time stamps that processes can compare |
//! | 0 | [`prose`] | running text: wrapping, and characters that a terminal can show |
//! | 0 | [`event`] | the event and its codec |
//! | 0 | [`stats`] | pure functions of numbers |
//! | 1 | [`pace`] | schedules of due times, and timers that wait for them |
//! | 1 | [`measure`] | distributions, counters, ledgers, resources |
//! | 1 | [`dialect`] | how a target is spoken to: texts with placeholders, captures, tokens of events |
//! | 2 | [`scenario`] | scenario files: validated, with their axes expanded into cases |
//! | 2 | [`net`] | client connections: sockets that stamp and count, TLS, HTTP/1.1, HTTP/2 |
//! | 3 | [`control`] | frames between conductor, target and workers |
//! | 3 | [`plan`] | the order of trials, and their needs of the host |
//! | 4 | [`pattern`] | the client side of the six patterns |
//! | 4 | [`server`] | the built-in target: the server side of the patterns |
//! | 4 | [`record`] | trial records and the results folder |
//! | 5 | [`worker`] | the worker process: shards and the phases of a trial |
//! | 5 | [`judge`] | verdicts, summaries, comparisons, objectives |
//! | 6 | [`conductor`] | the trial loop |
//! | 6 | [`report`] | text, Markdown, CSV and charts from a results folder |
//! | 6 | [`gate`] | whether a head is worse than its base: statistics, files and decision of `tidings gate` |
//! | 7 | [`calibrate`] | experiments with known answers, which show that the numbers are right |
//!
//! The binary (`cli`) implements the verbs of the command line, above all layers.
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
//! | target | the server under test, always a separate process; [`server`] is the built-in one |
//! | worker | a process that offers load |
//! | client | a consumer in a scenario: one link of a worker |
//! | shard | one thread of a worker or of the target, with its own links and recorder |
//! | link | a client's connection over a trial, reconnections included, or its webhook endpoint |
//! | pattern | `request`, `short-poll`, `long-poll`, `sse`, `websocket`, `webhook` |
//! | dialect | how a server is spoken to: its requests, messages, captures, and how events are recognised |
//! | token | the mark in an event's payload by which it is recognised on arrival |
//! | event | a published message: topic, sequence, due stamp, published stamp, payload |
//! | delivery | one event at one subscriber |
//! | due, sent, done | stamps of a request: scheduled, first byte written, last byte read; monotonic nanoseconds |
//! | fired, first byte | when the shard noticed a request's deadline; the first read of its answer |
//! | published, written, received | stamps of a delivery: visible in the log, in the target's kernel, read by the consumer |
//! | response, service, slip | done − due, done − sent, sent − max(due, end of the previous response) |
//! | freshness, transit | received − due of a delivery: how old the event is on arrival; received − published |
//! | reach | delivered ÷ expected |
//! | ledger | the account of every expected delivery: delivered, lost, duplicate, reordered, late |
//! | cursor, epoch | a reader's position in a topic's log; one life of the log, which ends when the log is lost |
//! | gap, reset | the notice that events left the log unread; the notice that a cursor is of another log |
//! | outbox | where a target keeps webhook events until they are acknowledged: `memory` or `durable` |
//! | null target, noise floor | a server that does next to nothing; the figures of the same load against it |
//! | phases | connect, idle, warmup, measure, drain |
//! | upkeep | what a link does without news: heartbeats, pings, holds that run out, polls by the clock |
//! | verdict | the worth of a trial: valid, degraded, invalid (generator or machine spoilt it), failed (it did not finish) |

pub mod calibrate;
pub mod clock;
pub mod conductor;
pub mod control;
pub mod dialect;
pub mod event;
pub mod gate;
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
