//! The target's dialect as the links of a shard speak it: what its templates may name, and the requests that they make.

use std::borrow::Cow;
use std::cell::{OnceCell, Ref, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::skeleton::Skeleton;
use super::trace::{Kind, Trace};
use super::weighted::Choice;
use crate::control::{Access, Owner};
use crate::dialect::model::{Call, Dialect, Mark, Semantics};
use crate::dialect::secrets::Secrets;
use crate::dialect::token::{Finder, RunTag};
use crate::event::topic_name;
use crate::net::Endpoint;

/// A dialect, and what all links of a shard know of it.
#[derive(Debug)]
pub struct Conversation {
    /// What is said and awaited.
    pub dialect: Dialect,
    /// Where the server is; `None` for the built-in one.
    pub endpoint: Option<Endpoint>,
    /// The port of every webhook receiver, where the server knows it beforehand.
    pub callback_port: Option<u16>,
    /// What tells this trial's events from those of others.
    pub run: RunTag,
    /// Finds them.
    pub finder: Finder,
    shared: BTreeMap<String, String>,
    by_topic: HashMap<u64, BTreeMap<String, String>>,
    by_client: HashMap<u64, BTreeMap<String, String>>,
    secrets: BTreeMap<String, String>,
    /// What stands in no result and in no message.
    hidden: Secrets,
    trace: Trace,
    /// The weighted calls, as all clients send them.
    choices: OnceCell<Rc<[Choice]>>,
    /// Requests as far as they are known before their placeholders are.
    skeletons: RefCell<HashMap<Place, Option<Rc<Skeleton>>>>,
    /// The topic that was last spoken of, and its name: no link keeps its own.
    spoken: RefCell<Option<(u64, String)>>,
}

/// Why a trial's dialect cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// A file that a template names cannot be used.
    #[error("{0}")]
    File(String),
    /// A secret is not in the environment.
    #[error(
        "{{{{secret:{0}}}}} needs the environment variable {0}, which is not set; set it and run again"
    )]
    Secret(String),
}

impl Conversation {
    /// The conversation of a built-in target.
    pub fn built_in(dialect: Dialect) -> Self {
        Self {
            dialect,
            endpoint: None,
            callback_port: None,
            run: RunTag::new(0),
            finder: Finder::new(),
            shared: BTreeMap::new(),
            by_topic: HashMap::new(),
            by_client: HashMap::new(),
            secrets: BTreeMap::new(),
            hidden: Secrets::new(),
            trace: Trace::default(),
            choices: OnceCell::new(),
            skeletons: RefCell::default(),
            spoken: RefCell::default(),
        }
    }

    /// The conversation of `access`, for what is called `name` there: a pattern, or `publish`.
    pub fn of(access: &Access, name: &str) -> Result<Self, ConversationError> {
        let mut own = Self::built_in(access.dialect.clone());
        own.endpoint = access.endpoint(name).cloned();
        own.callback_port = access.callback_port;
        own.trace = Trace::to(access.trace.as_deref(), name);
        own.run = RunTag::new(access.run);
        for captured in &access.captured {
            let values = match captured.owner {
                Owner::Trial => &mut own.shared,
                Owner::Topic(topic) => own.by_topic.entry(topic).or_default(),
                Owner::Client(client) => own.by_client.entry(client).or_default(),
            };
            own.hidden.register(&captured.name, &captured.value);
            values.insert(captured.name.clone(), captured.value.clone());
        }
        own.load()?;
        Ok(own)
    }

    /// Reads the files and the secrets that templates name.
    fn load(&mut self) -> Result<(), ConversationError> {
        use crate::dialect::template::{Files, Name};
        let mut read = |path: &str| std::fs::read(path).map_err(|error| error.to_string());
        let mut files = Files::new(&mut read);
        let (mut secrets, mut failed) = (BTreeMap::new(), None);
        self.dialect.each_template(&mut |template| {
            if let Err(error) = template.load(&mut files) {
                failed.get_or_insert(ConversationError::File(error.to_string()));
            }
            for name in template.names() {
                let Name::Secret(name) = name else { continue };
                match std::env::var(&**name) {
                    Ok(value) => drop(secrets.insert(name.to_string(), value)),
                    Err(_) => {
                        failed.get_or_insert(ConversationError::Secret(name.to_string()));
                    }
                }
            }
        });
        for (name, value) in &secrets {
            self.hidden.register(name, value);
        }
        self.secrets = secrets;
        failed.map_or(Ok(()), Err)
    }

    /// Hides `value`, which was captured under `name`, from now on: it may be a login.
    pub(super) fn hide(&self, name: &str, value: &str) {
        self.hidden.register(name, value);
    }

    /// Notes what was said or understood, if anybody wants to know.
    pub(super) fn note(&self, kind: Kind, text: impl FnOnce() -> String) {
        self.trace.note(kind, &self.hidden, text);
    }

    /// Whether anybody wants to know what is said.
    pub(super) const fn is_traced(&self) -> bool {
        self.trace.is_on()
    }

    /// The weighted calls, which `make` makes the first time.
    pub(super) fn choices(&self, make: impl FnOnce() -> Rc<[Choice]>) -> Rc<[Choice]> {
        Rc::clone(self.choices.get_or_init(make))
    }

    /// The skeleton of `call`, made once for all who send it, by its place in the dialect; `None` where it has none, or where
    /// somebody wants to know what is said.
    pub(super) fn skeleton(&self, place: Place, call: &Call) -> Option<Rc<Skeleton>> {
        if self.is_traced() {
            return None;
        }
        let made = || {
            let base = self.endpoint.as_ref().map_or("", |endpoint| &endpoint.base);
            Skeleton::of(call, base, &self.dialect.headers).map(Rc::new)
        };
        self.skeletons.borrow_mut().entry(place).or_insert_with(made).clone()
    }

    /// The value captured under `name` before any client connected: its own, that of its topic, or that of all.
    pub(super) fn captured(&self, client: u64, topic: u64, name: &str) -> Option<&str> {
        let of_client = || self.by_client.get(&client)?.get(name);
        let of_topic = || self.by_topic.get(&topic)?.get(name);
        let value = of_client().or_else(of_topic).or_else(|| self.shared.get(name));
        value.map(String::as_str)
    }

    /// The secret called `name`.
    pub(super) fn secret(&self, name: &str) -> Option<&str> {
        self.secrets.get(name).map(String::as_str)
    }

    /// The name of `topic`.
    pub(super) fn topic(&self, topic: u64) -> Ref<'_, str> {
        let is_known = self.spoken.borrow().as_ref().is_some_and(|(last, _)| *last == topic);
        if !is_known {
            self.spoken.replace(Some((topic, topic_name(topic))));
        }
        Ref::map(self.spoken.borrow(), |spoken| spoken.as_ref().map_or("", |(_, name)| name))
    }

    /// `text` without secrets.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.hidden.redact(text)
    }

    /// Whether only the newest state is wanted.
    pub fn wants_latest(&self) -> bool {
        self.dialect.recognition.semantics == Semantics::Latest
    }

    /// Whether events are recognised by the built-in server's envelope.
    pub fn is_envelope(&self) -> bool {
        self.dialect.recognition.by == Mark::Envelope
    }
}

/// Where a dialect has a call that is sent often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// One of the weighted calls, by its number.
    Request(usize),
    /// The poll of the pattern.
    Poll,
    /// The request that publishes an event.
    Publish,
}
