//! Objectives on samples, of trials whose samples are drawn.

use super::*;

#[test]
fn a_quantile_is_judged_by_the_share_beyond_its_bound() {
    // A CI run of 10 s whose median is 80.2 ms, and one whose deliveries took 6 ms at most.
    let slow = drawn(PatternKind::WebSocket, (1, 10, 200), |_, _, noise| {
        80.2e6 + 0.4e6 * noise.normal().abs()
    });
    let quick =
        drawn(PatternKind::WebSocket, (1, 10, 1_000), |_, _, noise| 1e6 + 5e6 * noise.unit());
    let (outcome, printed) = slow.one("freshness_p99 < 50ms");
    assert_eq!(outcome, Outcome::Missed, "{printed}");
    assert!(printed.starts_with("2,000 of 2,000 deliveries beyond"), "{printed}");
    assert!(printed.contains("share >= 9") && printed.contains("limit 1 %; p99 81"), "{printed}");
    let (outcome, printed) = quick.one("freshness_p99 < 50ms");
    assert_eq!(outcome, Outcome::Met, "{printed}");
    assert!(printed.starts_with("0 of 10,000 deliveries beyond"), "{printed}");
    assert!(printed.contains("with 95 % confidence, limit 1 %; p99 5.9"), "{printed}");
    for (text, expected) in [
        ("freshness_p99 > 50ms", Outcome::Missed),
        ("freshness_p50 >= 1ms", Outcome::Met),
        ("freshness_p99.9 < 50ms", Outcome::Met),
        ("freshness_p95 < 3ms", Outcome::Missed),
        ("freshness_p90 <= 20ms", Outcome::Met),
        ("freshness_max < 7ms", Outcome::Met),
        ("freshness_max < 5ms", Outcome::Missed),
        ("freshness_mean < 4ms", Outcome::Met),
        ("freshness_mean < 3ms", Outcome::Missed),
        ("freshness_p50 == 3ms", Outcome::Missed),
        ("share(freshness > 50ms) < 0.1%", Outcome::Met),
        ("share(freshness > 5ms) < 1%", Outcome::Missed),
        ("share(freshness <= 50ms) >= 99.9%", Outcome::Met),
        ("share(freshness < 2ms) > 90%", Outcome::Missed),
        ("share(freshness > 50ms) == 0", Outcome::Met),
        ("share(freshness > 50ms) <= 0%", Outcome::Met),
        ("freshness_p99 < 7 * freshness_p50", Outcome::Met),
        ("freshness_p99 < 1.5 * freshness_p50", Outcome::Missed),
    ] {
        let (outcome, printed) = quick.one(text);
        assert_eq!(outcome, expected, "{text}: {printed}");
    }
}

#[test]
fn ten_bounds_are_decided_and_decided_rightly() {
    // Exponential times with a mean of 1 ms, 400 a second: their p99 is ln 100 ms.
    let true_ns = 100f64.ln() * 1e6;
    let times = [0.2, 0.5, 0.7, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0, 5.0];
    for (seconds, at_least) in [(10, 7), (30, 8), (60, 9)] {
        let run = drawn(PatternKind::WebSocket, (1, seconds, 400), |_, _, noise| {
            -1e6 * noise.unit().ln()
        });
        let mut decided = 0;
        for of in times {
            let (outcome, printed) =
                run.one(&format!("freshness_p99 < {}us", (of * true_ns / 1e3).round()));
            let right = if of > 1.0 { Outcome::Met } else { Outcome::Missed };
            assert!(
                outcome == right || outcome == Outcome::Unknown,
                "{seconds} s, {of}: {printed}"
            );
            decided += usize::from(outcome == right);
        }
        assert!(decided >= at_least, "{seconds} s: {decided} of ten");
    }
}

