//! No chart has labels that overlap, text outside of the picture, an empty panel, or an axis without a unit, whatever the run.

use super::picture::{Anchor, Part, Picture, Shape};
use super::render::width_of;
use super::{CHARTS, Chart, OF_PAGES};
use crate::record::synthetic::{case, info, scenario, six, write_run};
use crate::record::{Figure, Run, TrialRecord, Verdict};
use crate::report::View;
use crate::scenario::{Case, Pattern, PatternKind};
use crate::unit::{ByteSize, Rate, Span};

/// A text with the box that it fills.
#[derive(Debug, Clone)]
struct Placed {
    text: String,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

/// Share of its size that a letter is high, with what hangs below its line.
const HIGH: f64 = 0.8;

fn texts(picture: &Picture) -> Vec<Placed> {
    let of = |shape: &Shape| {
        let Shape::Text((x, y), text, size, _, anchor) = shape else { return None };
        let (width, height) = (width_of(text, *size), HIGH * size);
        let (left, top, right, bottom) = match anchor {
            Anchor::Left => (*x, y - height / 2.0, x + width, y + height / 2.0),
            Anchor::Right => (x - width, y - height / 2.0, *x, y + height / 2.0),
            Anchor::Middle => {
                (x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0)
            }
            Anchor::Upwards => {
                (x - height / 2.0, y - width / 2.0, x + height / 2.0, y + width / 2.0)
            }
        };
        (!text.is_empty()).then(|| Placed { text: text.clone(), left, top, right, bottom })
    };
    picture.shapes.iter().filter_map(of).collect()
}

/// The parts of a text that a reader needs to know what is counted.
const UNITS: [&str; 24] = [
    "ns",
    "µs",
    "ms",
    "s",
    "min",
    "h",
    "B",
    "KiB",
    "MiB",
    "GiB",
    "TiB",
    "%",
    "cores",
    "seconds",
    "clients",
    "per second",
    "per client",
    "deliveries",
    "topics",
    "/s",
    "s/s",
    "USD",
    "trials",
    "second",
];

/// What is wrong with a picture, in words; `cells` are what its panels hold.
fn faults(picture: &Picture, cells: bool) -> Vec<String> {
    let texts = texts(picture);
    let mut faults = Vec::new();
    for (n, a) in texts.iter().enumerate() {
        if a.left < -0.5
            || a.top < -0.5
            || a.right > picture.width + 0.5
            || a.bottom > picture.height + 0.5
        {
            faults.push(format!(
                "'{}' lies outside of {} x {}: {a:?}",
                a.text, picture.width, picture.height
            ));
        }
        for b in &texts[n + 1..] {
            let apart =
                a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
            if !apart {
                faults.push(format!("'{}' and '{}' overlap: {a:?} {b:?}", a.text, b.text));
            }
        }
    }
    for (range, part) in &picture.parts {
        let Part::Panel(panel) = part else { continue };
        let words = |shape: &Shape| match shape {
            Shape::Text(_, text, ..) => Some(text.clone()),
            _ => None,
        };
        let own: Vec<String> = picture.shapes[range.clone()].iter().filter_map(words).collect();
        for (name, scale) in [("x", &panel.x), ("y", &panel.y)] {
            if scale.ticks.len() < 2 {
                faults.push(format!("the {name} axis of {own:?} has {} ticks", scale.ticks.len()));
            }
            let labelled = scale.ticks.iter().any(|(_, label)| has_unit(label));
            if !labelled && !own.iter().any(|text| has_unit(text)) {
                faults.push(format!("no unit at the {name} axis of {own:?}"));
            }
        }
        let inside = |(x, y): (f64, f64)| {
            x >= panel.from.0 - 1.0
                && x <= panel.to.0 + 1.0
                && y >= panel.from.1 - 1.0
                && y <= panel.to.1 + 1.0
        };
        let others = picture.shapes.iter().enumerate().filter(|(at, _)| !range.contains(at));
        let drawn = others.into_iter().any(|(_, shape)| match shape {
            Shape::Mark(at, ..) => inside(*at),
            Shape::Line(points, _) => points.len() > 1 && points.iter().all(|point| inside(*point)),
            Shape::Bar(from, ..) => cells && inside(*from),
            Shape::Text(..) => false,
        });
        if !drawn {
            faults.push(format!("the panel of {own:?} is empty"));
        }
    }
    faults
}

/// Whether a text has a unit as a word of its own.
fn has_unit(text: &str) -> bool {
    let words = text
        .split([' ', ',', '(', ')'])
        .map(|word| word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
    let words: Vec<&str> = words.collect();
    UNITS.iter().any(|unit| words.contains(unit) || (unit.contains(' ') && text.contains(unit)))
}

fn small(mut case: Case) -> Case {
    case.workload.clients = case.workload.clients.min(40);
    case
}

/// `count` cases that differ along `axes`, as many patterns as fit.
fn swept(kinds: &[PatternKind], axes: &[(&str, &[&str])]) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut points: Vec<String> = vec![String::new()];
    for (name, values) in axes {
        let longer =
            |point: String| values.iter().map(move |value| format!("{point}:{name}={value}"));
        points = points.into_iter().flat_map(longer).collect();
    }
    for point in &points {
        for kind in kinds {
            let mut own = case(*kind, 20, point);
            for part in point.split(':').filter_map(|part| part.split_once('=')) {
                set(&mut own, part);
            }
            cases.push(own);
        }
    }
    cases
}

fn set(case: &mut Case, (name, value): (&str, &str)) {
    match (name, &mut case.pattern) {
        ("clients", _) => case.workload.clients = value.parse().unwrap(),
        ("rate", _) => case.workload.rate = value.parse::<Rate>().unwrap(),
        ("payload", _) => case.workload.payload = value.parse::<ByteSize>().unwrap(),
        ("interval", Pattern::ShortPoll(options)) => {
            options.interval = value.parse::<Span>().unwrap();
        }
        _ => {}
    }
}

/// A run of every pattern, from which others are made: to make the samples of each would take minutes.
fn base() -> Run {
    let out = tempfile::tempdir().unwrap();
    let cases = six().into_iter().map(small).collect();
    Run::read(&write_run(out.path(), &info(scenario(cases, 2, &[])), |_| ())).unwrap()
}

/// What is amiss in a run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    Nothing,
    /// Every trial of a pattern failed.
    Failed(PatternKind),
    AllFailed,
    /// The target's CPU is out of reach: it runs elsewhere.
    NoCpu,
    /// The 99th percentile falls among lost deliveries.
    Lossy,
}

