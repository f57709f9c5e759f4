//! From the file as written to the scenario: defaults, axes expanded into cases, every bound checked.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::conditions;
use super::error::{InvalidKey, ScenarioError, require};
use super::faults::{self, FaultsFile};
use super::file::{File, PER_CLIENT, PhasesFile, TargetFile, Topics, WorkloadFile};
use super::options::pattern;
use super::prices;
use super::read::read;
use super::sweep::{self, Axis, Point, Section};
use super::transport::{self, TransportFile};
use super::tree::{Node, Place, Table, Value};
use super::{
    Case, Limits, Outbox, Pattern, PatternKind, Phases, Scenario, TargetOptions, WebhookOptions,
    WorkerOptions, Workload, check,
};
use crate::unit::{ByteSize, Count, Rate, Span};

/// Most cases of a scenario: more is a mistyped sweep.
const MOST_CASES: u64 = 1_000;
/// Most trials of a run.
const MOST_TRIALS: u64 = 10_000;
/// Links that are opened in a second unless the file says otherwise.
const CONNECTS_PER_S: u64 = 2_000;

/// The scenario that `root`, the tree of `file`, describes; `name` is its name unless it has one.
pub(super) fn scenario(file: &str, name: &str, root: &Table) -> Result<Scenario, ScenarioError> {
    let written: File = read(file, "", root)?;
    let patterns = patterns(file, root, &written)?;
    let axes = sweep::axes(file, root)?;
    no_idle_faults(file, root, &patterns, &axes)?;
    let located = |refusal: InvalidKey| {
        ScenarioError::refused(file, &root.place(&refusal.key), refusal.message)
    };
    let head = head(name, &written).map_err(located)?;
    let drafts = drafts(file, root, &patterns, &axes)?;
    let all = drafts.len() as u64 * u64::from(head.trials);
    require(all <= MOST_TRIALS, "trials", || {
        format!(
            "trials = {}: {all} over all cases exceed the limit of {MOST_TRIALS}; lower it",
            head.trials
        )
    })
    .map_err(located)?;
    let phases = phases(written.phases.as_ref(), &drafts);
    check::phases(&phases).map_err(located)?;
    for Draft { case, sections } in &drafts {
        let checked = check::case(case, &phases, head.target.ring);
        let most = head.target.max_concurrent_streams;
        checked.and_then(|()| transport::check(case, most)).map_err(|refusal| {
            let place = match sections.place(&refusal.key) {
                Place::File => root.place(&refusal.key),
                place => place,
            };
            ScenarioError::refused(file, &place, refusal.message)
        })?;
    }
    let cases = drafts.into_iter().map(|draft| draft.case).collect();
    Ok(Scenario { phases, cases, ..head })
}

