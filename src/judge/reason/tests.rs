use super::*;

const MS: f64 = 1e6;

fn bound(bound: Bound, server_cores: Option<f64>) -> Reason {
    let profile = Profile::Dedicated;
    Reason::ClosedLoopBound { bound, share: 0.955, limit: 0.6, cores: 16, server_cores, profile }
}

/// A reason of every code but `trial_failed`, with figures of their greatest usual length.
fn longest() -> Vec<Reason> {
    let (n, profile) = (1_234_567, Profile::Dedicated);
    let of = |worker: u32, figure| OfWorker { worker: format!("worker {worker}"), figure };
    let links = "12345 links at 100 streams per connection".to_owned();
    let late = |ns| vec![of(1, ns), of(2, 2.0 * ns), of(3, ns), of(4, ns), of(5, ns)];
    let (metric, limit_ns, limit) = (Metric::Freshness, 500.0 * MS, 0.005);
    vec![
        Reason::WindowNotReached,
        Reason::NothingDue,
        Reason::LedgerUnbalanced { expected: n, delivered: n, lost: n },
        Reason::PublishedOffSchedule {
            published: n,
            clients: n,
            topics: n,
            deliveries: n,
            expected: n,
        },
        Reason::FreshnessNegative { deliveries: n },
        Reason::SamplesSaturated { samples: n },
        Reason::RequestsRefused { refused: n, unsent: n },
        Reason::RequestsUnsent { sent: n, scheduled: n },
        Reason::GeneratorLate { load: Load::Requests, p99_ns: 392e3, limit_ns, profile },
        Reason::GeneratorShare {
            load: Load::Requests,
            metric,
            share: 0.555,
            limit,
            late_ns: 39.2e3,
            mean_ns: 39.2e3,
            profile,
        },
        Reason::WorkerCpuUnknown,
        Reason::WorkersBusy { share: 0.955, limit: 0.6, cores: 16, profile },
        bound(Bound::Both, Some(12.34)),
        bound(Bound::Generator, None),
        Reason::WorkerStalled { workers: late(955.0 * MS), limit_ns, target_ns: None, profile },
        Reason::WorkerStalled {
            workers: vec![of(1, 955.0 * MS)],
            limit_ns,
            target_ns: Some(55.5 * MS),
            profile,
        },
        Reason::TimersUnmeasured { workers: vec!["worker 1".to_owned(), "worker 2".to_owned()] },
        Reason::WorkerTimerLate { workers: late(7.74 * MS), limit_ns, profile },
        Reason::TargetTimerLate { p999_ns: 7.74 * MS, limit_ns, profile },
        Reason::CpuContended { workers: late(0.0123), limit, profile },
        Reason::CpuStolen { share: 0.0123, limit: 0.0, profile },
        Reason::CpuThrottled { share: 0.0123, limit: 0.0, profile },
        Reason::ConnectionsMissing { opened: n, due: n, links: links.clone() },
        Reason::ConnectionsReopened { opened: n, reopened: n, links },
        Reason::ConnectionsMiscounted { opened: n, due: n },
        Reason::HandshakesMiscounted { handshakes: n, connections: n, tls: false },
        Reason::SessionsResumed { resumed: n, handshakes: n },
        Reason::SessionsNotResumed { resumed: n, able: n },
        Reason::SendsUnbalanced { due: n, clients: n, topics: n, expected: n, least: n, most: n },
        Reason::SendsUnsent { sent: n, due: n },
        Reason::SendsMiscounted { acknowledged: n, due: n, published: n },
        Reason::WarmingUp { metric, warm_ns: 12.3e9, warmup_ns: None },
        Reason::WarmingUp { metric, warm_ns: 12.3e9, warmup_ns: Some(15.7e9) },
        Reason::Drifting { metric, change: 0.523, p: 0.001_23 },
    ]
}

#[test]
fn a_text_says_what_happened_before_its_remedy_and_is_short() {
    for reason in longest() {
        let text = reason.to_string();
        let (what, remedy) = text.split_once(". ").unwrap_or_else(|| panic!("no remedy: {text}"));
        assert!(what.chars().count() <= 110, "{} characters: {what}", what.chars().count());
        assert!(text.chars().count() <= 210, "{} characters: {text}", text.chars().count());
        assert!(remedy.starts_with(char::is_uppercase) && !remedy.ends_with('.'), "{text}");
        assert!(!text.contains('{') && !text.contains("  "), "no text for {text}");
        assert!(!what.starts_with(char::is_uppercase), "it continues a sentence: {text}");
    }
}

#[test]
fn every_code_has_a_text() {
    let mut codes: Vec<String> = longest().iter().map(|reason| reason.code().name).collect();
    codes.dedup();
    assert_eq!(codes.len(), 31, "a new reason belongs in the list above: {codes:?}");
}

#[test]
fn the_worst_worker_is_named_first() {
    let late = |figure| OfWorker { worker: format!("worker {figure}"), figure };
    let print = |figure: f64| format!("{figure} ms");
    for (figures, expected) in [
        (vec![1.0], "1 ms (worker 1)"),
        (vec![1.0, 3.0], "3 ms (worker 3), 1 ms (worker 1)"),
        (vec![1.0, 4.0, 3.0], "4 ms (worker 4, worst of 3)"),
    ] {
        let workers: Vec<OfWorker> = figures.into_iter().map(late).collect();
        assert_eq!(figures::by_worker(&workers, print), expected);
    }
}

#[test]
fn nouns_and_pauses_agree_in_number() {
    let one = OfWorker { worker: "worker 1".to_owned(), figure: 1e9 };
    let stalled = |workers, target_ns| {
        let reason = Reason::WorkerStalled {
            workers,
            limit_ns: 500.0 * MS,
            target_ns,
            profile: Profile::Shared,
        };
        reason.to_string()
    };
    let two = vec![one.clone(), OfWorker { worker: "worker 2".to_owned(), figure: 2e9 }];
    for (text, expected) in [
        (Reason::SamplesSaturated { samples: 1 }.to_string(), "1 sample exceeded"),
        (Reason::RequestsRefused { refused: 1, unsent: 2 }.to_string(), "refused 1 request;"),
        (
            Reason::RequestsUnsent { sent: 303_582, scheduled: 600_000 }.to_string(),
            "sent 303,582 of 600,000 requests",
        ),
        (
            stalled(vec![one.clone()], Some(2e9)),
            "worker 1 stalled for 1 s, limit 500 ms on a shared host. The machine paused: the target stalled for 2 s too",
        ),
        (
            stalled(vec![one], Some(1e5)),
            "The machine did not pause: the target stalled for 100 us at most.",
        ),
        (stalled(two, None), "2 workers stalled for 2 s (worker 2), 1 s (worker 1), limit 500 ms"),
    ] {
        assert!(text.contains(expected), "'{expected}' is not in '{text}'");
    }
}
