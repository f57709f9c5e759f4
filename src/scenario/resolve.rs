//! From the file as written to the scenario: defaults, axes expanded into cases, every bound checked.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde::de::IgnoredAny;
use serde_json::Value as Json;

use super::conditions;
use super::error::{InvalidKey, ScenarioError, require};
use super::faults::{self, FaultsFile};
use super::file::File;
use super::keys::{self, FAULTS, ROOT, SWEEP, Section, TARGET};
use super::options::pattern;
use super::prices;
use super::read::{known, read, value};
use super::sweep::{self, Axis, Point};
use super::tree::{Node, Place, Table, Value};
use super::workload::{self, PER_CLIENT, WORKLOAD};
use super::{
    Case, External, GateOptions, Outbox, Pattern, PatternKind, Phases, Prices, Publish, Scenario,
    TargetOptions, WebhookOptions, WorkerOptions, check, target, transport,
};
use crate::unit::Span;

/// Most cases of a scenario: more is a mistyped sweep.
const MOST_CASES: u64 = 1_000;
/// Most trials of a run.
const MOST_TRIALS: u64 = 10_000;
/// Links that are opened in a second unless the file says otherwise.
const CONNECTS_PER_S: u64 = 2_000;

/// The scenario that `root`, the tree of `file`, describes; `name` is its name unless it has one.
/// Paths in it are relative to `folder`.
pub(super) fn scenario(
    file: &str,
    name: &str,
    folder: &Path,
    mut root: Table,
) -> Result<Scenario, ScenarioError> {
    let written = top_level(file, &root)?;
    let server = target::read(file, folder, &mut root)?;
    let (root, external) = (&root, server.external.as_deref());
    let located = |refusal: InvalidKey| {
        ScenarioError::refused(file, &root.place(&refusal.key), refusal.message)
    };
    readable(file, root, &located)?;
    // Its keys are the other tables' keys, which `sweep` knows: here only what no key could be is refused.
    root.get(SWEEP).map(|node| value::<IgnoredAny>(file, SWEEP, node)).transpose()?;
    let patterns = patterns(file, root, &written, external)?;
    let axes = sweep::axes(file, root)?;
    if let Some(external) = external {
        target::check_fit(file, root, &axes, external)?;
        target::complete(file, root, external, &patterns)?;
        target::schemes(file, root, external, &patterns)?;
    }
    no_idle_faults(file, root, &patterns, &axes)?;
    keys::check(&ROOT, root).map_err(located)?;
    let head = Scenario {
        target: server.options,
        worker: read(file, "worker", root.of("worker"))?,
        prices: prices::read(file, root.of("prices"))?,
        gate: read(file, "gate", root.of("gate"))?,
        ..head(name, written).map_err(located)?
    };
    let drafts = drafts(file, root, external, &patterns, &axes)?;
    let all = drafts.len() as u64 * u64::from(head.trials);
    require(all <= MOST_TRIALS, "trials", || {
        format!(
            "trials = {}: {all} over all cases exceed the limit of {MOST_TRIALS}; lower it",
            head.trials
        )
    })
    .map_err(located)?;
    let phases = phases(file, root.of("phases"), &drafts)?;
    check::phases(&phases).map_err(located)?;
    check::worker(&head.worker).map_err(located)?;
    for Draft { case, tables } in &drafts {
        // What only the built-in server has bounds nothing elsewhere.
        let (ring, most) = match external {
            None => (Some(head.target.ring), head.target.max_concurrent_streams),
            Some(_) => (None, u32::MAX),
        };
        let checked = check::case(case, &phases, ring);
        let checked = checked.and_then(|()| match external {
            Some(external)
                if case.pattern.kind().delivers() && case.workload.publish != Publish::Nobody =>
            {
                target::events(&case.workload, &phases, external)
            }
            _ => Ok(()),
        });
        checked.and_then(|()| transport::check(case, most)).map_err(|refusal| {
            let place = match tables.place(&refusal.key) {
                Place::File => root.place(&refusal.key),
                place => place,
            };
            ScenarioError::refused(file, &place, refusal.message)
        })?;
    }
    let cases = drafts.into_iter().map(|draft| draft.case).collect();
    Ok(Scenario { phases, cases, external: server.external, ..head })
}

/// The top level, without its tables.
fn top_level(file: &str, root: &Table) -> Result<File, ScenarioError> {
    known(file, ROOT.name, &ROOT.names(), root)?;
    let is_key = |(name, _): &&(String, Node)| ROOT.key(name).is_some();
    read(file, ROOT.name, &Table(root.0.iter().filter(is_key).cloned().collect()))
}

/// Refuses what cannot be read of the tables in `tables`, or lies out of the bounds of its key.
fn readable(
    file: &str,
    tables: &Table,
    located: &dyn Fn(InvalidKey) -> ScenarioError,
) -> Result<(), ScenarioError> {
    for (name, node) in tables.0.iter().filter(|(name, _)| name != SWEEP && name != TARGET.name) {
        let Some(section) = keys::section(name) else { continue };
        let Value::Table(table) = &node.value else {
            let names = section.names().join(", ");
            let message = format!("{name}: is a table; its keys are {names}");
            return Err(ScenarioError::refused(file, &node.place, message));
        };
        (section.form.read)(file, name, table)?;
        keys::check(section, table).map_err(located)?;
    }
    Ok(())
}