impl Flaw {
    fn fails(self, kind: PatternKind) -> bool {
        self == Self::AllFailed || self == Self::Failed(kind)
    }

    fn spoil(self, trial: &mut TrialRecord) {
        if self.fails(trial.identity.pattern) {
            (trial.verdict, trial.ledger) = (Verdict::Failed, None);
        }
        if let (Self::Lossy, Some(ledger)) = (self, &mut trial.ledger) {
            ledger.lost = ledger.expected / 20;
            ledger.delivered -= ledger.lost;
            trial.figures.set("freshness_ns_p99", Figure::MoreThan(1e9));
        }
    }
}

/// A run of `cases`, each with the samples of its pattern in `base`, and costs that grow with its clients.
fn view(base: &Run, cases: &[Case], flaw: Flaw) -> View {
    let mut run = base.clone();
    run.info = info(scenario(cases.to_vec(), 2, &[]));
    (run.trials, run.timeline, run.log) =
        (Vec::new(), Vec::new(), crate::record::IntervalLog::default());
    run.distributions.clear();
    for block in 1..=2 {
        for case in cases {
            let kind = case.pattern.kind();
            let mut trial = base
                .trials
                .iter()
                .find(|t| t.identity.pattern == kind && t.identity.block == block)
                .unwrap()
                .clone();
            trial.identity.case.clone_from(&case.id);
            flaw.spoil(&mut trial);
            run.trials.push(trial);
            let own =
                base.timeline.iter().filter(|row| row.case == kind.name() && row.trial == block);
            run.timeline.extend(own.cloned().map(|mut row| {
                row.case.clone_from(&case.id);
                row
            }));
        }
    }
    for case in cases.iter().filter(|case| !flaw.fails(case.pattern.kind())) {
        let own = base.distributions.iter().filter(|((id, _), _)| id == case.pattern.kind().name());
        let own: Vec<_> =
            own.map(|((_, metric), all)| ((case.id.clone(), *metric), all.clone())).collect();
        run.distributions.extend(own);
    }
    let mut view = View::new(run);
    for case in &mut view.findings.cases {
        if flaw == Flaw::NoCpu {
            let is_cpu = |column: &str| column.starts_with("target_cpu");
            case.figures.retain(|column, _| !is_cpu(column));
            case.by_block.retain(|column, _| !is_cpu(column));
        }
        let size = case.offered.clients as f64;
        for (column, factor) in [
            ("target_cpu_cores", size),
            ("target_memory_bytes", size.sqrt()),
            ("freshness_ns_p50", size.ln()),
        ] {
            let scaled = |figure: &mut Figure| {
                if let Figure::Value(number) = figure {
                    *number *= factor;
                }
            };
            if let Some(estimate) = case.figures.get_mut(column) {
                [&mut estimate.value, &mut estimate.low, &mut estimate.high]
                    .into_iter()
                    .for_each(scaled);
            }
            case.by_block
                .get_mut(column)
                .into_iter()
                .flat_map(|own| own.values_mut())
                .for_each(scaled);
        }
    }
    view
}

