//! Where a client continues: the parts of a dialect's cursor, the same in polls, event streams and WebSockets.

use std::collections::BTreeMap;

use super::trace::Kind;
use super::voice::Voice;
use crate::dialect::capture::Answer;
use crate::dialect::model::CursorPart;
use crate::dialect::template::RenderError;

/// The parts, by the names under which texts use them.
pub(super) type Parts = BTreeMap<String, CursorPart>;

/// Gives each of `parts` its first value.
pub(super) fn begin(voice: &mut Voice, parts: &Parts) -> Result<(), RenderError> {
    for (name, part) in parts {
        let first = voice.render(&part.first, None)?;
        voice.set(name, String::from_utf8_lossy(&first).into_owned());
    }
    Ok(())
}

/// Moves `parts` to what `answer` says of them; `next` uses them.
pub(super) fn move_on(voice: &mut Voice, parts: &Parts, answer: &Answer<'_>, next: &str) {
    for (name, part) in parts {
        if let Some(value) = part.capture.evaluate(answer) {
            voice
                .conversation()
                .note(Kind::Understood, || format!("{next} has {{{{{name}}}}} = {value}"));
            voice.set(name, value);
        }
    }
}
