//! Axes, maps and crossings of made-up cases.

use super::*;
use crate::judge::{Axis, Claim, Estimate, summary};
use crate::record::synthetic::{case, info, scenario, write_run};
use crate::record::{Figure, Run};
use crate::scenario::PatternKind::{Request, ShortPoll, Sse, WebSocket};
use crate::scenario::{Case, Pattern};

fn summaries(planned: &[Case]) -> Vec<CaseSummary> {
    let out = tempfile::tempdir().unwrap();
    let folder = write_run(out.path(), &info(scenario(planned.to_vec(), 1, &[])), |_| ());
    summary(&Run::read(&folder).unwrap())
}

/// A case as its id has it, as far as that is a number of clients.
fn planned(kind: PatternKind, axes: &str) -> Case {
    let clients = axes.split(':').find_map(|part| part.strip_prefix("clients=")?.parse().ok());
    case(kind, clients.unwrap_or(20), axes)
}

fn axes(ids: &[(PatternKind, &str)]) -> Vec<(String, Quantity, Vec<f64>)> {
    let planned: Vec<Case> = ids.iter().map(|(kind, axes)| planned(*kind, axes)).collect();
    let of = |axis: SweptAxis| (axis.name, axis.quantity, axis.values);
    Sweep::of(&summaries(&planned)).axes.into_iter().map(of).collect()
}

#[test]
fn an_axis_is_what_cases_of_one_pattern_differ_in_and_can_be_drawn_to_scale() {
    let named = |name: &str, quantity, values: &[f64]| (name.to_owned(), quantity, values.to_vec());
    let clients = named("clients", Quantity::Number, &[10.0, 40.0]);
    for (ids, expected, why) in [
        (vec![(Sse, ""), (WebSocket, "")], vec![], "patterns are no axis"),
        (vec![(Sse, ":clients=40"), (Sse, ":clients=10")], vec![clients.clone()], "ascending"),
        (vec![(Sse, ":clients=10"), (ShortPoll, ":clients=40")], vec![], "never of one pattern"),
        (vec![(Sse, ":topics=1"), (Sse, ":topics=per-client")], vec![], "words have no scale"),
        (vec![(Sse, ":tls=true"), (Sse, ":tls=false")], vec![], "nor have choices"),
        (
            vec![(Sse, ":payload=64B"), (Sse, ":payload=1KiB")],
            vec![named("payload", Quantity::Bytes, &[64.0, 1024.0])],
            "sizes",
        ),
        (
            vec![(Request, ":rate=60/m"), (Request, ":rate=2/s")],
            vec![named("rate", Quantity::Rate, &[1.0, 2.0])],
            "rates",
        ),
        (
            vec![
                (ShortPoll, ":interval=100ms:clients=10"),
                (ShortPoll, ":interval=2s:clients=40"),
                (Sse, ":clients=10"),
            ],
            vec![clients, named("interval", Quantity::Time, &[1e8, 2e9])],
            "load first, and an option of one pattern",
        ),
    ] {
        assert_eq!(axes(&ids), expected, "{why}");
    }
}

#[test]
fn cases_share_what_several_patterns_have_and_keep_the_rest() {
    let planned: Vec<Case> = [
        (ShortPoll, ":clients=10:interval=1s:tls=true"),
        (ShortPoll, ":clients=20:interval=2s:tls=true"),
        (Sse, ":clients=10:tls=true"),
    ]
    .map(|(kind, axes)| planned(kind, axes))
    .into();
    let sweep = Sweep::of(&summaries(&planned));
    let id = planned[0].id.as_str();
    assert_eq!(
        (sweep.shared(id, &[]), sweep.rest(id, &[])),
        ("clients=10".into(), "clients=10 interval=1s".into())
    );
    let clients = sweep.load().unwrap();
    assert_eq!(
        (sweep.shared(id, &[clients]), sweep.rest(id, &[clients])),
        (String::new(), "interval=1s".into())
    );
    let interval = &sweep.axes[1];
    assert!(interval.value(id) == Some(1e9) && interval.value("sse:clients=10:tls=true").is_none());
}