/// Runs of 1, 3, 6 and 20 cases, of every kind of sweep, each with its name.
fn runs() -> Vec<(String, View)> {
    use PatternKind::{LongPoll, Request, ShortPoll, Sse, WebSocket, Webhook};
    let five = [ShortPoll, LongPoll, Sse, WebSocket, Webhook];
    let numbers: Vec<String> = (1..=20).map(|n| (n * 2).to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let spans: Vec<String> = (1..=20).map(|n| format!("{}ms", n * 150)).collect();
    let spans: Vec<&str> = spans.iter().map(String::as_str).collect();
    let long = "a-value-that-is-too-long-for-a-legend-or-a-label-beside-a-point";
    let mut runs: Vec<(String, Vec<Case>)> = Vec::new();
    let mut add =
        |name: &str, cases: Vec<Case>| runs.push((format!("{name}, {}", cases.len()), cases));
    for kind in [ShortPoll, Sse, Request] {
        add(kind.name(), vec![case(kind, 20, "")]);
    }
    add("patterns", [ShortPoll, Sse, Webhook].map(|kind| case(kind, 20, "")).into());
    add("clients", swept(&[Sse], &[("clients", &["5", "10", "40"])]));
    add("intervals", swept(&[ShortPoll], &[("interval", &["100ms", "1s", "30s"])]));
    add("requests", swept(&[Request], &[("rate", &["100/s", "1000/s", "10000/s"])]));
    add("patterns", six());
    add("two by clients", swept(&[Sse, ShortPoll], &[("clients", &["5", "10", "40"])]));
    add("two by payload", swept(&[Sse, WebSocket], &[("payload", &["64B", "4KiB", "1MiB"])]));
    add(
        "rate by interval",
        swept(&[ShortPoll], &[("rate", &["1/s", "100/s"]), ("interval", &["100ms", "1s", "30s"])]),
    );
    add("five by clients", swept(&five, &[("clients", &["5", "10", "20", "40"])]));
    add("clients", swept(&[Sse], &[("clients", &numbers)]));
    add("intervals", swept(&[ShortPoll], &[("interval", &spans)]));
    add(
        "five by rate and clients",
        swept(&five, &[("clients", &["5", "40"]), ("rate", &["1/s", "1000/s"])]),
    );
    add(
        "one by two axes",
        swept(
            &[LongPoll],
            &[
                ("clients", &["5", "10", "20", "40"]),
                ("rate", &["1/s", "2/s", "5/s", "10/s", "20/s"]),
            ],
        ),
    );
    add("words", swept(&five, &[("publish", &["target", "clients"]), ("name", &[long, "short"])]));
    add("ten by clients", swept(&[Sse, WebSocket], &[("clients", &numbers[..10])]));
    let mut polls = swept(
        &[ShortPoll],
        &[("rate", &["1/s", "4/s", "16/s"]), ("interval", &["100ms", "1s", "5s", "30s"])],
    );
    polls.extend(swept(&[Sse, Webhook], &[("rate", &["1/s", "4/s", "16/s"])]));
    polls.extend(swept(&[LongPoll], &[("rate", &["1/s", "4/s"])]));
    add("polls and pushes", polls);
    let base = base();
    let two = swept(&[Sse, ShortPoll], &[("clients", &["5", "10", "40"])]);
    let flawed = [Flaw::AllFailed, Flaw::NoCpu, Flaw::Lossy]
        .map(|flaw| (format!("two by clients, {flaw:?}"), view(&base, &two, flaw)));
    let made = runs.into_iter().flat_map(|(name, cases)| {
        let dead = cases[0].pattern.kind();
        let others = cases.iter().any(|case| case.pattern.kind() != dead);
        let failed = others
            .then(|| (format!("{name}, one failed"), view(&base, &cases, Flaw::Failed(dead))));
        [Some((name, view(&base, &cases, Flaw::Nothing))), failed]
    });
    made.flatten().chain(flawed).collect()
}

#[test]
fn no_chart_of_any_run_has_a_fault_of_layout() {
    let mut found = Vec::new();
    for (name, view) in runs() {
        for chart in CHARTS.iter().chain(&OF_PAGES).filter(|chart| (chart.applies)(&view)) {
            keep(chart, &view, &name);
            let faults = faults(&chart.picture(&view), chart.name == "crossover");
            found
                .extend(faults.into_iter().map(|fault| format!("{name}: {}: {fault}", chart.name)));
            let says = chart.says(&view);
            assert!(says.ends_with('.') && says.len() > 30, "{name}: {}: {says}", chart.name);
        }
    }
    let first: Vec<&String> = found.iter().take(60).collect();
    assert!(found.is_empty(), "{} faults: {first:#?}", found.len());
}

/// Leaves the picture in the folder that `TIDINGS_CHARTS` names, to be looked at.
fn keep(chart: &Chart, view: &View, name: &str) {
    let Some(folder) = std::env::var_os("TIDINGS_CHARTS") else { return };
    let name = format!("{} {name}.png", chart.name).replace([' ', ','], "-");
    std::fs::write(std::path::Path::new(&folder).join(name), chart.draw(view).unwrap().1).unwrap();
}

#[test]
fn the_faults_are_found() {
    let mut picture = Picture::new(100.0, 50.0);
    picture.text((10.0, 20.0), "one", 14.0, (0, 0, 0), Anchor::Left);
    assert!(faults(&picture, false).is_empty(), "{:?}", faults(&picture, false));
    picture.text((20.0, 22.0), "two", 14.0, (0, 0, 0), Anchor::Left);
    picture.text((95.0, 40.0), "beyond", 14.0, (0, 0, 0), Anchor::Left);
    let panel = super::Panel {
        from: (0.0, 0.0),
        to: (10.0, 10.0),
        x: super::panel::Scale::linear(3.0, |value| value.to_string()),
        y: super::panel::Scale { min: 0.0, max: 1.0, ticks: Vec::new() },
    };
    picture.parts.push((0..1, Part::Panel(panel)));
    let found = faults(&picture, false);
    for words in ["overlap", "outside", "is empty", "no unit at the x axis", "has 0 ticks"] {
        assert!(found.iter().any(|fault| fault.contains(words)), "{words}: {found:?}");
    }
}
