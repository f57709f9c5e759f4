//! A server of the user's own over a trial: launched or found, prepared and published to by a child of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Conductor;
use super::launch::{self, LaunchError, LaunchOptions, LogPlace, Servers};
use super::site::{Site, callback_port};
use super::target::FoundTarget;
use super::trial::{LAUNCH_NS, Trial, TrialAbort};
use crate::clock::{self, SECOND_NS};
use crate::control::{Access, Assignment, Captured, Order, Published, PublisherAssignment, Report};
use crate::measure::{Counter, Snapshot, Watched, listener};
use crate::net::tls::Credentials;
use crate::net::{Endpoint, Spread};
use crate::scenario::{
    Addresses, External, Pattern, Publish, Restart, Scenario, check_permission, check_secrets,
};

/// Longest wait for a server to be prepared, and for what is undone afterwards.
const SETUP_NS: u64 = 120 * SECOND_NS;

/// The server over a trial.
#[derive(Debug)]
pub(super) struct ExternalTarget {
    /// The processes that were started for it.
    servers: Option<Servers>,
    /// The processes whose CPU time and memory are its own.
    watched: Watched,
}

impl ExternalTarget {
    /// CPU time that it has used so far, in nanoseconds; `None` where it cannot be read.
    pub(super) fn cpu_ns(&self) -> Option<u64> {
        self.watched.cpu_ns()
    }

    /// Its memory now, in bytes; `None` where it cannot be read.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        self.watched.anonymous_memory_bytes()
    }

    /// Whether it must be looked at now and then, to see that its processes still run.
    pub(super) const fn is_launched(&self) -> bool {
        self.servers.is_some()
    }

    /// Why the trial cannot go on, if a process of it has ended.
    pub(super) fn ended(&mut self) -> Option<String> {
        self.servers.as_mut().and_then(|servers| servers.check().err())
    }
}

/// The process that listens where the server is, if that is on this host and can be seen.
fn found(endpoint: &Endpoint) -> Watched {
    let Some(address) = endpoint.addresses.first().filter(|_| endpoint.unix.is_none()) else {
        return Watched::Nothing;
    };
    // A port of another host may be taken on this one, too.
    let pid = address.ip().is_loopback().then(|| listener(*address)).flatten();
    pid.and_then(|pid| Watched::pid(pid).ok()).unwrap_or(Watched::Nothing)
}

