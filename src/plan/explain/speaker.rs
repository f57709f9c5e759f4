//! What a dialect's texts say, as far as it is known before anything is sent.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hyper::Uri;

use crate::dialect::capture::NoHeaders;
use crate::dialect::model::{Call, Dialect, Headers, Signature, Socket};
use crate::dialect::signing::Scheme;
use crate::dialect::template::{Files, Scope, Template, World};
use crate::dialect::token::{RunTag, Token};
use crate::event::{TOKEN_LEN, TokenPayload, topic_name};
use crate::net::Endpoint;
use crate::scenario::{Case, External, Transport};

/// The number of the client, and of the topic, that are shown.
const FIRST: u64 = 0;
/// The number of the event that is shown.
const EVENT: u64 = 1;

/// What is known where a text stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// Whether it is about a client.
    pub client: bool,
    /// Whether it is about a topic.
    pub topic: bool,
    /// Whether it is about the event.
    pub event: bool,
    /// `{{n}}` where it is about no event.
    pub n: Option<u64>,
    /// `{{cursor}}`.
    pub cursor: Option<String>,
    /// `{{callback_url}}`.
    pub callback_url: Option<String>,
    /// Messages sent on the connection before it.
    pub sent: u64,
    /// Other values by their names.
    pub named: BTreeMap<String, String>,
}

impl Known {
    /// What is known to a client.
    pub(super) fn to_client() -> Self {
        Self { client: true, topic: true, ..Self::default() }
    }
}

/// The world of texts before anything is sent: only names have values.
struct Before<'a>(&'a BTreeMap<String, String>);

impl World for Before<'_> {
    fn unix_ns(&mut self) -> u64 {
        0
    }

    fn random(&mut self, least: u64, _most: u64) -> u64 {
        least
    }

    fn capture(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn secret(&self, _name: &str) -> Option<&str> {
        None
    }
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The URL.
    pub url: String,
    /// The value of `Host`.
    pub authority: String,
    /// What paths are appended to.
    pub base: String,
}

impl Place {
    /// The place of `url`, of which parts may not be known yet.
    pub(super) fn of(url: String) -> Self {
        if let Ok(Endpoint { authority, base, .. }) = Endpoint::from_url(&url) {
            return Self { url, authority, base };
        }
        let rest = url.split_once("://").map_or(&*url, |(_, rest)| rest);
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, base) = rest.split_at(at);
        let (authority, base) = (authority.to_owned(), base.trim_end_matches('/').to_owned());
        Self { url, authority, base }
    }
}

/// Header fields in the order in which they are sent.
#[derive(Debug, Default)]
struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// Sets a field, in its place if it has one.
    fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        let (name, value) = (name.to_ascii_lowercase(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    fn set_if_absent(&mut self, name: &str, value: &str) {
        if !self.0.iter().any(|(known, _)| known == name) {
            self.set(name, value);
        }
    }
}

/// What a request has besides what its call describes.
#[derive(Debug, Default)]
pub(super) struct Beside<'a> {
    /// The media type that is accepted, unless the call says so itself.
    pub accept: Option<&'a str>,
    /// How it is signed.
    pub sign: Option<&'a Signature>,
}

/// A request as it will be sent.
#[derive(Debug, Default)]
pub(super) struct Explained {
    /// Its lines, without their ends; the body is the last one, after an empty line.
    pub lines: Vec<Vec<u8>>,
    /// What is to be known of it.
    pub notes: Vec<String>,
}

/// Speaks for a case's client 0 and its publisher.
#[derive(Debug)]
pub(super) struct Speaker<'a> {
    /// The server of the user's own.
    pub external: Option<&'a External>,
    /// The conversation, with its files read.
    pub dialect: Dialect,
    transport: Transport,
    topic: String,
    /// The token of the event.
    pub token: String,
    payload: Vec<u8>,
}