#[test]
fn few_samples_near_a_limit_decide_nothing_and_say_what_would() {
    // A share of about 40 % against one of 40 %.
    let near = drawn(
        PatternKind::Sse,
        (1, 10, 50),
        |_, _, noise| {
            if noise.unit() < 0.6 { 1e6 } else { 2e6 }
        },
    );
    let (outcome, printed) = near.one("freshness_p60 <= 1.5ms");
    assert_eq!(outcome, Outcome::Unknown, "{printed}");
    assert!(printed.contains("too close to the limit") || printed.contains("would decide"));
    let few = drawn(PatternKind::Sse, (1, 10, 10), |_, _, noise| 1e6 + noise.unit());
    let (outcome, printed) = few.one("freshness_p99 < 50ms");
    assert_eq!(outcome, Outcome::Unknown, "{printed}");
    for part in
        ["0 of 100 deliveries", "undecided: about ", "would decide (--trials ", "measure = \""]
    {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    assert_eq!(few.one("freshness_p95 < 50ms").0, Outcome::Met, "a hundred tell of 5 %");
}

#[test]
fn deliveries_of_one_late_event_are_one_late_event() {
    // 300 of 10,000 deliveries are late, all of one stall: of a second one nothing is known.
    let stalled = drawn(PatternKind::Sse, (1, 10, 1_000), |_, second, noise| {
        let u = noise.unit();
        if second == 4 && u < 0.3 { 90e6 } else { 1e6 + 1e6 * u }
    });
    let (outcome, printed) = stalled.one("freshness_p99 < 50ms");
    assert_eq!(outcome, Outcome::Unknown, "{printed}");
    assert!(printed.contains("(worth "), "{printed}");
    // As many, spread over all seconds, are a rate.
    let spread =
        drawn(
            PatternKind::Sse,
            (1, 10, 1_000),
            |_, _, noise| {
                if noise.unit() < 0.03 { 90e6 } else { 1e6 }
            },
        );
    assert_eq!(spread.one("freshness_p99 < 50ms").0, Outcome::Missed);
}

#[test]
fn a_wider_bound_is_never_met_less_surely() {
    // One stall makes the mean of the whole window worth few samples; below it all seconds are alike.
    let stalled = drawn(PatternKind::Sse, (1, 10, 400), |_, second, noise| {
        let u = noise.unit();
        if second == 4 && u < 0.006 { 900e6 } else { 1e6 * (1.0 - u.ln()) }
    });
    let limits = [2, 4, 6, 8, 10, 20, 50, 100, 800, 1_000, 10_000];
    let outcomes: Vec<Outcome> =
        limits.map(|ms| stalled.one(&format!("freshness_p99 < {ms}ms")).0).into();
    assert!(outcomes.is_sorted_by(|a, b| a >= b), "{limits:?}: {outcomes:?}");
    assert_eq!((outcomes[0], outcomes[10]), (Outcome::Missed, Outcome::Met));
}

#[test]
fn the_spread_between_trials_is_respected() {
    let shares = |of: &'static [f64]| {
        drawn(PatternKind::Sse, (of.len() as u32, 10, 1_000), move |trial, _, noise| {
            if noise.unit() < of[trial as usize - 1] { 90e6 } else { 1e6 }
        })
    };
    for (what, of, expected) in [
        ("alike and below", &[0.004, 0.004, 0.004][..], Outcome::Met),
        ("as few in all, in one trial of three", &[0.0, 0.0, 0.012], Outcome::Unknown),
        ("alike and above", &[0.02, 0.02, 0.02], Outcome::Missed),
        ("one trial of three far above", &[0.002, 0.002, 0.03], Outcome::Unknown),
    ] {
        let (outcome, printed) = shares(of).one("freshness_p99 < 50ms");
        assert_eq!(outcome, expected, "{what}: {printed}");
    }
}

#[test]
fn what_never_arrived_lies_beyond_every_bound() {
    let out = tempfile::tempdir().unwrap();
    let sse = case(PatternKind::Sse, 60, "");
    let folder = write_run(out.path(), &info(scenario(vec![sse.clone()], 2, &[])), |facts| {
        *facts = losing(&sse, facts.trial, 60);
        facts.target.counters.add(crate::measure::Counter::Published, 1);
    });
    let run = Judged::read(&folder);
    let (outcome, printed) = run.one("freshness_p99 < 1h");
    assert_eq!(outcome, Outcome::Missed, "{printed}");
    assert!(printed.starts_with("120 of 2,520 deliveries beyond"), "{printed}");
    assert!(printed.contains("(120 never arrived)"), "{printed}");
    assert_eq!(run.one("freshness_p50 < 1h").0, Outcome::Met);
    assert_eq!(run.one("freshness_mean < 1h").0, Outcome::Unknown);
    assert_eq!(run.one("freshness_mean < 1us").0, Outcome::Missed);
    assert_eq!(run.one("lost_rate < 1%").0, Outcome::Missed);
    assert_eq!(run.one("lost_rate < 5%").0, Outcome::Met);
}
