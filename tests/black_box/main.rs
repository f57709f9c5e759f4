//! tidings from outside: its command line, its built-in target over real sockets, and the files that it writes.
//!
//! One binary: linking the crate once per file took longer than running most of them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod browser;
mod calibrate_cli;
mod client_calls;
mod comparisons;
mod duplex;
mod floor;
mod hdr_tools;
mod layers;
mod link_support;
mod links;
mod network;
mod payloads;
mod plan_cli;
mod report_cli;
mod request_support;
mod requests;
mod requests_cli;
mod requests_keys;
mod restart;
mod run;
mod run_faults;
mod run_health;
mod run_requests;
mod run_webhooks;
mod schema;
mod stages;
mod streams;
mod support;
mod synthetic;
mod target_calls;
mod target_child;
mod target_faults;
mod target_http2;
mod target_items;
mod target_malformed;
mod target_null;
mod target_openapi;
mod target_polls;
mod target_shards;
mod target_slow;
mod target_streams;
mod target_support;
mod target_tls;
mod target_webhooks;
mod terminals;
mod transport;
mod webhook_faults;
mod webhook_lifecycle;
mod webhook_outbox;
mod websocket_conformance;
