//! How a server calls back: registration, consent, signatures, acknowledgement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Headers;
use super::call::Call;
use crate::dialect::matcher::Matcher;
use crate::dialect::template::Template;
use crate::unit::Span;

/// How a server calls back.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Callback {
    /// Registers `{{callback_url}}`; without it, the server has been configured with the URLs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<Call>,
    /// Withdraws it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unregister: Option<Call>,
    /// Asks for it after a restart of the server, which keeps registrations; without it, they are made again. What is
    /// captured as `kept_url` must be the receiver's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Call>,
    /// How the server checks that the endpoint agrees.
    pub handshake: Handshake,
    /// How a delivery's signature is checked; unchecked without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<Signature>,
    /// How a delivery is acknowledged.
    pub acknowledge: Acknowledge,
    /// Deliveries that carry no event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Matcher>,
    /// Where receivers listen: `address:port`; the port is the same for all receivers, each on an address of its own on
    /// loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// The URL under which the server reaches a receiver, where that is not where it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise: Option<Template>,
}

impl Callback {
    pub(super) fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
        let calls = [&mut self.register, &mut self.unregister, &mut self.check];
        for call in calls.into_iter().flatten() {
            call.each_template(visit);
        }
        if let Some(signature) = &mut self.verify {
            signature.each_template(visit);
        }
        self.acknowledge.headers.values_mut().for_each(&mut *visit);
        self.acknowledge.body.iter_mut().for_each(&mut *visit);
        self.advertise.iter_mut().for_each(&mut *visit);
    }

    /// Whether the server must know every callback URL before it starts.
    pub const fn is_static(&self) -> bool {
        self.register.is_none()
    }
}

/// How a server checks that an endpoint agrees to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handshake {
    /// Not at all.
    #[default]
    None,
    /// It sends `{"challenge": …}`, which is sent back.
    Echo,
    /// `OPTIONS` with `WebHook-Request-Origin`, allowed by `WebHook-Allowed-Origin` (`CloudEvents` HTTP web hooks 1.0).
    CloudEvents,
    /// GET with `hub.challenge`, which is sent back (`WebSub`, section 5.3).
    WebSub,
}

/// How a delivery is acknowledged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Acknowledge {
    /// The status.
    pub status: u16,
    /// Headers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: Headers,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Template>,
}

impl Default for Acknowledge {
    fn default() -> Self {
        Self { status: 204, headers: Headers::new(), body: None }
    }
}

/// A signature in a header or in the query: how it is made, and how it is checked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Signature {
    /// A well-known form, whose parts the other keys replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The header that carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The parameter of the query that carries it, in place of a header: appended as the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What is signed: a template with `{{body}}`, `{{method}}`, `{{path}}` and `{{query}}`, and `{{header:NAME}}` as the value
    /// `header_NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<Template>,
    /// How the signature is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<SignatureEncoding>,
    /// The hash of the HMAC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<SignatureHash>,
    /// What stands before it in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The header that carries the time stamp, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// Largest accepted difference between the time stamp and now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Span>,
    /// The key.
    pub secret: Template,
}

impl Signature {
    pub(super) fn each_template(&mut self, visit: &mut dyn FnMut(&mut Template)) {
        self.signed.iter_mut().for_each(&mut *visit);
        visit(&mut self.secret);
    }
}

/// Well-known forms of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Standard Webhooks 1.0.
    Standard,
    /// `X-Hub-Signature-256`, as GitHub signs.
    GitHub,
    /// `Stripe-Signature`.
    Stripe,
    /// `X-Slack-Signature`.
    Slack,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureEncoding {
    /// In hexadecimal digits.
    Hex,
    /// In base64.
    Base64,
}

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureHash {
    /// SHA-1, which old servers use.
    Sha1,
    /// SHA-256.
    Sha256,
}