#[test]
fn an_axis_means_what_its_cases_were_offered() {
    let of = |kind, axes: [&str; 2], clients: [u64; 2]| {
        let planned: Vec<Case> =
            axes.iter().zip(clients).map(|(axes, clients)| case(kind, clients, axes)).collect();
        Sweep::of(&summaries(&planned)).axes.first().map(|axis| axis.meaning)
    };
    for (kind, axes, clients, expected, why) in [
        (Sse, [":clients=20", ":clients=40"], [20, 40], Some(Meaning::Clients), "clients"),
        (Sse, [":clients=1", ":clients=2"], [20, 40], Some(Meaning::Other), "of another table"),
        (
            ShortPoll,
            [":interval=1s", ":interval=2s"],
            [20, 20],
            Some(Meaning::PollInterval),
            "polls",
        ),
        (Sse, [":interval=1s", ":interval=2s"], [20, 20], Some(Meaning::Other), "not of polls"),
        (Sse, [":rate=5/s", ":rate=6/s"], [20, 20], Some(Meaning::Other), "a limit, not the offer"),
        (Sse, [":rate=1/s:rate=5/s", ":rate=1/s:rate=6/s"], [20, 20], None, "two keys of one name"),
    ] {
        assert_eq!(of(kind, axes, clients), expected, "{why}");
    }
}

/// Bytes of polls every `seconds` and of a stream, at 2 events per second: 800 B a poll and 100 B an event against 300 B an event.
fn polls_and_stream(seconds: &[u64], blocks: u32, noise: f64) -> (Vec<CaseSummary>, Vec<Case>) {
    let mut planned: Vec<Case> = seconds
        .iter()
        .map(|s| {
            let mut own = case(ShortPoll, 20, &format!(":interval={s}s"));
            if let Pattern::ShortPoll(options) = &mut own.pattern {
                options.interval = Span::from_secs(*s);
            }
            own
        })
        .collect();
    planned.push(case(Sse, 20, ""));
    let mut cases = summaries(&planned);
    for (case, seconds) in
        cases.iter_mut().zip(seconds.iter().map(|s| Some(*s as f64)).chain([None]))
    {
        let (idle, added) = seconds.map_or((0.0, 300.0), |s| (800.0 / s, 100.0));
        let total = 20.0 * (idle + 2.0 * added);
        let mut set = |column: &'static str, number: f64| {
            let value = Figure::Value(number);
            let estimate = Estimate { value, low: value, high: value, confidence: 0.0, trials: 1 };
            case.figures.insert(column, estimate);
            let factor =
                |block: u32| if block.is_multiple_of(2) { 1.0 - noise } else { 1.0 + noise };
            let of = |block: u32| {
                let factor = if seconds.is_none() { factor(block) } else { 1.0 };
                (block, Figure::Value(number * factor))
            };
            case.by_block.insert(column, (1..=blocks).map(of).collect());
        };
        set("idle_wire_bytes_per_client_s", idle);
        set("added_wire_bytes_per_delivery", added);
        set("wire_bytes_per_s", total);
    }
    (cases, planned)
}

fn wire(cases: &[CaseSummary], planned: &[Case]) -> (Map, Vec<Crossing>) {
    let sweep = Sweep::of(cases);
    let map = maps(&sweep, cases, planned).into_iter().find(|map| map.by == Axis::Wire).unwrap();
    let found = crossings(&map, &sweep.axes[0], cases, planned);
    (map, found)
}

