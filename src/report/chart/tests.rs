//! Charts of made-up runs, shape by shape.

use super::picture::{Anchor, Part, Picture, Shape};
use super::{charts, cost, growth, load, percentiles, scatter, throughput};
use crate::judge::Estimate;
use crate::record::synthetic::{case, info, scenario, six, write_run};
use crate::record::{Figure, IntervalLog, Run};
use crate::report::View;
use crate::scenario::{Case, PatternKind};

fn view(cases: Vec<Case>, fails: impl Fn(PatternKind) -> bool) -> View {
    of_trials(2, cases, fails)
}

fn of_trials(trials: u32, cases: Vec<Case>, fails: impl Fn(PatternKind) -> bool) -> View {
    let out = tempfile::tempdir().unwrap();
    let folder = write_run(out.path(), &info(scenario(cases, trials, &[])), |facts| {
        if fails(facts.case.pattern.kind()) {
            facts.failure = Some("the target died".to_owned());
        }
    });
    View::new(Run::read(&folder).unwrap())
}

/// What stands to the left-bound right of a line's sample: the legend, and labels beside points.
fn labels(picture: &Picture) -> Vec<String> {
    let text = |shape: &Shape| match shape {
        Shape::Text(_, text, _, _, Anchor::Left) => Some(text.clone()),
        _ => None,
    };
    picture.shapes.iter().filter_map(text).collect()
}

#[test]
fn a_legend_names_what_is_drawn_and_nothing_else() {
    let mut small = six();
    for case in &mut small {
        case.workload.clients = 20;
    }
    for dead in PatternKind::ALL {
        let view = view(small.clone(), |kind| kind == dead);
        for (name, draw, of_news) in [
            ("percentiles", percentiles::draw as fn(&View) -> Picture, true),
            ("throughput", throughput::draw, false),
            ("scatter", scatter::draw, true),
        ] {
            let labels = labels(&draw(&view));
            for kind in PatternKind::ALL {
                let drawn = kind != dead && (kind.delivers() || !of_news);
                let named = labels.iter().any(|label| label == kind.name());
                assert_eq!(
                    named,
                    drawn,
                    "{name}, {} dead: {} in {labels:?}",
                    dead.name(),
                    kind.name()
                );
            }
        }
    }
    // The bars' key appears only where variants are many.
    let many = (0..13).map(|n| case(PatternKind::ShortPoll, 20, &format!(":interval={n}s")));
    let many: Vec<Case> = many.chain([case(PatternKind::Sse, 20, "")]).collect();
    let keys =
        |view: &View| labels(&cost::draw(view)).iter().filter(|label| *label == "sse").count();
    assert_eq!(
        (keys(&view(many.clone(), |_| false)), keys(&view(many, |kind| kind == PatternKind::Sse))),
        (1, 0)
    );
}

#[test]
fn a_line_of_percentiles_begins_where_the_axis_does() {
    let mut small = six();
    for case in &mut small {
        case.workload.clients = 20;
    }
    let picture = percentiles::draw(&view(small, |_| false));
    let zero = picture.shapes.iter().find_map(|shape| match shape {
        Shape::Text((x, _), text, ..) if text == "0 %" => Some(*x),
        _ => None,
    });
    let left = zero.unwrap();
    // The panel's frame, its grid and the lines of five patterns; dashes are lines of their own.
    let begin = picture.shapes.iter().filter(|shape| {
        matches!(shape, Shape::Line(points, stroke) if stroke.width > 1.9 && points.len() > 9 && (points[0].0 - left).abs() < 1e-6)
    });
    assert_eq!(begin.count(), 5);
}

#[test]
fn a_chart_that_says_nothing_of_a_run_is_not_made() {
    let few = || vec![case(PatternKind::Sse, 20, ""), case(PatternKind::Webhook, 20, "")];
    let of = |view: &View| charts(view).map(|chart| chart.name).collect::<Vec<_>>();
    let sound = view(few(), |_| false);
    assert_eq!(of(&sound), ["freshness-percentiles", "cost", "freshness-cost"]);
    assert!(
        scatter::says(&sound).ends_with("the cheapest first: sse."),
        "{}",
        scatter::says(&sound)
    );
    // Something failed: the course of deliveries tells when.
    let spoilt = view(few(), |kind| kind == PatternKind::Webhook);
    assert_eq!(of(&spoilt).last(), Some(&"deliveries-per-second"));
    let calls = view(vec![case(PatternKind::Request, 20, "")], |_| false);
    assert_eq!(of(&calls), ["freshness-percentiles", "cost"], "requests are not fresh");
    let swept = view(
        vec![case(PatternKind::Sse, 20, ":clients=20"), case(PatternKind::Sse, 40, ":clients=40")],
        |_| false,
    );
    let of_sweeps = ["freshness-load", "cost-growth"];
    assert!(of_sweeps.iter().all(|name| of(&swept).contains(name)), "{:?}", of(&swept));
    assert!(!of(&swept).contains(&"crossover"), "one pattern alone has no rival");
}

