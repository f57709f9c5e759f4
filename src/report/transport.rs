//! How the bytes of a run's links travelled, in words.

use super::View;
use crate::scenario::Http;
use crate::unit::significant;

/// What was asked for, and what was counted of it; `None` for plain HTTP/1.1.
pub(super) fn transport(view: &View) -> Option<String> {
    let scenario = &view.run.info.scenario;
    let (mut tls, mut http2) = (false, false);
    for case in &scenario.cases {
        tls |= case.transport.tls;
        http2 |= case.transport.http == Http::Two;
    }
    let figures = || view.run.trials.iter().map(|trial| &trial.detail.transport);
    let mut told = Vec::new();
    if tls {
        let handshakes: u64 = figures().filter_map(|figures| figures.tls_handshakes).sum();
        let resumed = figures().filter_map(|figures| {
            Some(figures.tls_resumed_share? * figures.tls_handshakes? as f64)
        });
        told.push(format!(
            "TLS 1.3, verified: {handshakes} handshakes over all trials, {} of them resumed.",
            resumed.sum::<f64>().round()
        ));
    }
    if http2 {
        let shared = figures().filter_map(|figures| figures.links_per_connection).reduce(f64::max);
        told.push(format!(
            "HTTP/2: the target allows {} streams at once on a connection; at most {} links shared one.",
            scenario.target.max_concurrent_streams,
            shared.map_or_else(|| "?".to_owned(), significant)
        ));
    }
    (!told.is_empty()).then(|| told.join(" "))
}