impl<'a> Speaker<'a> {
    /// A speaker for `case`.
    pub(super) fn new(external: Option<&'a External>, dialect: &Dialect, case: &Case) -> Self {
        let mut dialect = dialect.clone();
        let mut read = |path: &str| std::fs::read(path).map_err(|error| error.to_string());
        let mut files = Files::new(&mut read);
        // The scenario's reader has refused what cannot be read; what has gone since is named in its place.
        dialect.each_template(&mut |template| drop(template.load(&mut files)));
        let token = Token::new(FIRST, EVENT);
        let token = token.map_or([b'0'; TOKEN_LEN], |token| RunTag::new(0).encode(token));
        let (kind, bytes) = (case.workload.payload_kind, case.workload.payload.bytes() as usize);
        let payload = match TokenPayload::new(kind, bytes) {
            Ok(mut payload) => payload.bytes(&token).to_vec(),
            // Where none is needed, payloads may be smaller.
            Err(_) => kind.payload(bytes),
        };
        let token = String::from_utf8_lossy(&token).into_owned();
        let transport = case.transport;
        Self { external, dialect, transport, topic: topic_name(FIRST), token, payload }
    }

    /// Appends what `template` says; whether that is exactly what will be sent.
    fn say_into(&self, template: &Template, known: &Known, out: &mut Vec<u8>) -> bool {
        let mut world = Before(&known.named);
        let mut scope = Scope::new(&mut world);
        scope.client = known.client.then_some(FIRST);
        scope.topic = known.topic.then_some(&*self.topic);
        scope.n = known.n.or(known.event.then_some(EVENT));
        scope.cursor = known.cursor.as_deref();
        scope.callback_url = known.callback_url.as_deref();
        scope.seq = Some(known.sent);
        if known.event {
            scope.event = Some(&self.payload);
            scope.token = Some(&self.token);
        }
        template.render_explained(&mut scope, out)
    }

    /// What `template` says.
    pub(super) fn say(&self, template: &Template, known: &Known) -> Vec<u8> {
        let mut out = Vec::new();
        self.say_into(template, known, &mut out);
        out
    }

