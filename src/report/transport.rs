//! The transport of a run: TLS, HTTP/2, and the connections of requests.

use super::View;
use crate::scenario::{Connection, Http, Pattern};
use crate::unit::significant;

/// What was asked for, and what was counted of it; `None` for plain HTTP/1.1 over connections that stay.
pub(super) fn transport(view: &View) -> Option<String> {
    let scenario = &view.run.info.scenario;
    let (mut tls, mut http2) = (false, false);
    for case in &scenario.cases {
        tls |= case.transport.tls;
        http2 |= case.transport.http == Http::Two;
    }
    let figures = || view.run.trials.iter().map(|trial| &trial.figures);
    let mut told = Vec::new();
    if tls {
        let handshakes: u64 = figures().filter_map(|f| f.count("tls_handshakes")).sum();
        let resumed = figures()
            .filter_map(|f| Some(f.number("tls_resumed_share")? * f.number("tls_handshakes")?));
        told.push(format!(
            "TLS 1.3, verified: {handshakes} handshakes over all trials, {} resumed.",
            resumed.sum::<f64>().round()
        ));
    }
    if http2 {
        let shared = figures().filter_map(|f| f.number("links_per_connection")).reduce(f64::max);
        told.push(format!(
            "HTTP/2: the target allows {} concurrent streams per connection; up to {} clients shared one.",
            scenario.target.max_concurrent_streams,
            shared.map_or_else(|| "?".to_owned(), significant)
        ));
    }
    told.extend(connections(view));
    (!told.is_empty()).then(|| told.join(" "))
}

/// Over what requests went, unless all of them went over HTTP connections that stay.
fn connections(view: &View) -> Option<String> {
    let cases = &view.run.info.scenario.cases;
    let used = |connection: Connection| {
        cases.iter().any(|case| match &case.pattern {
            Pattern::Request(options) => options.connection == connection,
            _ => false,
        })
    };
    let ways = [
        (Connection::KeepAlive, "a persistent HTTP connection"),
        (Connection::PerRequest, "a new HTTP connection per request"),
        (
            Connection::WebSocket,
            "their client's WebSocket, with request and response matched by id",
        ),
    ];
    let ways = ways.into_iter().filter(|(connection, _)| used(*connection));
    let told: Vec<String> =
        ways.clone().map(|(connection, way)| format!("{way} ({})", connection.name())).collect();
    let plain = ways.into_iter().all(|(connection, _)| connection == Connection::KeepAlive);
    (!plain).then(|| format!("Requests used {}.", told.join(", or ")))
}