impl Trial<'_> {
    /// Finds the target of the trial: starts it where it is a child, and whoever publishes to it.
    pub(super) fn find_target(&mut self) -> Result<FoundTarget, TrialAbort> {
        let external = self.conductor.plan.scenario.external.clone().filter(|_| !self.planned.null);
        let mut found = match external {
            None => self.launch_target()?,
            Some(external) => self.reach(&external)?,
        };
        let publishes = self.facts.case.workload.publish == Publish::Publisher;
        if found.access.is_some() || (publishes && !self.planned.null) {
            let captured = self.launch_publisher(&found)?;
            if let Some(access) = &mut found.access {
                access.captured = captured;
            }
        }
        Ok(found)
    }

    /// Starts the server where the scenario says how, and finds out where it is.
    fn reach(&mut self, external: &External) -> Result<FoundTarget, TrialAbort> {
        let failed = |reason: String| TrialAbort::Failed(reason);
        let case = &self.facts.case;
        let callback_port = match (&case.pattern, &external.dialect.webhook) {
            (Pattern::Webhook(_), Some(callback)) => callback_port(callback).map_err(failed)?,
            _ => None,
        };
        let site = Site::new(external, case.workload.topics, callback_port);
        let servers = match &external.launch[..] {
            [] => None,
            specs => Some(self.start(specs, &site)?),
        };
        let lookup = |name: &str| servers.as_ref().and_then(|servers| servers.lookup(name));
        let expand = |text: &str| site.expand(text, &lookup);
        let endpoints = endpoints(external, &expand).map_err(failed)?;
        permitted(external, &endpoints, self.conductor.yes_i_may).map_err(failed)?;
        let own = endpoints.get(case.pattern.kind().name()).or_else(|| endpoints.get(""));
        let watched = match (&servers, &external.process) {
            (_, Some(process)) => launch::watch(process, &expand).map_err(failed)?,
            (Some(servers), None) => servers.watched(),
            (None, None) if self.conductor.finds_process => own.map_or(Watched::Nothing, found),
            (None, None) => Watched::Nothing,
        };
        self.facts.case.transport.tls = own.is_some_and(|endpoint| endpoint.scheme.is_secure());
        self.external = Some(ExternalTarget { servers, watched });
        let access = Access {
            dialect: external.dialect.clone(),
            endpoints,
            cookies: external.reach.cookies,
            compression: external.reach.compression,
            run: run_number(),
            callback_port,
            captured: Vec::new(),
            trace: self.conductor.trace.clone(),
        };
        // Workers dial the endpoint; a built-in target is not there.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(FoundTarget { address, trust: None, access: Some(Box::new(access)) })
    }

    /// Starts the processes of the server.
    fn start(
        &self,
        specs: &[crate::dialect::launch::LaunchSpec],
        site: &Site<'_>,
    ) -> Result<Servers, TrialAbort> {
        let Conductor { executable, signals, results, .. } = self.conductor;
        let trial = format!("{}-{}", self.facts.case.id, self.facts.trial);
        let logs = results.as_deref().map(|folder| LogPlace { folder, trial: &trial });
        let interrupted = || signals.received().is_some();
        let options = LaunchOptions {
            executable,
            base: std::path::Path::new("."),
            logs,
            clients: self.facts.case.workload.clients,
            secrets: site.secrets(),
            expand: &|text, lookup| site.expand(text, lookup),
            interrupted: &interrupted,
        };
        Servers::start(specs, &options).map_err(|error| match (error, signals.received()) {
            (LaunchError::Interrupted, Some(signal)) => TrialAbort::Signal(signal),
            (error, _) => TrialAbort::Failed(error.to_string()),
        })
    }

    /// Starts the publisher, which prepares the target; returns what it captured on the way.
    fn launch_publisher(&mut self, found: &FoundTarget) -> Result<Vec<Captured>, TrialAbort> {
        let plan = self.conductor.plan;
        let case = &self.facts.case;
        let publishes =
            case.pattern.kind().delivers() && case.workload.publish == Publish::Publisher;
        let id = self.children.len();
        let assignment = PublisherAssignment {
            case: self.facts.case.clone(),
            target: found.address,
            trust: found.trust.clone(),
            access: found.access.clone(),
            phases: self.facts.phases,
            schedule: publishes.then(|| plan.schedule(self.planned)),
        };
        self.publisher = Some(id);
        self.launch("worker", "the publisher", Assignment::Publisher(assignment))?;
        let deadline = clock::now() + SETUP_NS;
        match self.next(deadline, "the target to be prepared")? {
            (from, Report::Prepared { captured }) if from == id => Ok(captured),
            (from, report) => Err(self.out_of_place(from, &report)),
        }
    }

    /// Tells the workers what became of events.
    pub(super) fn pass_on(&mut self, published: Published) {
        let order = Order::Published(published);
        for worker in self.workers_mut() {
            worker.order(&order);
        }
    }

    /// Books the publisher's account: what was acknowledged, the target has published.
    pub(super) fn take_publisher(&mut self, snapshot: &Snapshot) {
        if self.external.is_some() {
            let published = snapshot.counters.get(Counter::SendsAcknowledged);
            self.facts.target.counters.add(Counter::Published, published);
        }
        self.facts.workers.merge(snapshot);
    }

    /// Leaves out of the account what the publisher could not publish.
    pub(super) fn settle(&mut self) {
        let workload = self.facts.case.workload;
        let workers = &mut self.facts.workers;
        let settlement =
            workers.receipts.settle(&workers.publishing, |topic| workload.subscribers(topic));
        workers.ledger.settle(&settlement);
        workers.counters.add(Counter::PublishesRefused, settlement.refused);
        workers.counters.add(Counter::PublishesUnknown, settlement.unknown);
    }

    /// How long child number `id` may take to end after the order.
    pub(super) fn farewell_ns(&self, id: usize) -> u64 {
        if Some(id) == self.publisher { SETUP_NS } else { LAUNCH_NS }
    }

    /// Ends the server's processes: as they ask for it, or on the spot.
    pub(super) fn take_external_down(&mut self, restart: &Restart) {
        let signal = (!restart.graceful).then_some(libc::SIGKILL);
        if let Some(servers) = self.external.as_mut().and_then(|own| own.servers.as_mut()) {
            servers.stop_now(signal);
        }
    }

    /// Starts the server's processes again.
    pub(super) fn bring_external_up(&mut self) -> Result<(), TrialAbort> {
        let signals = self.conductor.signals;
        let interrupted = || signals.received().is_some();
        let servers = self.external.as_mut().and_then(|own| own.servers.as_mut());
        match servers.map(|servers| servers.start_again(&interrupted)) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(TrialAbort::Failed(error.to_string())),
        }
    }

    /// Stops the server's processes at the end of the trial.
    pub(super) fn stop_external(&mut self) {
        if let Some(servers) = self.external.as_mut().and_then(|own| own.servers.take()) {
            servers.stop();
        }
    }
}

