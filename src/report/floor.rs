//! The noise floor, and the mark of figures that are close to it.

use super::View;
use super::document::{Cell, Table, left, right};
use super::group::printable;
use crate::judge::{CaseSummary, FLOOR_TIMES};
use crate::measure::Metric;
use crate::record::{Figure, FloorRecord, Verdict};
use crate::unit::{nanoseconds, significant};

/// Marks a figure that is close to its floor.
pub(super) const MARK: &str = "^";

/// The mark of a quantile of a case, `"p50"` or `"p99"`; none well above the floor, or without a known one.
pub(super) fn mark(case: &CaseSummary, quantile: &str) -> Option<&'static str> {
    case.floor.flags(quantile).then_some(MARK)
}

/// What the mark stands for, where a table has it.
pub(super) fn legend(view: &View) -> Option<String> {
    let marked =
        |case: &CaseSummary| ["p50", "p99"].iter().any(|quantile| case.floor.flags(quantile));
    view.findings.cases.iter().any(marked).then(|| {
        format!(
            "less than {}x the noise floor: mostly the harness and this machine, not the target.",
            significant(FLOOR_TIMES)
        )
    })
}

/// The known floors in one sentence, and one sentence per unknown floor.
pub(super) fn sentences(view: &View) -> Vec<String> {
    let floors = &view.run.floors;
    if floors.is_empty() {
        return vec!["No noise floor was measured.".to_owned()];
    }
    let told: Vec<String> = [Metric::Response, Metric::Freshness]
        .into_iter()
        .filter_map(|metric| {
            let known = |floor: &&FloorRecord| floor.metric == metric && known(floor);
            several(metric, &floors.iter().filter(known).collect::<Vec<_>>())
        })
        .collect();
    let mut sentences = Vec::new();
    if !told.is_empty() {
        sentences.push(format!(
            "Noise floor: {} (null target, same load: the share of harness and machine).",
            told.join("; ")
        ));
    }
    sentences.extend(floors.iter().filter(|floor| !known(floor)).map(|floor| unknown(view, floor)));
    sentences
}

fn known(floor: &FloorRecord) -> bool {
    floor.at("p50").is_some()
}

/// The floors of a metric; several as a range.
fn several(metric: Metric, floors: &[&FloorRecord]) -> Option<String> {
    let quantile = |quantile: &str| {
        let known = || floors.iter().filter_map(|floor| floor.at(quantile));
        let (least, most) = (known().reduce(f64::min)?, known().reduce(f64::max)?);
        let (least, most) = (nanoseconds(least), nanoseconds(most));
        Some(if least == most { least } else { format!("{least} to {most}") })
    };
    let p50 = quantile("p50")?;
    let p99 = quantile("p99").unwrap_or_else(|| "unknown".to_owned());
    let over = match floors.len() {
        1 => String::new(),
        n => format!(" over {n} workloads"),
    };
    let degraded = if floors.iter().any(|floor| floor.verdict != Verdict::Valid) {
        ", degraded: see floor.csv"
    } else {
        ""
    };
    Some(format!("{} p50 {p50}, p99 {p99}{over}{degraded}", metric.name()))
}

fn unknown(view: &View, floor: &FloorRecord) -> String {
    let more = match floor.cases.len().saturating_sub(1) {
        0 => String::new(),
        1 => " and 1 more case".to_owned(),
        more => format!(" and {more} more cases"),
    };
    let why = match floor.verdict_reasons.first() {
        Some(reason) if !floor.verdict.usable() => reason.clone(),
        _ => "too little arrived for a median".to_owned(),
    };
    format!(
        "Noise floor of {} ({}{more}): unknown. Its trial is {}: {}.",
        floor.metric.name(),
        floor.cases.first().map_or_else(|| "no case".to_owned(), |case| view.name(case)),
        floor.verdict,
        printable(&why)
    )
}