#[test]
fn the_best_changes_where_theory_says_and_blocks_tell_how_surely() {
    let (cases, planned) = polls_and_stream(&[1, 4, 16], 8, 0.05);
    let (map, found) = wire(&cases, &planned);
    let best: Vec<&str> = map
        .cells
        .iter()
        .map(|cell| cell.ranking.as_ref().unwrap().order[0].case.as_str())
        .collect();
    assert_eq!(best, ["sse", "short-poll:interval=4s", "short-poll:interval=16s"]);
    assert!(
        map.cells
            .iter()
            .all(|cell| matches!(cell.ranking.as_ref().unwrap().claim, Claim::Shown(_)))
    );
    let [crossing] = found.as_slice() else { panic!("{found:?}") };
    // Measured: between 1,000 and 400 B per client against 600; by theory 800 ÷ I = 400.
    assert!((crossing.at - 2.18e9).abs() < 0.02e9, "{crossing:?}");
    assert!((crossing.expected.unwrap() - 2e9).abs() < 0.01e9, "{crossing:?}");
    let CrossingInterval { low, high, confidence } = crossing.interval.unwrap();
    assert!(low.side.is_eq() && high.side.is_eq(), "{crossing:?}");
    let (low, high) = (low.at, high.at);
    assert!(low < crossing.at && crossing.at < high && low > 1.9e9 && high < 2.4e9, "{crossing:?}");
    assert!(confidence >= 0.95);
    assert_eq!(
        (crossing.below.as_str(), crossing.above.as_str()),
        ("sse", "short-poll:interval=4s")
    );
}

#[test]
fn an_interval_is_open_where_a_block_does_not_cross() {
    let (mut cases, planned) = polls_and_stream(&[1, 4], 8, 0.05);
    // 399 B per client against 400 at 4 s, and 1,000 at 1 s: in this block the stream is ahead at both.
    cases[2].by_block.get_mut("wire_bytes_per_s").unwrap().insert(1, Figure::Value(20.0 * 399.0));
    let (_, found) = wire(&cases, &planned);
    let [Crossing { interval: Some(interval), .. }] = found.as_slice() else { panic!("{found:?}") };
    assert!(interval.low.side.is_eq() && interval.low.at < 4e9, "{interval:?}");
    assert!(interval.high.side.is_gt() && (interval.high.at - 4e9).abs() < 1.0, "{interval:?}");
}

#[test]
fn closed_forms_start_in_the_middle_and_are_held_against_every_other_cell() {
    let (mut cases, planned) = polls_and_stream(&[1, 4, 16], 8, 0.01);
    let (map, _) = wire(&cases, &planned);
    let told: Vec<(&str, bool)> = map
        .cells
        .iter()
        .map(|cell| {
            cell.forecast
                .as_ref()
                .map(|own| (own.case.split(':').next().unwrap(), own.is_reference))
                .unwrap()
        })
        .collect();
    assert_eq!(told, [("sse", false), ("short-poll", true), ("short-poll", false)]);
    let first = map.cells[0].forecast.as_ref().unwrap();
    assert!((first.times - 1000.0 / 600.0).abs() < 1e-9 && first.is_clear(), "{first:?}");
    let tested: Vec<bool> = map.cells.iter().map(Cell::is_tested).collect();
    assert_eq!(tested, [true, false, true], "what closed forms start from tests none");
    assert!(!map.cells.iter().any(Cell::is_contradicted), "{map:?}");
    // In total, polls every 4 s take more than the stream: other than their causes say.
    let value = Figure::Value(1e6);
    cases[1].figures.get_mut("wire_bytes_per_s").unwrap().value = value;
    cases[1].by_block.insert("wire_bytes_per_s", (1..=8).map(|block| (block, value)).collect());
    let (map, _) = wire(&cases, &planned);
    assert!(map.cells[1].decided() != Decided::No && map.cells[1].contenders() == ["sse"]);
    assert!(!map.cells[1].is_contradicted(), "it is what they start from: {map:?}");
    cases[1].figures.remove("idle_wire_bytes_per_client_s");
    let (map, _) = wire(&cases, &planned);
    assert!(
        map.cells.iter().all(|cell| cell.forecast.is_none()),
        "without an idle phase there is none"
    );
}

