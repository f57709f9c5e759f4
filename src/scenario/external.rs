//! `[target]`: a server that is not the built-in one, and how it is spoken to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::PatternKind;
use crate::dialect::launch::{LaunchSpec, ProcessSpec};
use crate::dialect::model::Dialect;
use crate::dialect::template::Template;

/// A server of the user's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct External {
    /// The shipped dialect that it starts from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    pub reach: Reach,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// The processes that are started for each trial, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub launch: Vec<LaunchSpec>,
    /// The process that is measured, where it is not launched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessSpec>,
    /// Who allowed the load, and why that is known, where the server is on another host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,
}

/// Where a server is, and how its connections are made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reach {
    /// Its URL by the name of a pattern, or `publish`; the entry without a name holds for all others.
    pub url: BTreeMap<String, Template>,
    /// Credentials and checks of TLS.
    pub tls: TlsOptions,
    /// The Unix socket that is dialled in place of the URL's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unix: Option<Template>,
    /// Addresses in place of those of the name service: `host:port:address`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolve: Vec<String>,
    /// Other hosts and ports to connect to: `host:port:host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_to: Vec<String>,
    /// Which of a name's addresses are dialled.
    pub addresses: Addresses,
    /// Whether each client keeps the cookies that it is sent.
    pub cookies: bool,
    /// Whether compressed answers are asked for.
    pub compression: bool,
}

impl Reach {
    /// The URL that the clients of `kind` dial.
    pub fn url_for(&self, kind: PatternKind) -> Option<&Template> {
        self.url_of(kind.name())
    }

    /// The URL under `name`, or the one for all.
    pub fn url_of(&self, name: &str) -> Option<&Template> {
        self.url.get(name).or_else(|| self.url.get(""))
    }
}

/// Credentials and checks of TLS: paths of PEM files, read before the run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsOptions {
    /// Certificates to trust in place of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The clients' own certificate …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<String>,
    /// … and its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// The name that the certificate must be for, where it is not the URL's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// Which addresses of a name are dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Addresses {
    /// The first that accepts a connection.
    #[default]
    First,
    /// All of them, client by client.
    All,
}
