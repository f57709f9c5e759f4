//! Charts of made-up runs, shape by shape.

use super::picture::{Anchor, Picture, Shape};
use super::{charts, cost, percentiles, scatter, throughput};
use crate::record::Run;
use crate::record::synthetic::{case, info, scenario, six, write_run};
use crate::report::View;
use crate::scenario::{Case, PatternKind};

fn view(cases: Vec<Case>, fails: impl Fn(PatternKind) -> bool) -> View {
    let out = tempfile::tempdir().unwrap();
    let folder = write_run(out.path(), &info(scenario(cases, 2, &[])), |facts| {
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
