//! Texts of connections and handshakes that contradict the case.

use super::Reason;
use super::figures::BUG;
use crate::unit::counted;

pub(super) fn text(reason: &Reason) -> String {
    match reason {
        Reason::ConnectionsMissing { opened, due, links } => format!(
            "too few connections: {opened} of {due} opened for {links}. Check the error columns, lengthen the connect \
             phase, or use fewer clients"
        ),
        Reason::ConnectionsReopened { opened, reopened, links } => format!(
            "{}: {opened} connections for {links}. Check error_closed and error_timeout; lengthen the time-outs, or \
             lower the load",
            counted(*reopened, "unplanned reconnection")
        ),
        Reason::ConnectionsMiscounted { opened, due } => {
            format!("{opened} connections were opened, but one per request makes {due}. {BUG}")
        }
        Reason::HandshakesMiscounted { handshakes, connections, tls } => format!(
            "{handshakes} TLS handshakes on {connections} connections contradict transport.tls = {tls}. Check \
             error_connect"
        ),
        Reason::SessionsResumed { resumed, handshakes } => format!(
            "{resumed} of {handshakes} TLS handshakes resumed a session despite transport.resume = false. Check that \
             the target issues no session tickets"
        ),
        Reason::SessionsNotResumed { resumed, able } => format!(
            "{resumed} of {able} TLS handshakes that could resume a session did, at least 98 % must. Check that the \
             target issues session tickets, or set transport.resume = false"
        ),
        other => other.code().to_string(),
    }
}
