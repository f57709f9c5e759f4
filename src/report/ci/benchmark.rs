//! Figures as github-action-benchmark reads them with `tool: customSmallerIsBetter`.

use serde_json::{Value, json};

use super::{CiReport, line};

/// Renders the figures of reports as one array.
pub fn benchmark(reports: &[CiReport]) -> String {
    let several = reports.len() > 1;
    let entries = reports.iter().flat_map(|report| {
        report.figures.iter().filter(|figure| figure.value.is_finite()).map(move |figure| {
            let name = if several {
                format!("{}: {}", report.scenario, figure.name)
            } else {
                figure.name.clone()
            };
            let mut entry = json!({
                "name": line(&name),
                "unit": figure.unit,
                "value": figure.value,
                "extra": line(&format!("{}, {}", report.title(), report.started_utc)),
            });
            if let (Some(range), Some(entry)) = (&figure.range, entry.as_object_mut()) {
                entry.insert("range".to_owned(), line(range).into());
            }
            entry
        })
    });
    let array = Value::Array(entries.collect());
    // Numbers and strings alone: it always can be written.
    let mut text = serde_json::to_string_pretty(&array).unwrap_or_else(|_| "[]".to_owned());
    text.push('\n');
    text
}
