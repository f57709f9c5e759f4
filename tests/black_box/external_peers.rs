//! Clients of another make beside ours, on one server in one run: both receive every event.
//!
//! How far their receipts are apart is printed by `tests/peers/compare.py`, which fails where it is too far; a test says nothing
//! of time, as it must hold on any machine.

use std::process::Command;

use crate::external_support::{Program, are_here, root};
use crate::support::text;

const NGINX: Program = Program { variable: "NGINX", name: "nginx" };
const MODULE: Program =
    Program { variable: "NCHAN_MODULE", name: "/usr/lib/nginx/modules/ngx_nchan_module.so" };
const NATS: Program = Program { variable: "NATS_SERVER", name: "nats-server" };
const POCKETBASE: Program = Program { variable: "POCKETBASE", name: "pocketbase" };
const PYTHON: Program = Program { variable: "", name: "python3" };

/// Ten clients of each make over two seconds.
fn both_receive_everything(scenario: &str, kind: &str, server: &[Program]) {
    let what = format!("clients of another make at {kind}");
    let here = |programs: &[Program]| are_here(&what, programs);
    if !here(&[PYTHON]) || !here(server) {
        return;
    }
    let output = Command::new("python3")
        .arg(root().join("tests/peers/compare.py"))
        .arg(root().join("scenarios/external").join(scenario))
        .args([kind, "--json", "--measure", "2s", "--tidings", env!("CARGO_BIN_EXE_tidings")])
        .output()
        .unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    // 1: the receipts are too far apart, which this machine's load decides.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{kind}: {out}{err}");
    let line = out.lines().last().unwrap_or_default();
    let result: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    assert_eq!(result["clients"].as_u64(), Some(10), "{kind}: {out}{err}");
    assert!(result["events"].as_u64() > Some(0), "{kind}: {out}{err}");
    assert_eq!(result["events"], result["of"], "{kind}: {out}{err}");
}

#[test]
fn nchan_long_poll() {
    both_receive_everything("nchan.toml", "nchan-long-poll", &[NGINX, MODULE]);
}

#[test]
fn nchan_sse() {
    both_receive_everything("nchan.toml", "nchan-sse", &[NGINX, MODULE]);
}

#[test]
fn nchan_websocket() {
    both_receive_everything("nchan.toml", "nchan-websocket", &[NGINX, MODULE]);
}

#[test]
fn nats() {
    both_receive_everything("nats.toml", "nats", &[NATS]);
}

#[test]
fn pocketbase() {
    both_receive_everything("pocketbase.toml", "pocketbase", &[POCKETBASE]);
}
