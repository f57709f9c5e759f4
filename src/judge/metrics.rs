//! The metrics that objectives may name, by the table of metrics: names, units, and which pattern has which.

use crate::record::{SPECS, Spec, Summary};

fn metrics() -> impl Iterator<Item = &'static Spec> {
    SPECS.iter().filter(|spec| spec.summary != Summary::Nothing)
}

/// The metric whose column has that name, or whose name it is but for its unit.
pub(super) fn metric(name: &str) -> Option<&'static Spec> {
    metrics()
        .find(|spec| spec.column.name == name)
        .or_else(|| metrics().find(|spec| spec.alias == name))
}

/// Suggests a name for a mistyped one.
pub(super) fn near(name: &str) -> String {
    let mut names: Vec<(f64, &str)> = metrics()
        .map(|spec| spec.alias)
        .chain(["errors_rate", "lost_rate", "floor_ratio_p99", "freshness_p95", "freshness_mean"])
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    names.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    match names.iter().map(|(_, name)| *name).take(3).collect::<Vec<_>>().as_slice() {
        [] => {
            "; every column of trials.csv is one, such as freshness_p99, reach or lost".to_owned()
        }
        near => format!("; did you mean {}?", near.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::PatternKind::{
        self, LongPoll, Request, ShortPoll, Sse, WebSocket, Webhook,
    };

    #[test]
    fn each_metric_is_of_the_patterns_that_can_have_it() {
        let news = &[ShortPoll, LongPoll, Sse, WebSocket, Webhook][..];
        for (name, of, expected_of) in [
            ("freshness_healthy_p99", &[Sse, WebSocket, Webhook][..], &[][..]),
            ("freshness_affected_p50", &[Sse, WebSocket, Webhook], &[]),
            ("catch_up_max", &[Webhook], &[]),
            ("acknowledge_p99", &[Webhook], &[Webhook]),
            ("polls_per_10ms_max", &[LongPoll], &[LongPoll]),
            ("freshness_p99", news, news),
            ("dead_letters", news, news),
            ("reconnects", &PatternKind::ALL, &PatternKind::ALL),
            ("delayed", &[ShortPoll, LongPoll], &[ShortPoll, LongPoll]),
            ("not_modified", &[Request], &[Request]),
            ("send_p99", news, &[]),
            ("response_p50", &[Request, ShortPoll, LongPoll], &[Request]),
            ("slip_p99", &[Request, ShortPoll, LongPoll], &[Request, ShortPoll]),
            ("dials_per_10ms_max", &PatternKind::ALL, &PatternKind::ALL),
        ] {
            let metric = metric(name).unwrap();
            let having = |of: crate::record::Of| {
                PatternKind::ALL.into_iter().filter(|kind| of.has(*kind)).collect::<Vec<_>>()
            };
            assert_eq!(having(metric.of), of, "{name}");
            assert_eq!(having(metric.expected_of), expected_of, "{name}");
        }
    }

    #[test]
    fn settings_and_interval_bounds_are_not_metrics() {
        for name in ["clients", "events_per_s", "measure_s", "freshness_ns_p50_low", "pacing"] {
            assert!(metric(name).is_none(), "{name}");
        }
    }
}
