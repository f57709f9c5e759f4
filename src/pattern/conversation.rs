//! The target's dialect as the links of a shard speak it: what its templates may name, and the requests that they make.

use std::borrow::Cow;
use std::cell::{OnceCell, Ref, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::{Method, Request, Uri};

use super::Link;
use super::packed::Packed;
use super::skeleton::Skeleton;
use super::trace::{self, Kind, Trace};
use super::weighted::Choice;
use crate::control::{Access, Owner};
use crate::dialect::model::{Call, Dialect, Headers, Mark, Semantics, Socket};
use crate::dialect::secrets::Secrets;
use crate::dialect::template::{RenderError, Scope, Template, Variable, World};
use crate::dialect::token::{Finder, RunTag};
use crate::event::topic_name;
use crate::net::Endpoint;
use crate::pace::Rng;

/// Stream of a link's randomness that `{{random:…}}` is drawn from.
const RANDOM: u64 = 5 << 48;

/// The part of a cursor that has a placeholder of its own.
const CURSOR: &str = "cursor";

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

    /// The name of `topic`.
    fn topic(&self, topic: u64) -> Ref<'_, str> {
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

/// What a text says of one event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    /// Its number in its topic.
    pub n: u64,
    /// Its payload.
    pub payload: &'a [u8],
    /// Its token.
    pub token: &'a str,
}

/// What a link's texts may name: its own captured values, and how many messages it has sent on its connection.
#[derive(Debug)]
pub(super) struct Voice {
    /// The same for all.
    host: Rc<HeaderValue>,
    own: Values,
    /// `{{cursor}}`: the client's position.
    cursor: Box<str>,
    /// `{{callback_url}}`, for a webhook's receiver.
    pub callback_url: Option<Box<str>>,
    /// Messages sent on the connection so far.
    pub sent: u64,
    /// `{{n}}` of a request that is about no event.
    pub n: Option<u64>,
}

/// Values by name, as a template's world.
#[derive(Debug)]
struct Values {
    conversation: Rc<Conversation>,
    client: u64,
    topic: u64,
    own: Packed,
    rng: Rng,
    /// The wall clock of the message that is being rendered.
    unix_ns: Option<NonZeroU64>,
}

impl World for Values {
    fn unix_ns(&mut self) -> u64 {
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            NonZeroU64::new(since.map_or(0, |time| time.as_nanos() as u64))
        };
        self.unix_ns = self.unix_ns.or_else(now);
        self.unix_ns.map_or(0, NonZeroU64::get)
    }

    fn random(&mut self, least: u64, most: u64) -> u64 {
        least + self.rng.below((most - least).saturating_add(1))
    }

    fn capture(&self, name: &str) -> Option<&str> {
        let shared = &self.conversation;
        self.own.get(name).or_else(|| {
            let of_client = || shared.by_client.get(&self.client)?.get(name);
            let of_topic = || shared.by_topic.get(&self.topic)?.get(name);
            let value = of_client().or_else(of_topic).or_else(|| shared.shared.get(name));
            value.map(String::as_str)
        })
    }

    fn secret(&self, name: &str) -> Option<&str> {
        self.conversation.secrets.get(name).map(String::as_str)
    }
}

impl Voice {
    /// The voice of a link.
    pub(super) fn of(link: &Link) -> Self {
        let conversation = Rc::clone(&link.context().conversation);
        Self::for_topic(link, link.topic_index(), conversation)
    }

    /// The same for another topic than the link's own.
    pub(super) fn for_topic(link: &Link, topic: u64, conversation: Rc<Conversation>) -> Self {
        let own = Values {
            conversation,
            client: link.index(),
            topic,
            own: Packed::default(),
            rng: link.rng_of(RANDOM),
            unix_ns: None,
        };
        Self {
            host: link.context().host(),
            own,
            cursor: Box::default(),
            callback_url: None,
            sent: 0,
            n: None,
        }
    }

    /// The voice of client number `client`, without a link.
    #[cfg(test)]
    pub(super) fn for_tests(conversation: Conversation, host: &'static str, client: u64) -> Self {
        let conversation = Rc::new(conversation);
        let own = Values {
            conversation,
            client,
            topic: 0,
            own: Packed::default(),
            rng: Rng::new(1, RANDOM + client),
            unix_ns: None,
        };
        Self {
            host: Rc::new(HeaderValue::from_static(host)),
            own,
            cursor: Box::default(),
            callback_url: None,
            sent: 0,
            n: None,
        }
    }

    /// Leaves out the first `draws` random numbers: a voice made anew for another connection does not repeat itself.
    pub(super) fn skip(&mut self, draws: u64) {
        for _ in 0..draws {
            self.own.rng.next_u64();
        }
    }

    /// What its requests name as the host.
    pub(super) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The dialect that is spoken.
    pub(super) fn dialect(&self) -> &Dialect {
        &self.own.conversation.dialect
    }

    /// Whether events are recognised by the built-in server's envelope.
    pub(super) fn is_envelope(&self) -> bool {
        self.own.conversation.is_envelope()
    }

    /// The conversation that it takes part in.
    pub(super) fn conversation(&self) -> Rc<Conversation> {
        Rc::clone(&self.own.conversation)
    }

    /// Speaks of another topic from now on.
    pub(super) const fn speak_of(&mut self, topic: u64) {
        self.own.topic = topic;
    }

    /// Has templates use `value` under `name`.
    pub(super) fn set(&mut self, name: &str, value: String) {
        if name == CURSOR {
            self.cursor = value.into();
        } else {
            self.own.own.set(&[(name, &value)]);
        }
    }

    /// The same of several values, none of which has a placeholder of its own.
    pub(super) fn set_all(&mut self, values: &[(&str, &str)]) {
        self.own.own.set(values);
    }