fn patterns(
    file: &str,
    root: &Table,
    written: &File,
    external: Option<&External>,
) -> Result<Vec<PatternKind>, ScenarioError> {
    let mut patterns = written.patterns.clone();
    let place = root.place("patterns");
    if let Some(external) = external {
        patterns = target::patterns(file, root, external, &patterns)?;
    }
    if patterns.is_empty() {
        let all = PatternKind::ALL.map(PatternKind::name).join("\", \"");
        let message =
            format!("patterns: the list is empty; write patterns = [\"{all}\"], or some of them");
        return Err(ScenarioError::refused(file, &place, message));
    }
    match patterns.iter().enumerate().find(|(n, kind)| patterns[..*n].contains(kind)) {
        None => Ok(patterns),
        Some((_, twice)) => {
            let message = format!("patterns: '{}' is listed twice; remove one", twice.name());
            Err(ScenarioError::refused(file, &place, message))
        }
    }
}

/// Everything that the top level says.
fn head(name: &str, written: File) -> Result<Scenario, InvalidKey> {
    let question = written.question.trim();
    require(!question.is_empty(), "question", || {
        "question: missing; state what the scenario answers: question = \"…\"".to_owned()
    })?;
    let name = written.name.as_deref().map_or(name, str::trim).to_owned();
    require(!name.is_empty() && !name.chars().any(char::is_control), "name", || {
        "name: must be one non-empty line; write name = \"…\", or remove it to use the file's name"
            .to_owned()
    })?;
    require(written.objectives.iter().all(|text| !text.trim().is_empty()), "objectives", || {
        "objectives: one is empty; write \"reach >= 1\", or remove it".to_owned()
    })?;
    require(
        written.abort_when.as_ref().is_none_or(|text| !text.trim().is_empty()),
        "abort_when",
        || "abort_when: empty; write \"errors_rate > 20% for 5s\", or remove it".to_owned(),
    )?;
    Ok(Scenario {
        name,
        question: question.to_owned(),
        seed: written.seed,
        trials: written.trials,
        profile: written.profile,
        floor: written.floor,
        phases: Phases::default(),
        target: TargetOptions::default(),
        external: None,
        worker: WorkerOptions::default(),
        cases: Vec::new(),
        objectives: written.objectives,
        abort_when: written.abort_when,
        prices: Prices::default(),
        gate: GateOptions::default(),
    })
}

/// A case, and the tables it was read from, to locate what is wrong with it.
struct Draft {
    case: Case,
    tables: Table,
}

fn drafts(
    file: &str,
    root: &Table,
    external: Option<&External>,
    patterns: &[PatternKind],
    axes: &[Axis],
) -> Result<Vec<Draft>, ScenarioError> {
    let size = patterns.iter().fold(0, |n: u64, &kind| n.saturating_add(sweep::size(kind, axes)));
    if size > MOST_CASES {
        let message = format!(
            "sweep: {size} cases exceed the limit of {MOST_CASES}; shorten or remove an axis"
        );
        return Err(ScenarioError::refused(file, &root.place("sweep"), message));
    }
    let mut seen = BTreeSet::new();
    let mut drafts = Vec::new();
    for &kind in patterns {
        for point in sweep::points(kind, axes) {
            let draft = draft(file, root, external, kind, &point)?;
            let id = &draft.case.id;
            if !seen.insert(id.clone()) {
                let place = point.last().map_or(Place::File, |(_, node)| node.place.clone());
                let message =
                    format!("sweep: case '{id}' is listed twice; remove one of its values");
                return Err(ScenarioError::refused(file, &place, message));
            }
            drafts.push(draft);
        }
    }
    Ok(drafts)
}

fn draft(
    file: &str,
    root: &Table,
    external: Option<&External>,
    kind: PatternKind,
    point: &Point<'_>,
) -> Result<Draft, ScenarioError> {
    let tables = tables(root, kind, point);
    let located = |refusal: InvalidKey| {
        ScenarioError::refused(file, &tables.place(&refusal.key), refusal.message)
    };
    readable(file, &tables, &located)?;
    for (section, table) in sections(kind).map(|section| (section, tables.table(section.name))) {
        // A table that is not there lacks nothing, but for that of the load.
        let table = table.or((section.name == WORKLOAD).then(Table::none));
        table.map_or(Ok(()), |table| keys::complete(section, kind, table)).map_err(located)?;
    }
    let mut workload = workload::resolve(file, kind, tables.of(WORKLOAD))?;
    if external.is_some() {
        target::publish(&mut workload, tables.of(WORKLOAD), kind).map_err(located)?;
    }
    check::workload(&workload).map_err(located)?;
    let mut pattern = pattern(file, kind, tables.of(kind.name()), &workload, &located)?;
    if let Some(external) = external {
        target::fit_options(&mut pattern, tables.of(kind.name()), external).map_err(located)?;
    }
    let transport = read(file, "transport", tables.of("transport"))?;
    let faults: FaultsFile = read(file, FAULTS.name, tables.of(FAULTS.name))?;
    let faults = faults::resolve(&faults).map_err(located)?.bearing_on(kind);
    let conditions = conditions::resolve(file, kind, &tables)?;
    let mut case = Case { id: String::new(), pattern, workload, transport, faults, conditions };
    case.id = id(point, &case);
    Ok(Draft { case, tables })
}