/// Two patterns at 20 and 40 clients, with samples; a trial takes a while to make up.
fn by_clients(trials: u32) -> View {
    let at = |clients: u64| {
        [PatternKind::Sse, PatternKind::ShortPoll]
            .map(|kind| case(kind, clients, &format!(":clients={clients}")))
    };
    of_trials(trials, [at(20), at(40)].concat(), |_| false)
}

/// Sets a figure of a pattern's case, in the summary and in each trial.
fn set(view: &mut View, kind: PatternKind, clients: u64, column: &'static str, figure: Figure) {
    let mut cases = view.findings.cases.iter_mut();
    let case = cases.find(|case| case.pattern == kind && case.offered.clients == clients).unwrap();
    let value = Estimate { value: figure, low: figure, high: figure, confidence: 0.5, trials: 2 };
    case.figures.insert(column, value);
    case.by_block.insert(column, (1..=2).map(|block| (block, figure)).collect());
}

fn forget(view: &mut View, is_gone: impl Fn(PatternKind, &str) -> bool) {
    for case in &mut view.findings.cases {
        case.figures.retain(|column, _| !is_gone(case.pattern, column));
        case.by_block.retain(|column, _| !is_gone(case.pattern, column));
    }
}

fn panels(picture: &Picture) -> Vec<super::Panel> {
    let panel = |(_, part): &(_, Part)| match part {
        Part::Panel(panel) => Some(panel.clone()),
        _ => None,
    };
    picture.parts.iter().filter_map(panel).collect()
}

#[test]
fn exponents_are_of_cpu_or_not_told() {
    let mut view = by_clients(1);
    for (kind, exponent) in [(PatternKind::Sse, 1.0), (PatternKind::ShortPoll, -0.57)] {
        for clients in [20, 40] {
            let cores = Figure::Value((clients as f64 / 100.0).powf(exponent));
            set(&mut view, kind, clients, "target_cpu_cores", cores);
        }
    }
    let what = "What each pattern costs as the number of clients grows.";
    assert_eq!(
        growth::says(&view),
        format!(
            "{what} CPU exponents, smallest short-poll with clients^-0.57 (-0.57 to -0.57), largest sse with clients^1.00 \
             (1.00 to 1.00). Intervals: 95 % confidence."
        )
    );
    forget(&mut view, |kind, column| kind == PatternKind::Sse && column == "target_cpu_cores");
    let one =
        "CPU exponent: short-poll with clients^-0.57 (-0.57 to -0.57). Intervals: 95 % confidence.";
    assert_eq!(growth::says(&view), format!("{what} {one}"));
    forget(&mut view, |_, column| column.starts_with("target_cpu"));
    assert_eq!(growth::says(&view), what, "of an external target");
    let of = |view: &View| charts(view).map(|chart| chart.name).collect::<Vec<_>>();
    assert!(of(&view).contains(&"cost-growth") && !of(&view).contains(&"freshness-cost"));
}

#[test]
fn a_panel_is_drawn_where_something_has_a_place_in_it() {
    let mut view = by_clients(1);
    assert_eq!(panels(&growth::draw_growth(&view)).len(), 3);
    for (kind, clients) in [(PatternKind::Sse, 20), (PatternKind::Sse, 40)] {
        set(&mut view, kind, clients, "target_cpu_cores", Figure::Value(0.0));
    }
    forget(&mut view, |kind, column| {
        let is_gone = ["target_cpu_cores", "target_memory_bytes", "wire_bytes_per_delivery"];
        kind == PatternKind::ShortPoll && is_gone.contains(&column)
    });
    assert_eq!(panels(&growth::draw_growth(&view)).len(), 2, "0 has no place among logarithms");
    forget(&mut view, |_, column| column.contains("memory") || column.contains("wire"));
    assert!(!growth::applies(&view));
}

