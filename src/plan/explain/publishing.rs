//! How the publisher speaks.

use super::patterns;
use super::sheet::Sheet;
use super::speaker::{Beside, Known, Speaker};
use crate::dialect::model::{Over, Publishing};
use crate::dialect::template::Template;
use crate::scenario::{Case, Publish};

/// The name of its place.
const NAME: &str = "publish";
/// The line of an event to a command, unless the dialect says otherwise.
const LINE: &str = r#"{"topic":{{topic|json}},"n":{{n}},"event":{{event}}}"#;

/// The publication of event 1.
pub(super) fn publish(sheet: &mut Sheet, speaker: &Speaker<'_>, case: &Case) {
    if case.workload.publish == Publish::Nobody {
        return sheet.head("Nobody publishes: the clients only listen.");
    }
    if speaker.external.is_none() && case.workload.publish != Publish::Publisher {
        let who = match case.workload.publish {
            Publish::Target => "The target publishes the events by itself.",
            _ => "The clients publish the events.",
        };
        return sheet.head(who);
    }
    let Some(publishing) = &speaker.dialect.publish else {
        return sheet
            .head("Nothing says how events are published: describe it in [target.publish].");
    };
    sheet.head(&format!("Publish, event 1 of its topic, to {}", speaker.place(NAME).url));
    let known = Known { topic: true, event: true, ..Known::default() };
    match publishing.over {
        Over::Http => {
            let Some(call) = &publishing.request else { return };
            let sign = publishing.sign.as_ref();
            sheet.request(&speaker.request(
                NAME,
                call,
                &known,
                &Beside { sign, ..Beside::default() },
            ));
            sheet.answer(call);
            if let Some(matcher) = &publishing.refused {
                sheet.note(&format!("refused by a body: {matcher}"));
            }
        }
        Over::WebSocket => over_websocket(sheet, speaker, publishing, known),
        Over::Command => {
            let of_link = Known { topic: true, ..Known::default() };
            let words = publishing.command.iter().map(|word| speaker.say(word, &of_link));
            sheet.bytes("starts  ", &words.collect::<Vec<_>>().join(&b' '));
            let own = Template::parse(LINE).unwrap_or_default();
            let send = publishing.send.as_ref().unwrap_or(&own);
            let mut line = speaker.say(send, &known);
            line.push(b'\n');
            sheet.bytes("> ", &line);
            acknowledged(sheet, publishing);
        }
    }
    if let Some(rate) = publishing.rate {
        sheet.note(&format!("at most {rate}"));
    }
}

fn over_websocket(
    sheet: &mut Sheet,
    speaker: &Speaker<'_>,
    publishing: &Publishing,
    mut known: Known,
) {
    let of_link = Known { topic: true, ..Known::default() };
    if let Some(socket) = &publishing.websocket {
        known.sent = patterns::socket(sheet, speaker, NAME, socket, of_link);
    }
    if let Some(send) = &publishing.send {
        sheet.note("the event");
        sheet.bytes("> ", &speaker.say(send, &known));
    }
    acknowledged(sheet, publishing);
}

fn acknowledged(sheet: &mut Sheet, publishing: &Publishing) {
    match &publishing.acknowledged {
        Some(matcher) => sheet.note(&format!("acknowledged by {matcher}")),
        None if publishing.over == Over::Command => sheet.note("acknowledged by the next line"),
        None => sheet.note("counts as published once it is written"),
    }
    if let Some(matcher) = &publishing.refused {
        sheet.note(&format!("refused by {matcher}"));
    }
}