    /// Has templates use no value of the link's own under `names` any more.
    pub(super) fn unset(&mut self, names: &[&str]) {
        self.own.own.unset(names);
    }

    /// The value under `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.own.capture(name)
    }

    /// Renders `template`, of `told` where it says something of an event.
    pub(super) fn render(
        &mut self,
        template: &Template,
        told: Option<Told<'_>>,
    ) -> Result<Vec<u8>, RenderError> {
        let mut out = Vec::new();
        self.render_into(template, told, &mut out)?;
        Ok(out)
    }

    /// Appends the rendered template to `out`.
    pub(super) fn render_into(
        &mut self,
        template: &Template,
        told: Option<Told<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), RenderError> {
        let (client, topic) = (self.own.client, self.own.topic);
        let conversation = Rc::clone(&self.own.conversation);
        let topic = template.uses(Variable::Topic).then(|| conversation.topic(topic));
        let mut scope = Scope::new(&mut self.own);
        scope.client = Some(client);
        scope.topic = topic.as_deref();
        scope.cursor = Some(&self.cursor);
        scope.callback_url = self.callback_url.as_deref();
        scope.seq = Some(self.sent);
        scope.n = self.n;
        if let Some(told) = told {
            scope.n = Some(told.n);
            scope.event = Some(told.payload);
            scope.token = Some(told.token);
        }
        template.render(&mut scope, out)
    }

    /// Begins a message: its texts agree on the time.
    pub(super) fn begin(&mut self) {
        self.own.unix_ns = None;
    }

    /// The request that `call` describes.
    pub(super) fn request(
        &mut self,
        call: &Call,
        told: Option<Told<'_>>,
    ) -> Result<Request<Full<Bytes>>, RenderError> {
        Ok(self.request_and_body(call, told)?.map(Full::new))
    }

    /// The same, with its body as it is.
    pub(super) fn request_and_body(
        &mut self,
        call: &Call,
        told: Option<Told<'_>>,
    ) -> Result<Request<Bytes>, RenderError> {
        let request = self.compose(call, told)?;
        self.own.conversation.note(Kind::Sent, || trace::request(&request, request.body()));
        Ok(request)
    }

    /// The same, for a caller that adds to it before it is sent.
    pub(super) fn compose(
        &mut self,
        call: &Call,
        told: Option<Told<'_>>,
    ) -> Result<Request<Bytes>, RenderError> {
        self.begin();
        let body = match &call.body {
            Some(body) => self.render(body, told)?,
            None => Vec::new(),
        };
        if call.names_body() {
            let text = std::str::from_utf8(&body).map_err(|_| RenderError::NotText("body"))?;
            self.set("body", text.to_owned());
        }
        let mut request = self.plain(&call.path, told)?.map(|_| Bytes::new());
        *request.method_mut() = Method::from_bytes(call.method().as_bytes()).unwrap_or(Method::GET);
        self.add_headers(&call.headers, told, request.headers_mut())?;
        *request.body_mut() = body.into();
        Ok(request)
    }

    /// The wall clock of the message that is being rendered.
    pub(super) fn unix_ns(&mut self) -> u64 {
        self.own.unix_ns()
    }

    /// What texts may name beside the values of one message.
    pub(super) fn world(&mut self) -> &mut dyn World {
        &mut self.own
    }

    /// The request that opens the dialect's WebSocket.
    pub(super) fn handshake(&mut self) -> Result<Request<Full<Bytes>>, RenderError> {
        let conversation = Rc::clone(&self.own.conversation);
        match &conversation.dialect.websocket {
            Some(socket) => self.handshake_of(socket),
            None => Ok(Request::new(Full::default())),
        }
    }

    /// The request that opens `socket`.
    pub(super) fn handshake_of(
        &mut self,
        socket: &Socket,
    ) -> Result<Request<Full<Bytes>>, RenderError> {
        self.begin();
        self.sent = 0;
        let mut request = self.plain(&socket.path, None)?;
        self.add_headers(&socket.headers, None, request.headers_mut())?;
        if !socket.subprotocol.is_empty()
            && let Ok(offered) = HeaderValue::try_from(socket.subprotocol.join(", "))
        {
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offered);
        }
        self.own.conversation.note(Kind::Sent, || trace::request(&request, &[]));
        Ok(request)
    }

    /// A GET of `path`, with the headers of every request.
    fn plain(
        &mut self,
        path: &Template,
        told: Option<Told<'_>>,
    ) -> Result<Request<Full<Bytes>>, RenderError> {
        let mut request = Request::new(Full::default());
        let mut target = match &self.own.conversation.endpoint {
            Some(endpoint) => endpoint.base.clone().into_bytes(),
            None => Vec::new(),
        };
        self.render_into(path, told, &mut target)?;
        // What is no path cannot be sent; the server's answer to its root says so.
        *request.uri_mut() = Uri::try_from(target).unwrap_or_default();
        request.headers_mut().insert(HOST, self.host().clone());
        let conversation = Rc::clone(&self.own.conversation);
        self.add_headers(&conversation.dialect.headers, told, request.headers_mut())?;
        Ok(request)
    }

    /// Renders `fields` into `headers`; one that renders to nothing is left out.
    pub(super) fn add_headers(
        &mut self,
        fields: &Headers,
        told: Option<Told<'_>>,
        headers: &mut hyper::HeaderMap,
    ) -> Result<(), RenderError> {
        for (name, template) in fields {
            let value = self.render(template, told)?;
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name.as_str()), HeaderValue::from_bytes(&value))
                && !value.is_empty()
            {
                headers.insert(name, value);
            }
        }
        Ok(())
    }
}