/// The table of floors, one row per floor.
pub(super) fn table(view: &View) -> Table {
    let figure = |figure: Option<Figure>| {
        figure.map_or_else(|| "-".to_owned(), |figure| figure.print(nanoseconds))
    };
    let row = |floor: &FloorRecord| {
        let quantiles = &floor.quantiles;
        let reasons = floor.verdict_reasons.join("; ");
        let verdict = if reasons.is_empty() {
            floor.verdict.to_string()
        } else {
            format!("{}: {reasons}", floor.verdict)
        };
        let cells = [
            floor.metric.name().to_owned(),
            floor.cases.iter().map(|case| view.name(case)).collect::<Vec<_>>().join(", "),
            format!("{} s", significant(floor.measure_s)),
            floor.ledger.map_or_else(|| "-".to_owned(), |ledger| ledger.delivered.to_string()),
            figure(quantiles.floor_ns_p50),
            figure(quantiles.floor_ns_p90),
            figure(quantiles.floor_ns_p99),
            verdict,
        ];
        cells.map(Cell::from).into()
    };
    let head = [
        left("floor of"),
        left("cases"),
        right("window"),
        right("n"),
        right("p50"),
        right("p90"),
        right("p99"),
        left("verdict"),
    ];
    Table::new(head.into(), view.run.floors.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::synthetic::{case, facts, info, scenario, write_run};
    use crate::record::{Run, Verdict};
    use crate::report::{chart, markdown, tables, text};
    use crate::scenario::PatternKind::{Request, Sse, WebSocket};

    /// A run of `sse` and `request` whose floors were made so by `change`.
    fn view(floors: &[(Metric, f64, f64, Verdict)]) -> View {
        let out = tempfile::tempdir().unwrap();
        let cases = vec![case(Sse, 60, ""), case(Request, 60, "")];
        let folder = write_run(out.path(), &info(scenario(cases, 3, &[])), |_| ());
        let mut run = Run::read(&folder).unwrap();
        for (metric, p50, p99, verdict) in floors {
            let (kind, of) = match metric {
                Response => (Request, "request"),
                _ => (WebSocket, "sse"),
            };
            let reasons =
                if *verdict == Verdict::Valid { vec![] } else { vec!["the worker | stood still"] };
            let facts = facts(&case(kind, 60, ""), 1);
            let mut floor = FloorRecord::new(&facts, vec![of.to_owned()], 0, *verdict, reasons);
            floor.quantiles.floor_ns_p50 = Some(Figure::Value(*p50));
            floor.quantiles.floor_ns_p99 = Some(Figure::Value(*p99));
            run.floors.push(floor);
        }
        View::new(run)
    }

    const TINY: f64 = 100.0;
    const HUGE: f64 = 1e9;
    use Metric::{Freshness, Response};

    #[test]
    fn figures_near_their_floor_are_marked_with_a_legend_and_others_are_not() {
        for (floors, marks, why) in [
            (vec![], 0, "no floor"),
            (vec![(Freshness, TINY, TINY, Verdict::Valid)], 0, "far above"),
            (vec![(Freshness, HUGE, HUGE, Verdict::Valid)], 2, "both of sse"),
            (vec![(Response, TINY, HUGE, Verdict::Valid)], 1, "the p99 of request"),
            (
                vec![
                    (Response, HUGE, HUGE, Verdict::Degraded),
                    (Freshness, HUGE, HUGE, Verdict::Valid),
                ],
                4,
                "all",
            ),
            (vec![(Freshness, HUGE, HUGE, Verdict::Invalid)], 0, "a spoilt floor flags nothing"),
        ] {
            let view = view(&floors);
            let text = text(&view, usize::MAX);
            let table = text.split("\n\n").nth(1).unwrap();
            let cells =
                table.split_whitespace().filter(|word| word.len() > 1 && word.contains(MARK));
            assert_eq!(cells.count(), marks, "{why}: {text}");
            assert_eq!(text.contains("^ less than 3x"), marks > 0, "{why}: {text}");
            let page = markdown::markdown(&view);
            assert_eq!(page.contains("^ less than 3×"), marks > 0, "{why}: {page}");
            assert_eq!(page.contains("## Noise floor"), !floors.is_empty(), "{why}");
        }
    }

    #[test]
    fn floors_are_told_in_one_sentence_and_failures_in_one_each() {
        for (floors, expected) in [
            (vec![], vec!["No noise floor was measured."]),
            (
                vec![
                    (Freshness, 101e3, 260e3, Verdict::Valid),
                    (Response, 92e3, 210e3, Verdict::Valid),
                ],
                vec![
                    "Noise floor: response p50 92 us, p99 210 us; freshness p50 101 us, p99 260 us (null target, \
                     same load: the share of harness and machine).",
                ],
            ),
            (
                vec![
                    (Freshness, 101e3, 260e3, Verdict::Valid),
                    (Freshness, 202e3, 260e3, Verdict::Degraded),
                    (Response, 92e3, 210e3, Verdict::Failed),
                ],
                vec![
                    "Noise floor: freshness p50 101 us to 202 us, p99 260 us over 2 workloads, degraded: see \
                     floor.csv (null target, same load: the share of harness and machine).",
                    "Noise floor of response (request): unknown. Its trial is failed: the worker / stood still.",
                ],
            ),
        ] {
            assert_eq!(sentences(&view(&floors)), expected);
        }
    }

    #[test]
    fn the_chart_of_percentiles_has_a_line_for_a_floor_that_is_known() {
        let shown = |floors: &[_]| {
            let chart = chart::chart("freshness-percentiles");
            let (svg, _) = chart.draw(&view(floors)).unwrap();
            String::from_utf8(svg).unwrap().contains("floor p50")
        };
        assert!(!shown(&[]));
        assert!(shown(&[(Freshness, 101e3, 260e3, Verdict::Valid)]));
        assert!(!shown(&[(Response, 101e3, 260e3, Verdict::Valid)]), "of another metric");
        assert!(!shown(&[(Freshness, 101e3, 260e3, Verdict::Invalid)]));
    }

    #[test]
    fn the_summary_has_the_ratios() {
        let rows = |floors: &[_]| {
            let bytes = tables::summary(&view(floors));
            let mut reader = csv::Reader::from_reader(bytes.as_slice());
            let head = reader.headers().unwrap().clone();
            let column = |name: &str| head.iter().position(|own| own == name).unwrap();
            let (p50, p99) = (column("floor_ratio_p50"), column("floor_ratio_p99"));
            let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
            rows.iter().map(|row| (row[p50].to_owned(), row[p99].to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(rows(&[]), vec![(String::new(), String::new()); 2], "not measured, not 0");
        let with = rows(&[(Freshness, 1e6, 1e6, Verdict::Valid)]);
        let view = view(&[]);
        let median = view.findings.cases[0].figure("freshness_ns_p50").unwrap().value.number();
        assert_eq!(with[0].0, (median / 1e6).to_string());
        assert!(!with[0].1.is_empty() && with[1].0.is_empty());
    }
}
