//! What the messages of a stream mean, by the lists of a dialect.

use super::conversation::Conversation;
use super::redial::Ended;
use super::trace::Kind;
use crate::dialect::model::Messages;
use crate::net::Sample;

/// What a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It may carry events.
    Events,
    /// It carries none.
    Ignored,
    /// The server says that the link has failed.
    Failure,
}

/// What `message`, of the event stream's type `event`, means.
pub(super) fn meaning(rules: &Messages, message: &[u8], event: Option<&str>) -> Meaning {
    let any = |matchers: &[crate::dialect::matcher::Matcher]| {
        matchers.iter().any(|matcher| matcher.matches(message, event))
    };
    if any(&rules.fail) {
        Meaning::Failure
    } else if any(&rules.ignore) || !(rules.deliver.is_empty() || any(&rules.deliver)) {
        Meaning::Ignored
    } else {
        Meaning::Events
    }
}

/// Notes what became of a message that carries no events.
pub(super) fn note(conversation: &Conversation, meaning: Meaning) {
    match meaning {
        Meaning::Events => {}
        Meaning::Ignored => {
            conversation.note(Kind::Understood, || "ignored, as the dialect says".to_owned());
        }
        Meaning::Failure => {
            conversation.note(Kind::Odd, || "a failure, as the dialect says".to_owned());
        }
    }
}

/// How a link ends by a message of failure.
pub(super) fn failure(conversation: &Conversation, message: &[u8]) -> Ended {
    let text = Sample::of(message).to_string();
    Ended::Told(conversation.redact(&text).into_owned())
}
