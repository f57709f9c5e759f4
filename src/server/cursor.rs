//! Where a reader goes on, by the cursor that it comes with.
//!
//! A cursor knows which life of the log it is from. One of another life, or ahead of everything published, names no
//! event of this log: whatever its holder knows, it has nothing of this one. A stream opens and says so (an `EventSource`
//! that is refused gives up for good), a poll is answered 410 with a fresh cursor.

use std::rc::Rc;

use super::hub::{SharedTopic, Topic};
use super::problem::Problem;
use super::publish::is_name;
use super::request::Query;
use super::shard::Shard;
use crate::event::{Cursor, Epoch, NoCursor, Reset};

/// Where a reader goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// After this event.
    After(u64),
    /// Its cursor names no event of this log: it is told so, and begins with the oldest.
    Reset,
}

impl Place {
    /// Where a cursor leads in a topic's log in its life `life`.
    pub(super) fn of(topic: &SharedTopic, life: Epoch, cursor: Cursor) -> Self {
        let ours = cursor.epoch.is_none_or(|epoch| epoch == life) && cursor.seq <= topic.newest();
        if ours { Self::After(cursor.seq) } else { Self::Reset }
    }
}

/// Where a stream begins, and what it is told first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    /// The event before the first.
    pub since: u64,
    /// What is said of a cursor that names no event of this log.
    pub reset: Option<Reset>,
}

impl Opening {
    /// The opening of a stream at a place; without one, with what is published next.
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

/// What a request says of where it goes on: `Ok(None)` where it says nothing.
pub(super) type Said = Option<Result<Cursor, NoCursor>>;

/// The parameter `since` of a request.
pub(super) fn said(query: Query<'_>) -> Said {
    query.get("since").map(|text| text.parse())
}

/// The cursor, or the refusal of what is none.
pub(super) fn read(said: Said) -> Result<Option<Cursor>, Problem> {
    said.transpose().map_err(|NoCursor| Problem::bad_request(format!("since: {NoCursor}")))
}

/// The topic of that name. Where there is none and the asker has a cursor of an earlier life, it was there then: it is
/// made again, so that who comes back is not sent away before anybody has published.
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