fn patterns(file: &str, root: &Table, written: &File) -> Result<Vec<PatternKind>, ScenarioError> {
    let patterns = written.patterns.clone().unwrap_or_default();
    let place = root.place("patterns");
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

/// Everything but the cases and the phases.
fn head(name: &str, written: &File) -> Result<Scenario, InvalidKey> {
    let question = written.question.as_deref().unwrap_or_default().trim();
    require(!question.is_empty(), "question", || {
        "question: missing; state what the scenario answers: question = \"…\"".to_owned()
    })?;
    let name = written.name.as_deref().map_or(name, str::trim).to_owned();
    require(!name.is_empty() && !name.chars().any(char::is_control), "name", || {
        "name: must be one non-empty line; write name = \"…\", or remove it to use the file's name"
            .to_owned()
    })?;
    let objectives = written.objectives.clone().unwrap_or_default();
    require(objectives.iter().all(|text| !text.trim().is_empty()), "objectives", || {
        "objectives: one is empty; write \"reach >= 1\", or remove it".to_owned()
    })?;
    require(
        written.abort_when.as_ref().is_none_or(|text| !text.trim().is_empty()),
        "abort_when",
        || "abort_when: empty; write \"errors_rate > 20% for 5s\", or remove it".to_owned(),
    )?;
    let (target, worker) = (written.target.as_ref(), written.worker.as_ref());
    let few = |count: Option<Count>, key| count.map(|n| small(n, key, 1_024)).transpose();
    let samples = worker.and_then(|worker| worker.samples).map_or(0, Count::get);
    check::samples(samples)?;
    let usual = TargetOptions::default();
    let ring = target.and_then(|target| target.ring).map_or(usual.ring, Count::get);
    let send_buffer = target.and_then(|t| t.send_buffer).unwrap_or(usual.send_buffer);
    check::target(send_buffer)?;
    require((1..=100_000_000).contains(&ring), "target.ring", || {
        format!("target.ring = {ring}: must be between 1 and 100000000")
    })?;
    Ok(Scenario {
        name,
        question: question.to_owned(),
        seed: written.seed.unwrap_or(1),
        trials: small(written.trials.unwrap_or(Count::new(3)), "trials", 1_000)?,
        profile: written.profile,
        floor: written.floor.unwrap_or(true),
        phases: Phases::default(),
        target: TargetOptions {
            shards: few(target.and_then(|target| target.shards), "target.shards")?,
            ring,
            max_concurrent_streams: few(
                target.and_then(|target| target.max_concurrent_streams),
                "target.max_concurrent_streams",
            )?
            .unwrap_or(usual.max_concurrent_streams),
            limits: limits(target)?,
            send_buffer,
            write_timeout: target.and_then(|t| t.write_timeout).unwrap_or(usual.write_timeout),
        },
        worker: WorkerOptions {
            processes: few(worker.and_then(|worker| worker.processes), "worker.processes")?,
            shards: few(worker.and_then(|worker| worker.shards), "worker.shards")?,
            spin: worker.and_then(|worker| worker.spin).unwrap_or_default(),
            samples: samples as u32,
        },
        cases: Vec::new(),
        objectives,
        abort_when: written.abort_when.clone(),
        prices: prices::resolve(written.prices.as_ref())?,
    })
}

/// What the target lets in at once.
fn limits(written: Option<&TargetFile>) -> Result<Limits, InvalidKey> {
    let limit = |count: Option<Count>, key: &str| {
        let limit = count.map(Count::get);
        require(limit != Some(0), key, || {
            format!("{key} = 0: would admit nothing; raise it, or remove it for no limit")
        })?;
        Ok(limit)
    };
    Ok(Limits {
        requests_per_s: limit(written.and_then(|w| w.requests_per_s), "target.requests_per_s")?,
        connections: limit(written.and_then(|w| w.connections), "target.connections")?,
    })
}

/// A case, and the tables it was read from, to locate what is wrong with it.
struct Draft {
    case: Case,
    sections: Table,
}

fn drafts(
    file: &str,
    root: &Table,
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
            let draft = draft(file, root, kind, &point)?;
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
    kind: PatternKind,
    point: &Point<'_>,
) -> Result<Draft, ScenarioError> {
    let mut workload = root.table("workload").cloned().unwrap_or_default();
    let mut options = root.table(kind.name()).cloned().unwrap_or_default();
    let mut transport = root.table(Section::Transport.name()).cloned().unwrap_or_default();
    let mut faults = root.table(Section::Faults.name()).cloned().unwrap_or_default();
    let mut conditions = conditions::TABLES.map(|name| (name, root.table(name).cloned()));
    for (axis, node) in point {
        let table = match axis.of {
            Section::Workload => &mut workload,
            Section::Transport => &mut transport,
            Section::Faults => &mut faults,
            Section::Pattern(_) => &mut options,
            Section::Conditions(name) => {
                let Some((_, table)) = conditions.iter_mut().find(|(other, _)| *other == name)
                else {
                    continue;
                };
                table.get_or_insert_default()
            }
        };
        table.set(&axis.key, (*node).clone());
    }
    let written = read(file, "workload", &workload)?;
    let section = |name: &str, table: &Table| {
        (name.to_owned(), Node { place: root.place(name), value: Value::Table(table.clone()) })
    };
    let mut sections = vec![
        section("workload", &workload),
        section(Section::Transport.name(), &transport),
        section(kind.name(), &options),
        section(Section::Faults.name(), &faults),
    ];
    let given = conditions.iter().filter_map(|(name, table)| Some((*name, table.as_ref()?)));
    sections.extend(given.map(|(name, table)| section(name, table)));
    let sections = Table(sections);
    let located = |refusal: InvalidKey| {
        ScenarioError::refused(file, &sections.place(&refusal.key), refusal.message)
    };
    let workload = resolve_workload(kind, &written).map_err(located)?;
    let pattern = pattern(file, kind, &options, &workload, &located)?;
    let transport: TransportFile = read(file, Section::Transport.name(), &transport)?;
    let transport = transport::resolve(&transport).map_err(located)?;
    let faults: FaultsFile = read(file, Section::Faults.name(), &faults)?;
    let faults = faults::resolve(&faults).map_err(located)?.bearing_on(kind);
    let [(_, reconnect), (_, restart), (_, consumers), (_, network)] = &conditions;
    let none = Table::default();
    let written = conditions::Written {
        reconnect: read(file, "reconnect", reconnect.as_ref().unwrap_or(&none))?,
        restart: restart.as_ref().map(|table| read(file, "restart", table)).transpose()?,
        consumers: read(file, "consumers", consumers.as_ref().unwrap_or(&none))?,
        network: read(file, "network", network.as_ref().unwrap_or(&none))?,
    };
    let conditions = conditions::resolve(kind, &written).map_err(located)?;
    let mut case = Case { id: String::new(), pattern, workload, transport, faults, conditions };
    case.id = id(point, &case);
    Ok(Draft { case, sections })
}

/// Refuses a fault that none of the patterns would show.
fn no_idle_faults(
    file: &str,
    root: &Table,
    patterns: &[PatternKind],
    axes: &[Axis],
) -> Result<(), ScenarioError> {
    let fixed = root.table(Section::Faults.name()).map_or(&[][..], |table| &table.0);
    let fixed = fixed.iter().map(|(key, node)| (key, Some(node)));
    let swept = axes.iter().filter(|axis| axis.of == Section::Faults);
    let swept = swept.map(|axis| (&axis.key, axis.values.first()));
    for (key, node) in fixed.chain(swept) {
        if let Some(message) = faults::idle(key, patterns) {
            let place = node.map_or(Place::File, |node| node.place.clone());
            return Err(ScenarioError::refused(file, &place, message));
        }
    }
    Ok(())
}

fn resolve_workload(kind: PatternKind, written: &WorkloadFile) -> Result<Workload, InvalidKey> {
    let missing = |key: &str, example: &str| InvalidKey {
        key: key.to_owned(),
        message: format!("{key} is missing; write {example} in [workload], or sweep it"),
    };
    let clients =
        written.clients.ok_or_else(|| missing("workload.clients", "clients = 1000"))?.get();
    let rate = match written.rate {
        // Without consumers of events none are published, so that they cost nothing beside the requests.
        _ if !kind.delivers() => Rate::per_second(0.0),
        rate => rate.ok_or_else(|| missing("workload.rate", "rate = \"5/s\""))?,
    };
    let topics = match written.topics.unwrap_or(Topics::Of(1)) {
        Topics::Of(n) => n,
        Topics::PerClient => clients,
    };
    let workload = Workload {
        clients,
        topics,
        rate,
        arrivals: written.arrivals.unwrap_or_default(),
        payload: written.payload.unwrap_or(ByteSize::new(128)),
        payload_kind: written.payload_kind.unwrap_or_default(),
        late_after: written.late_after.unwrap_or(Span::from_secs(5)),
        churn: written.churn.filter(|_| kind.delivers()).unwrap_or(Rate::per_second(0.0)),
        publish: written.publish.filter(|_| kind.delivers()).unwrap_or_default(),
    };
    check::workload(&workload).map(|()| workload)
}

/// Phases that every case can live with.
fn phases(written: Option<&PhasesFile>, drafts: &[Draft]) -> Phases {
    let most_clients = drafts.iter().map(|draft| draft.case.workload.clients).max().unwrap_or(0);
    let longest_poll = drafts.iter().map(|draft| match &draft.case.pattern {
        Pattern::ShortPoll(options) => options.longest_wait(),
        Pattern::LongPoll(options) => options.gap,
        _ => Span::default(),
    });
    let longest_poll_ns = longest_poll.max().unwrap_or_default().ns();
    let connect_ms = most_clients.saturating_mul(1_000) / CONNECTS_PER_S;
    let delivers = drafts.iter().any(|draft| draft.case.pattern.kind().delivers());
    let none = PhasesFile::default();
    let PhasesFile { connect, idle, warmup, measure, drain } = written.unwrap_or(&none);
    Phases {
        connect: connect.unwrap_or(Span::from_ms(connect_ms.max(500))),
        // Requests without news are all that their clients cost, but for what a link costs.
        idle: idle.unwrap_or(if delivers { Span::from_ms(500) } else { Span::default() }),
        warmup: warmup.unwrap_or(Span::from_secs(3)),
        measure: measure.unwrap_or(Span::from_secs(10)),
        drain: drain.unwrap_or(Span::from_ns(longest_poll_ns.saturating_mul(2).max(5_000_000_000))),
    }
}

/// The pattern, then `:axis=value` for every axis that applies: no spaces, no commas.
fn id(point: &Point<'_>, case: &Case) -> String {
    let kind = case.pattern.kind();
    let mut id = kind.name().to_owned();
    for (axis, node) in point {
        // The resolved value is printed, so that 1000 and "1k" are one case.
        let label = match (&node.value, axis.of) {
            (Value::Text(text), Section::Workload) if text == PER_CLIENT => text.clone(),
            (_, Section::Workload) => label(&serde_json::json!(case.workload)[&axis.key]),
            (_, Section::Transport) => label(&serde_json::json!(case.transport)[&axis.key]),
            (_, Section::Faults) => case.faults.value(&axis.key).unwrap_or_default(),
            (_, Section::Pattern(_)) => {
                label(&serde_json::json!(case.pattern)[kind.name()][&axis.key])
            }
            (_, Section::Conditions(table)) => {
                label(&serde_json::json!(case.conditions)[table][&axis.key])
            }
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

fn small(count: Count, key: &str, most: u32) -> Result<u32, InvalidKey> {
    let n = count.get();
    require((1..=u64::from(most)).contains(&n), key, || {
        format!("{key} = {n}: must be between 1 and {most}")
    })?;
    Ok(n as u32)
}