#[test]
fn what_noise_hides_is_not_shown_and_what_was_measured_once_has_no_interval() {
    // 4 s: 400 against 600; blocks of the stream vary by 60 %.
    let (cases, planned) = polls_and_stream(&[1, 4], 8, 0.6);
    let (map, found) = wire(&cases, &planned);
    assert!(found.is_empty() || map.cells[0].decided() != Decided::No, "{found:?}");
    assert!(matches!(map.cells[1].ranking.as_ref().unwrap().claim, Claim::NotShown(..)), "{map:?}");
    let (cases, planned) = polls_and_stream(&[1, 4], 1, 0.0);
    let (map, found) = wire(&cases, &planned);
    assert!(
        matches!(map.cells[0].ranking.as_ref().unwrap().claim, Claim::Repeatable(..)),
        "{map:?}"
    );
    assert!(found[0].interval.is_none());
}

#[test]
fn a_point_without_measurements_is_undecided_and_a_bound_has_no_factor() {
    let mut cell = Cell { at: vec![1.0], ranking: None, only: None, forecast: None };
    assert_eq!((cell.decided(), cell.contenders()), (Decided::No, vec![]));
    cell.only = Some("sse".to_owned());
    assert_eq!((cell.decided(), cell.contenders()), (Decided::Shown, vec!["sse"]));
    let (mut cases, planned) = polls_and_stream(&[1, 4], 8, 0.01);
    let (map, _) = wire(&cases, &planned);
    assert!((map.cells[0].times().unwrap() - 1000.0 / 600.0).abs() < 1e-9);
    cases[0].figures.get_mut("wire_bytes_per_s").unwrap().value = Figure::MoreThan(3e4);
    let (map, _) = wire(&cases, &planned);
    assert_eq!((map.cells[0].contenders(), map.cells[0].times()), (vec!["sse"], None));
}

#[test]
fn closed_forms_are_of_polls_by_the_clock_alone() {
    use crate::pace::PollPace::{AfterResponse, FixedRate};
    let (cases, mut planned) = polls_and_stream(&[1, 4], 8, 0.0);
    for (jitter, cache, pace, forecast) in [
        (0.0, false, FixedRate, true),
        (0.5, false, FixedRate, false),
        (0.0, true, FixedRate, false),
        (0.0, false, AfterResponse, false),
    ] {
        for case in &mut planned {
            if let Pattern::ShortPoll(options) = &mut case.pattern {
                (options.jitter, options.cache, options.pace) = (jitter, cache, pace);
            }
        }
        assert_eq!(expected_p50_ns(&planned[0]).is_some(), forecast, "{jitter} {cache} {pace:?}");
        for map in maps(&Sweep::of(&cases), &cases, &planned) {
            let is_forecast = map.cells.iter().any(|cell| cell.forecast.is_some());
            let about = matches!(map.by, Axis::Freshness | Axis::Wire);
            assert!(!about || is_forecast == forecast, "{jitter} {cache} {pace:?}: {map:?}");
        }
    }
}

#[test]
fn polls_are_half_an_interval_old() {
    let (cases, planned) = polls_and_stream(&[1, 4], 2, 0.0);
    assert_eq!(
        planned.iter().map(expected_p50_ns).collect::<Vec<_>>(),
        [Some(5e8), Some(2e9), None]
    );
    let sweep = Sweep::of(&cases);
    let map =
        maps(&sweep, &cases, &planned).into_iter().find(|map| map.by == Axis::Freshness).unwrap();
    let told = |cell: &Cell| {
        let forecast = cell.forecast.as_ref().unwrap();
        (forecast.case.clone(), forecast.polls.unwrap())
    };
    let [near, far] = [told(&map.cells[0]), told(&map.cells[1])];
    // Made-up polls are all half a second old, and so miss what theory says of four seconds.
    assert_eq!(near, ("sse".to_owned(), Polls { p50_ns: 5e8, is_missed: false }));
    assert_eq!(far, ("sse".to_owned(), Polls { p50_ns: 2e9, is_missed: true }));
    assert!(map.cells[1].is_contradicted() && !map.cells[0].is_contradicted());
}
