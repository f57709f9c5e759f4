//! Where a reader continues, given its cursor.
//!
//! A cursor names the life of the log that it is from. One of another life, or ahead of everything published, names no
//! event of this log: the reader has nothing of it. A stream then opens and says so (an `EventSource` gives up for good
//! when refused); a poll is answered 410 with a fresh cursor.

use std::rc::Rc;

use super::hub::{SharedTopic, Topic};
use super::problem::Problem;
use super::publish::is_name;
use super::request::Query;
use super::shard::Shard;
use crate::event::{Cursor, Epoch, NoCursor, Reset};

/// Where a reader continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// After this event.
    After(u64),
    /// Its cursor names no event of this log: it gets a reset, and the log from the oldest event on.
    Reset,
}

impl Place {
    /// Resolves a cursor in a topic's log of life `life`.
    pub(super) fn of(topic: &SharedTopic, life: Epoch, cursor: Cursor) -> Self {
        let ours = cursor.epoch.is_none_or(|epoch| epoch == life) && cursor.seq <= topic.newest();
        if ours { Self::After(cursor.seq) } else { Self::Reset }
    }
}

/// Where a stream begins, and the notice that it opens with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    /// The event before the first.
    pub since: u64,
    /// The reset, if the cursor names no event of this log.
    pub reset: Option<Reset>,
}

impl Opening {
    /// The opening of a stream at a cursor; without one, at the next event.
    pub(super) fn of(topic: &Topic, life: Epoch, place: Option<Place>) -> Self {
        match place {
            None => Self { since: topic.identity().newest(), reset: None },
            Some(Place::After(since)) => Self { since, reset: None },
            Some(Place::Reset) => {
                let oldest = topic.oldest();
                let since = oldest - 1;
                Self { since, reset: Some(Reset { oldest, next: Cursor::new(since, life) }) }
            }
        }
    }
}

/// The cursor of a request; `Ok(None)` if it has none.
pub(super) type Said = Option<Result<Cursor, NoCursor>>;

/// Reads the parameter `since` of a request.
pub(super) fn said(query: Query<'_>) -> Said {
    query.get("since").map(|text| text.parse())
}

/// Returns the cursor, or the refusal of an invalid one.
pub(super) fn read(said: Said) -> Result<Option<Cursor>, Problem> {
    said.transpose().map_err(|NoCursor| Problem::bad_request(format!("since: {NoCursor}")))
}

/// Returns the topic of that name. If it is missing and the request's cursor is of an earlier life, the topic existed then:
/// it is created again, so that a returning client can wait for the next event.
pub(super) fn topic(
    shard: &Shard,
    name: &str,
    cursor: Option<Cursor>,
) -> Result<Rc<Topic>, Problem> {
    let unknown = || Problem::unknown_topic(name);
    if let Some(topic) = shard.hub.topic(name) {
        return Ok(topic);
    }
    cursor.and_then(|cursor| cursor.epoch).filter(|_| is_name(name)).ok_or_else(unknown)?;
    let made = shard.shared.directory.get_or_create(name).map_err(|_| unknown())?;
    Ok(shard.hub.replica(&made))
}
