//! What texts may name before a trial's server is started: ports, folders, clients, callback URLs, secrets.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};

use super::launch::Lookup;
use crate::dialect::callback::{self, Receiving};
use crate::dialect::model::Callback;
use crate::dialect::template::{Name, Scope, Template, World};
use crate::event::topic_name;
use crate::scenario::External;

/// What texts of one trial may name.
#[derive(Debug)]
pub(super) struct Site<'a> {
    external: &'a External,
    topics: u64,
    callback_port: Option<u16>,
    secrets: Vec<String>,
}

impl<'a> Site<'a> {
    /// The site of a server, before any of it is known.
    pub(super) fn new(external: &'a External, topics: u64, callback_port: Option<u16>) -> Self {
        let mut names = Vec::new();
        let mut gather = |template: &Template| {
            names.extend(template.names().iter().filter_map(|name| match name {
                Name::Secret(name) => Some(name.to_string()),
                _ => None,
            }));
        };
        external.dialect.clone().each_template(&mut |template| gather(template));
        external.reach.url.values().for_each(&mut gather);
        for spec in &external.launch {
            let texts = spec.texts().into_iter().map(|(_, text)| text.to_owned());
            texts.filter_map(|text| Template::parse(&text).ok()).for_each(|text| gather(&text));
        }
        let secrets = names.iter().filter_map(|name| std::env::var(name).ok());
        Self { external, topics, callback_port, secrets: secrets.collect() }
    }

    /// The values that must not be shown or written.
    pub(super) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// `text` with its placeholders filled in, asking `lookup` for what the launched servers have.
    pub(super) fn expand(&self, text: &str, lookup: &Lookup<'_>) -> Result<String, String> {
        let text = named(text, lookup)?;
        let mut template = Template::parse(&text).map_err(|error| error.to_string())?;
        let mut read = |path: &str| std::fs::read(path).map_err(|error| error.to_string());
        let mut files = crate::dialect::template::Files::new(&mut read);
        template.load(&mut files).map_err(|error| error.to_string())?;
        let client: Option<u64> = lookup("client").and_then(|client| client.parse().ok());
        let topic = client.map(|client| topic_name(client % self.topics.max(1)));
        let url = match (client, &topic) {
            (Some(client), Some(topic)) => self.callback_url(client, topic)?,
            _ => None,
        };
        let secrets = template.names().iter().filter_map(|name| match name {
            Name::Secret(name) => Some((name.to_string(), std::env::var(&**name).ok()?)),
            _ => None,
        });
        let mut world = Values(secrets.collect());
        let mut scope = Scope::new(&mut world);
        scope.client = client;
        scope.topic = topic.as_deref();
        scope.callback_url = url.as_deref();
        scope.port = lookup("port").and_then(|port| port.parse().ok());
        let mut out = Vec::new();
        template.render(&mut scope, &mut out).map_err(|error| error.to_string())?;
        String::from_utf8(out).map_err(|_| "the text is not UTF-8".to_owned())
    }
}

impl Site<'_> {
    /// The URL under which the server reaches client number `client`; `None` where it is registered later, or never.
    fn callback_url(&self, client: u64, topic: &str) -> Result<Option<String>, String> {
        let (Some(callback), Some(port)) = (&self.external.dialect.webhook, self.callback_port)
        else {
            return Ok(None);
        };
        let address =
            callback::listening(callback, Some(port), client).map_err(|error| error.to_string())?;
        let receiving = Receiving { client, topic, address, secure: false };
        let url = callback::callback_url(callback, receiving, &mut Values::default());
        url.map(Some).map_err(|error| error.to_string())
    }
}

/// Fills in the names that have a colon, such as `{{port:admin}}`, and `{{directory}}`.
fn named(text: &str, lookup: &Lookup<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let name = after[2..].split("}}").next().unwrap_or_default();
        if name.starts_with("port:") || name == "directory" {
            let value = lookup(name).ok_or_else(|| {
                format!("{{{{{name}}}}} has no value: no launched server has reserved it")
            })?;
            out.push_str(&value);
            rest = &after[2 + name.len() + 2..];
        } else {
            out.push_str("{{");
            rest = &after[2..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The port of webhook receivers whose URLs the server must know before it starts; `None` where clients register them.
pub(super) fn callback_port(callback: &Callback) -> Result<Option<u16>, String> {
    if let Some(listen) = &callback.listen {
        let port = listen.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        let port = port.ok_or_else(|| {
            format!("target.webhook.listen: '{listen}' has no port; write address:port, such as 127.0.0.1:9400")
        })?;
        if port > 0 {
            return Ok(Some(port));
        }
    }
    if !callback.is_static() {
        return Ok(None);
    }
    // The same port on every receiver's address: one that is free on all of them.
    let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|free| free.local_addr());
    free.map(|address| Some(address.port()))
        .map_err(|error| format!("no port for webhook receivers: {error}"))
}

/// The world of a text of the conductor's: the environment's variables that it names.
#[derive(Default)]
struct Values(BTreeMap<String, String>);

impl World for Values {
    fn unix_ns(&mut self) -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |time| time.as_nanos() as u64)
    }

    fn random(&mut self, least: u64, most: u64) -> u64 {
        least + self.unix_ns() % (most - least).saturating_add(1)
    }

    fn capture(&self, _name: &str) -> Option<&str> {
        None
    }

    fn secret(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
