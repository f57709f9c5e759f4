//! The pattern of a probe, by its URL's scheme and its flags.

use anyhow::bail;
use tidings::unit::Span;

use super::args::Arguments;
use super::url::Url;

/// How a URL is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By requests.
    Request,
    /// By polls at this interval.
    Poll(Span),
    /// By polls that the server holds.
    LongPoll,
    /// By listening to an event stream.
    Sse,
    /// By listening to a WebSocket.
    WebSocket,
    /// By receiving webhooks.
    Webhook,
}

impl Way {
    /// What `arguments` ask for.
    pub(super) fn of(arguments: &Arguments, url: Option<&Url>) -> anyhow::Result<Self> {
        let flags = &arguments.way;
        let socket = url.is_some_and(Url::is_websocket);
        let way = match (&flags.webhook, flags.poll) {
            (Some(_), _) => Self::Webhook,
            (None, Some(interval)) => Self::Poll(interval),
            (None, None) if flags.sse => Self::Sse,
            (None, None) if flags.long_poll => Self::LongPoll,
            (None, None) if socket => Self::WebSocket,
            (None, None) => Self::Request,
        };
        if socket && way != Self::WebSocket {
            bail!(
                "{} is measured over HTTP, and ws:// and wss:// over a WebSocket; write http:// or https://, or remove {}",
                way.flag(),
                way.flag()
            );
        }
        way.refuse_unused(arguments)?;
        Ok(way)
    }

    /// Refuses flags that have no meaning for it.
    fn refuse_unused(self, arguments: &Arguments) -> anyhow::Result<()> {
        let (load, request) = (&arguments.load, &arguments.request);
        let publishes = arguments.publish.to.is_some();
        let requests = self == Self::Request;
        let name = self.pattern();
        for (given, flag, why) in [
            (load.requests.is_some() && !requests, "-n", "it counts requests"),
            (
                load.rate.is_some() && !requests && !publishes,
                "-q",
                "clients that only listen have no rate; events are published by --publish URL",
            ),
            (
                publishes && requests,
                "--publish",
                "requests receive no events; name how they arrive: --sse, --poll 1s, --long-poll, or a ws:// URL",
            ),
            (
                load.retry_after && !requests,
                "--retry-after",
                "only requests wait; polls keep their interval",
            ),
            (request.method.is_some() && self == Self::WebSocket, "-m", "a handshake is a GET"),
            (request.data.is_some() && self == Self::Webhook, "-d", "a receiver sends nothing"),
            (
                arguments.connection.disable_keepalive && !requests,
                "--disable-keepalive",
                "it is a matter of requests",
            ),
            (
                arguments.connection.http2 && self == Self::WebSocket,
                "--http2",
                "WebSockets over HTTP/2 are not supported",
            ),
            (
                arguments.way.cursor.is_some() && !matches!(self, Self::Poll(_) | Self::LongPoll),
                "--cursor",
                "it is a matter of polls",
            ),
            (arguments.way.stamp.is_some() && requests, "--stamp", "requests receive no messages"),
            (
                arguments.way.webhook.as_deref().is_some_and(|to| to.ends_with(":0"))
                    && arguments.way.dialect.is_none(),
                "port 0 of --webhook",
                "a sender must know the port; name one, such as --webhook :9400",
            ),
        ] {
            if given {
                bail!("{flag} has no meaning for {name}: {why}");
            }
        }
        Ok(())
    }

    /// The name of its pattern in scenarios.
    pub(super) const fn pattern(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Poll(_) => "short-poll",
            Self::LongPoll => "long-poll",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
            Self::Webhook => "webhook",
        }
    }

    /// The flag that asks for it.
    const fn flag(self) -> &'static str {
        match self {
            Self::Poll(_) => "--poll",
            Self::LongPoll => "--long-poll",
            Self::Sse => "--sse",
            Self::Webhook => "--webhook",
            Self::Request | Self::WebSocket => "the URL",
        }
    }
}