#[test]
fn points_among_losses_are_counted_and_no_end_of_a_line() {
    let mut view = by_clients(1);
    for (kind, clients, ns) in [
        (PatternKind::Sse, 20, 10e6),
        (PatternKind::Sse, 40, 1e6),
        (PatternKind::ShortPoll, 20, 10e6),
        (PatternKind::ShortPoll, 40, 9e6),
    ] {
        set(&mut view, kind, clients, "freshness_ns_p50", Figure::Value(ns));
    }
    let what = "Freshness as the number of clients grows.";
    let both =
        "Median, largest change: sse from 10 ms to 1 ms; smallest: short-poll from 10 ms to 9 ms.";
    assert_eq!(load::says(&view), format!("{what} {both}"), "all fall");
    let text = |view: &View| labels(&load::draw_load(view)).join(" ");
    assert!(!text(&view).contains("not drawn"), "{}", text(&view));
    let lost = Figure::MoreThan(1e9);
    set(&mut view, PatternKind::Sse, 40, "freshness_ns_p99", lost);
    let one = "1 point is not drawn: its quantile falls among lost deliveries.";
    assert!(text(&view).contains(one), "{}", text(&view));
    set(&mut view, PatternKind::Sse, 40, "freshness_ns_p50", lost);
    let two = "2 points are not drawn: their quantile falls among lost deliveries.";
    assert!(text(&view).contains(two), "{}", text(&view));
    assert_eq!(load::says(&view), format!("{what} Median: short-poll from 10 ms to 9 ms."));
    for (kind, clients) in [(PatternKind::Sse, 20), (PatternKind::ShortPoll, 20)] {
        set(&mut view, kind, clients, "freshness_ns_p99", lost);
    }
    set(&mut view, PatternKind::ShortPoll, 40, "freshness_ns_p99", lost);
    assert_eq!(panels(&load::draw_load(&view)).len(), 1, "no 99th percentile at all");
}

#[test]
fn whiskers_have_the_confidence_of_what_is_drawn() {
    let sampled = by_clients(2);
    let mut run = sampled.run.clone();
    run.log = IntervalLog::default();
    let bare = View::new(run.clone());
    run.trials.retain(|trial| trial.identity.trial == 1);
    let once = View::new(run);
    let of_load: fn(&View) -> Picture = load::draw_load;
    for (name, view, draw, text) in [
        ("samples", &sampled, of_load, "Mark: of all samples. Whisker: its 95 % interval."),
        ("none", &bare, of_load, "Mark: median of the trials. Whisker: its 50 % interval."),
        ("one trial", &once, of_load, "No whisker: one trial gives no interval."),
        ("cost", &sampled, growth::draw_growth, "Whisker: its 50 % interval."),
        ("exponents", &sampled, growth::draw_growth, "In parentheses: its 95 % interval."),
    ] {
        let labels = labels(&draw(view)).join(" ");
        assert!(labels.contains(text), "{name}: {labels}");
    }
}

#[test]
fn an_interval_that_reaches_0_ends_at_the_edge() {
    let mut view = by_clients(1);
    set(&mut view, PatternKind::Sse, 20, "target_cpu_cores", Figure::Value(0.1));
    let case = &mut view.findings.cases[0];
    case.figures.get_mut("target_cpu_cores").unwrap().low = Figure::Value(0.0);
    let picture = growth::draw_growth(&view);
    let (top, bottom) = (panels(&picture)[0].from.1, panels(&picture)[0].to.1);
    // The vertical strokes of that width are whiskers.
    let ends = picture.shapes.iter().filter_map(|shape| match shape {
        Shape::Line(points, stroke) if (stroke.width - 1.5).abs() < 1e-9 => match points[..] {
            [low, high] if (low.0 - high.0).abs() < 1e-9 && low.1 <= bottom + 1e-9 => Some(low.1),
            _ => None,
        },
        _ => None,
    });
    let ends: Vec<f64> = ends.collect();
    assert!(ends.iter().all(|y| *y > top), "{ends:?}");
    let at_the_edge = ends.iter().filter(|y| (**y - bottom).abs() < 1e-9).count();
    assert_eq!(at_the_edge, 1, "{ends:?}, {bottom}");
}

#[test]
fn a_run_that_failed_has_no_chart_of_figures() {
    let few = vec![case(PatternKind::Sse, 20, ""), case(PatternKind::Webhook, 20, "")];
    let dead = view(few, |_| true);
    let names: Vec<_> = charts(&dead).map(|chart| chart.name).collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_step_to_the_right_leaves_a_tenth() {
    let says = percentiles::says(&view(vec![case(PatternKind::Sse, 20, "")], |_| false));
    assert!(says.contains("each step to the right leaves a tenth of the deliveries."), "{says}");
}
