//! What a link says in the target's dialect: the values that its templates may name, and the requests that they make.

use std::num::NonZeroU64;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::{Method, Request, Uri};

use super::Link;
use super::conversation::Conversation;
use super::packed::Packed;
use super::trace::{self, Kind};
use crate::dialect::model::{Call, Dialect, Headers, Socket};
use crate::dialect::template::{RenderError, Scope, Template, Variable, World};
use crate::pace::Rng;

/// Stream of a link's randomness that `{{random:…}}` is drawn from.
const RANDOM: u64 = 5 << 48;

/// The part of a cursor that has a placeholder of its own.
const CURSOR: &str = "cursor";

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
        let earlier = || self.conversation.captured(self.client, self.topic, name);
        self.own.get(name).or_else(earlier)
    }

    fn secret(&self, name: &str) -> Option<&str> {
        self.conversation.secret(name)
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