    /// What a text of the server's launch says, which may name ports and the folder of the trial.
    pub(super) fn say_launch(&self, text: &str, known: &Known) -> Vec<u8> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            out.push_str(before);
            let name = after.split("}}").next().unwrap_or_default();
            if name == "directory" || name.starts_with("port:") {
                let _ = write!(out, "<{name}>");
                rest = after.get(name.len() + 2..).unwrap_or_default();
            } else {
                out.push_str("{{");
                rest = after;
            }
        }
        out.push_str(rest);
        match Template::parse(&out) {
            Ok(template) => self.say(&template, known),
            Err(_) => out.into_bytes(),
        }
    }

    /// Where requests of `name` go: a pattern, or `publish`.
    pub(super) fn place(&self, name: &str) -> Place {
        let url = match self.external.map(|external| external.reach.url_of(name)) {
            Some(Some(url)) => self.say_launch(url.source(), &Known::default()),
            Some(None) => b"<url>".to_vec(),
            None if self.transport.tls => b"https://127.0.0.1:<port>".to_vec(),
            None => b"http://127.0.0.1:<port>".to_vec(),
        };
        Place::of(String::from_utf8_lossy(&url).into_owned())
    }

    /// How a receiver of webhooks is called.
    pub(super) const fn callback_scheme(&self) -> &'static str {
        // Receivers have a certificate only where the built-in target is reached over TLS.
        if self.external.is_none() && self.transport.tls { "https" } else { "http" }
    }

    fn add(&self, fields: &mut Fields, headers: &Headers, known: &Known) {
        for (name, template) in headers {
            let value = self.say(template, known);
            // One that renders to nothing is left out, and so is what no field may hold.
            let fits = |byte: &u8| (*byte >= 0x20 && *byte != 0x7f) || *byte == b'\t';
            if !value.is_empty() && value.iter().all(fits) {
                fields.set(name, value);
            }
        }
    }

    /// The head of a request for `path`.
    fn head(
        &self,
        method: &str,
        path: &Template,
        place: &Place,
        known: &Known,
    ) -> (Explained, Fields) {
        let mut explained = Explained::default();
        let mut target = place.base.clone().into_bytes();
        let exact = self.say_into(path, known, &mut target);
        if exact && !place.base.contains('<') && Uri::try_from(&target[..]).is_err() {
            explained.notes.push("The path is not a valid one, so / is sent in its place: percent-encode what a path cannot contain ({{name|url}}), and begin it with /".to_owned());
            target = b"/".to_vec();
        }
        let line = [method.as_bytes(), b" ", &target, b" HTTP/1.1"].concat();
        explained.lines.push(line);
        let mut fields = Fields::default();
        fields.set("host", place.authority.clone());
        self.add(&mut fields, &self.dialect.headers, known);
        (explained, fields)
    }

    /// The request that `call` describes, to the server of `name`.
    pub(super) fn request(
        &self,
        name: &str,
        call: &Call,
        known: &Known,
        beside: &Beside<'_>,
    ) -> Explained {
        let mut body = Vec::new();
        let exact = call.body.as_ref().is_none_or(|text| self.say_into(text, known, &mut body));
        let mut knowing = known.clone();
        // A digest of a body that is not known yet is not known either.
        if exact && call.names_body() {
            let text = String::from_utf8_lossy(&body).into_owned();
            knowing.named.insert("body".to_owned(), text);
        }
        let (mut explained, mut fields) =
            self.head(call.method(), &call.path, &self.place(name), &knowing);
        self.add(&mut fields, &call.headers, &knowing);
        if let Some(signature) = beside.sign {
            self.sign(&mut explained, &mut fields, signature, known);
        }
        if let Some(accept) = beside.accept {
            fields.set_if_absent("accept", accept);
        }
        if self.external.is_some_and(|external| external.reach.compression) {
            fields.set_if_absent("accept-encoding", "gzip, deflate");
        }
        if !body.is_empty() {
            let length =
                if exact { body.len().to_string() } else { "<length of the body>".to_owned() };
            fields.set("content-length", length);
        }
        explained.finish(fields, body);
        explained
    }

    fn sign(
        &self,
        explained: &mut Explained,
        fields: &mut Fields,
        signature: &Signature,
        known: &Known,
    ) {
        let scheme = match Scheme::of(signature) {
            Ok(scheme) => scheme,
            Err(error) => return explained.notes.push(error.to_string()),
        };
        let id = format!("msg_{}", self.token);
        for (name, value) in scheme.prepare(&NoHeaders, &id, 0) {
            // The time stamp is known only when it is sent.
            let value = if value == id { value } else { "<now>".to_owned() };
            fields.set_if_absent(&name, &value);
        }
        let key = String::from_utf8_lossy(&self.say(&signature.secret, known)).into_owned();
        // A key that stands in the file is hidden all the same.
        let key = if signature.secret.is_secret() {
            key
        } else {
            "the secret of target.publish.sign".to_owned()
        };
        let value = format!("<signature with {key}>");
        let Some(name) = scheme.query() else { return fields.set(scheme.header(), value) };
        let Some(line) = explained.lines.first_mut() else { return };
        let end = line.len() - b" HTTP/1.1".len();
        let between = if line[..end].contains(&b'?') { '&' } else { '?' };
        line.splice(end..end, format!("{between}{name}={value}").into_bytes());
    }

    /// The request that opens `socket`.
    pub(super) fn handshake(&self, name: &str, socket: &Socket, known: &Known) -> Explained {
        let (mut explained, mut fields) = self.head("GET", &socket.path, &self.place(name), known);
        self.add(&mut fields, &socket.headers, known);
        if !socket.subprotocol.is_empty() {
            fields.set("sec-websocket-protocol", socket.subprotocol.join(", "));
        }
        fields.set("connection", "Upgrade");
        fields.set("upgrade", "websocket");
        fields.set("sec-websocket-version", "13");
        fields.set("sec-websocket-key", "<random>");
        explained.finish(fields, Vec::new());
        explained
    }
}

impl Explained {
    fn finish(&mut self, fields: Fields, body: Vec<u8>) {
        for (name, value) in fields.0 {
            self.lines.push([name.as_bytes(), b": ", &value].concat());
        }
        if !body.is_empty() {
            self.lines.extend([Vec::new(), body]);
        }
    }
}