/// Where the server is for each pattern, and for publishing.
fn endpoints(
    external: &External,
    expand: &dyn Fn(&str) -> Result<String, String>,
) -> Result<BTreeMap<String, Endpoint>, String> {
    let reach = &external.reach;
    let read = |path: &Option<String>| match path {
        None => Ok(None),
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(format!("target.tls: {path} cannot be read: {error}")),
        },
    };
    let tls = Credentials {
        ca: read(&reach.tls.ca)?,
        cert: read(&reach.tls.cert)?,
        key: read(&reach.tls.key)?,
        insecure: reach.tls.insecure,
        server_name: reach.tls.server_name.clone(),
    };
    let mut endpoints = BTreeMap::new();
    for (name, url) in &reach.url {
        let url = expand(url.source()).map_err(|error| format!("target.url: {error}"))?;
        let mut endpoint =
            Endpoint::from_url(&url).map_err(|error| format!("target.url: {error}"))?;
        if let Some(unix) = &reach.unix {
            endpoint.unix = Some(expand(unix.source())?.into());
        }
        endpoint.spread = match reach.addresses {
            Addresses::First => Spread::First,
            Addresses::All => Spread::All,
        };
        endpoint.tls = tls.clone();
        let endpoint = endpoint
            .routed(&reach.resolve, &reach.connect_to)
            .map_err(|error| error.to_string())?;
        endpoints.insert(name.clone(), endpoint);
    }
    Ok(endpoints)
}

/// Checks that every address may be sent a load.
fn permitted(
    external: &External,
    endpoints: &BTreeMap<String, Endpoint>,
    yes_i_may: bool,
) -> Result<(), String> {
    endpoints.values().try_for_each(|endpoint| {
        let addresses: Vec<_> = endpoint.addresses.iter().map(SocketAddr::ip).collect();
        check_permission(external, &endpoint.host, &addresses, yes_i_may)
    })
}

/// Checks, before anything is started, what can be checked of a scenario's server: that its secrets are set, that its name has
/// an address, and that it may be sent a load.
///
/// # Errors
///
/// The first that is not so, and what to do.
pub fn check_target(scenario: &Scenario, yes_i_may: bool) -> Result<(), String> {
    let Some(external) = &scenario.external else { return Ok(()) };
    check_secrets(external, &|name| std::env::var(name).ok())?;
    // What is launched has its ports only then, and is on this host.
    if external.launch.is_empty() {
        let site = Site::new(external, 1, None);
        let endpoints = endpoints(external, &|text| site.expand(text, &|_| None))?;
        permitted(external, &endpoints, yes_i_may)?;
    }
    Ok(())
}

/// A number that tells this trial's events from those of earlier ones that a server may have kept.
fn run_number() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    now ^ u64::from(std::process::id()).rotate_left(40)
}