/// The tables that a case of `kind` is read from.
fn sections(kind: PatternKind) -> impl Iterator<Item = &'static Section> {
    let others = move |name| PatternKind::from_name(name).is_some_and(|other| other != kind);
    keys::swept().filter(move |section| !others(section.name))
}

/// Those tables, with the values of `point` in them.
fn tables(root: &Table, kind: PatternKind, point: &Point<'_>) -> Table {
    let written = sections(kind).filter_map(|section| {
        root.get(section.name).map(|node| (section.name.to_owned(), node.clone()))
    });
    let mut tables = Table(written.collect());
    for (axis, node) in point {
        tables.within(axis.of.name).set(&axis.key, (*node).clone());
    }
    tables
}

/// Refuses a fault that none of the patterns would show.
fn no_idle_faults(
    file: &str,
    root: &Table,
    patterns: &[PatternKind],
    axes: &[Axis],
) -> Result<(), ScenarioError> {
    let fixed = root.table(FAULTS.name).map_or(&[][..], |table| &table.0);
    let fixed = fixed.iter().map(|(key, node)| (key, Some(node)));
    let swept = axes.iter().filter(|axis| axis.of.name == FAULTS.name);
    let swept = swept.map(|axis| (&axis.key, axis.values.first()));
    for (key, node) in fixed.chain(swept) {
        if let Some(message) = faults::idle(key, patterns) {
            let place = node.map_or(Place::File, |node| node.place.clone());
            return Err(ScenarioError::refused(file, &place, message));
        }
    }
    Ok(())
}

/// Phases that every case can live with.
fn phases(file: &str, table: &Table, drafts: &[Draft]) -> Result<Phases, ScenarioError> {
    let most_clients = drafts.iter().map(|draft| draft.case.workload.clients).max().unwrap_or(0);
    let longest_poll = drafts.iter().map(|draft| match &draft.case.pattern {
        Pattern::ShortPoll(options) => options.longest_wait(),
        Pattern::LongPoll(options) => options.gap,
        _ => Span::default(),
    });
    let longest_poll_ns = longest_poll.max().unwrap_or_default().ns();
    let connect_ms = most_clients.saturating_mul(1_000) / CONNECTS_PER_S;
    let mut phases: Phases = read(file, "phases", table)?;
    // Requests without news are all that their clients cost, but for what a link costs.
    if table.get("idle").is_none() {
        let delivers = drafts.iter().any(|draft| draft.case.pattern.kind().delivers());
        phases.idle = if delivers { Phases::default().idle } else { Span::default() };
    }
    if table.get("connect").is_none() {
        phases.connect = phases.connect.max(Span::from_ms(connect_ms));
    }
    if table.get("drain").is_none() {
        phases.drain = phases.drain.max(Span::from_ns(longest_poll_ns.saturating_mul(2)));
    }
    Ok(phases)
}

/// The pattern, then `:axis=value` for every axis that applies: no spaces, no commas.
fn id(point: &Point<'_>, case: &Case) -> String {
    let kind = case.pattern.kind();
    let mut id = kind.name().to_owned();
    for (axis, node) in point {
        // The resolved value is printed, so that 1000 and "1k" are one case.
        let label = match (axis.of.name, &node.value) {
            (WORKLOAD, Value::Text(text)) if text == PER_CLIENT => text.clone(),
            (WORKLOAD, _) => label(&serde_json::json!(case.workload)[&axis.key]),
            ("transport", _) => label(&serde_json::json!(case.transport)[&axis.key]),
            ("faults", _) => case.faults.value(&axis.key).unwrap_or_default(),
            (name, _) if name == kind.name() => {
                label(&serde_json::json!(case.pattern)[name][&axis.key])
            }
            (name, _) => label(&serde_json::json!(case.conditions)[name][&axis.key]),
        };
        // A default that older runs did not have is not written.
        let label = match &node.value {
            Value::Text(text) if label == "null" => text.clone(),
            _ => label,
        };
        let _ = write!(id, ":{}={label}", axis.key);
    }
    // The durable arm of webhooks answers another question: its name is said whether it is swept or fixed.
    if let Pattern::Webhook(WebhookOptions { outbox: outbox @ Outbox::Durable, .. }) = case.pattern
        && !point.iter().any(|(axis, _)| axis.key == "outbox")
    {
        let _ = write!(id, ":outbox={}", outbox.name());
    }
    id
}

fn label(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Object(shares) => {
            let named = shares.iter().filter(|(_, share)| *share != 0);
            let named = named.map(|(key, share)| format!("{key}{}", label(share)));
            let named = named.collect::<Vec<_>>().join("-");
            if named.is_empty() { "none".to_owned() } else { named }
        }
        other => other.to_string(),
    }
}
