//! The output of `tidings plan --explain`: what will be sent, byte for byte, by client 0 of each pattern and by the publisher.
//!
//! Nothing is sent, started or looked up for it: what is known only then is named.

mod patterns;
mod publishing;
mod sheet;
mod speaker;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use self::sheet::Sheet;
use self::speaker::{Beside, Known, Speaker};
use crate::dialect::launch::{CommandLine, LaunchSpec};
use crate::dialect::model::{Each, Mark, PerMessage, Recognition, Semantics, SetUp};
use crate::scenario::{Http, Publish, Scenario, dialect_of};

/// What will be sent to the target of `scenario`, in at most `columns` columns.
pub(super) fn explain(scenario: &Scenario, columns: usize) -> String {
    let mut sheet = Sheet::new(columns);
    let external = scenario.external.as_deref();
    let Some(first) = scenario.cases.first() else { return sheet.finish() };
    let publisher = Speaker::new(external, dialect_of(scenario), first);
    let to = match external {
        Some(_) => publisher.place("publish").url,
        None => "the built-in target".to_owned(),
    };
    sheet.text("", &format!("{}: what will be sent to {to}", scenario.name));
    sheet.gap();
    preamble(&mut sheet, scenario, &publisher);
    if scenario.cases.iter().any(|case| case.workload.publish == Publish::Nobody) {
        listening(&mut sheet, &publisher.dialect.recognition);
    } else {
        recognition(&mut sheet, &publisher.dialect.recognition);
    }
    if let Some(external) = external {
        for spec in &external.launch {
            launch(&mut sheet, &publisher, spec);
        }
    }
    steps(&mut sheet, &publisher, "Set-up", &publisher.dialect.setup);
    let mut kinds = BTreeSet::new();
    let mut was_told = false;
    for case in &scenario.cases {
        if !kinds.insert(case.pattern.kind()) {
            continue;
        }
        let speaker = Speaker::new(external, dialect_of(scenario), case);
        if case.pattern.kind().delivers() && !std::mem::replace(&mut was_told, true) {
            publishing::publish(&mut sheet, &speaker, case);
        }
        patterns::pattern(&mut sheet, &speaker, case);
    }
    steps(&mut sheet, &publisher, "Teardown", &publisher.dialect.teardown);
    sheet.finish()
}

fn preamble(sheet: &mut Sheet, scenario: &Scenario, speaker: &Speaker<'_>) {
    let mut text = format!(
        "Nothing has been sent. Shown are client 0 of each pattern and the publisher with event 1 of its topic, whose token is {} \
         here and another in every trial. <name> is a value that is known only when it is sent; [secret NAME] is the \
         environment variable NAME. Control characters are written \\n and \\x00.",
        speaker.token
    );
    if sheet.is_narrow() {
        text.push_str(" A line that begins with .. continues the one above.");
    }
    if scenario.cases.iter().any(|case| case.transport.http == Http::Two) {
        text.push_str(" Over HTTP/2 the same fields are sent, with :authority in place of host.");
    }
    if let Some(external) = &scenario.external
        && external.reach.cookies
    {
        text.push_str(" Each client also returns the cookies that it has been sent.");
    }
    sheet.text("", &text);
}

/// How an event will be recognised.
fn recognition(sheet: &mut Sheet, recognition: &Recognition) {
    let Recognition { by, events, semantics, decode, each, published_id, delivered_id, .. } =
        recognition;
    let id = |capture: &Option<crate::dialect::capture::Capture>| {
        capture.as_ref().map_or("<not described>".to_owned(), ToString::to_string)
    };
    let mut text = match by {
        Mark::Token => {
            "An event is recognised by its token, wherever that is in what arrives".to_owned()
        }
        Mark::Ids => format!(
            "An event is recognised by its id: {} of the answer to its publication, found as {} of what arrives",
            id(published_id),
            id(delivered_id)
        ),
        Mark::Field => {
            format!(
                "An event is recognised by its number, which is {} of what arrives",
                id(delivered_id)
            )
        }
        Mark::Envelope => {
            "An event is recognised by its number in the built-in server's own envelope".to_owned()
        }
    };
    if let Some(decode) = decode {
        let _ = write!(text, ", once {decode} is decoded");
    }
    if let Some(each) = each.as_ref().and_then(|each| serde_json::to_value(each).ok()) {
        let place = each.as_str().map_or_else(|| each.to_string(), str::to_owned);
        let _ = write!(text, "; every element of {place} is a message of its own");
    }
    if *events == PerMessage::One {
        text.push_str("; a message carries at most one");
    }
    if *semantics == Semantics::Latest {
        text.push_str("; a newer event supersedes those before it");
    }
    text.push('.');
    text.push_str(&stamped(recognition));
    sheet.gap();
    sheet.text("", &text);
}

/// What clients measure that only listen.
fn listening(sheet: &mut Sheet, recognition: &Recognition) {
    let text = "No event is recognised: messages are counted, and the gaps between them measured.";
    sheet.gap();
    sheet.text("", &format!("{text}{}", stamped(recognition)));
}

/// The clock that the age of a message is taken from.
fn stamped(recognition: &Recognition) -> String {
    recognition.stamp.as_ref().map_or_else(String::new, |stamp| {
        let unit = recognition.stamp_unit.name();
        format!(
            " The age of a message is this host's wall clock less {stamp} of the message, in {unit} since 1970."
        )
    })
}

/// How a server is started.
fn launch(sheet: &mut Sheet, speaker: &Speaker<'_>, spec: &LaunchSpec) {
    sheet.head(&format!("Launch of {}, before each trial", spec.title()));
    let known = Known::default();
    let command = |line: &CommandLine| {
        let words = line.0.iter().map(|word| {
            let word = String::from_utf8_lossy(&speaker.say_launch(word, &known)).into_owned();
            // Placeholders are no redirections, and options no assignments.
            let bare = word.replace(['<', '>', '='], "");
            match shlex::try_quote(&bare) {
                Ok(quoted) if quoted == bare => word,
                _ => format!("'{}'", word.replace('\'', "'\\''")),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    };
    for line in &spec.prepare {
        sheet.bytes("prepare ", command(line).as_bytes());
    }
    for (path, file) in &spec.files {
        let repeat = if file.repeat.is_some() { ", once per client" } else { "" };
        let path = speaker.say_launch(path, &Known::default());
        let shown = String::from_utf8_lossy(&path);
        sheet.bytes(
            "writes  ",
            format!("{shown} ({} characters as written{repeat})", file.content.chars().count())
                .as_bytes(),
        );
    }
    for (name, value) in &spec.environment {
        let value = speaker.say_launch(value, &known);
        sheet.bytes("sets    ", &[name.as_bytes(), b"=", &value].concat());
    }
    sheet.bytes("starts  ", command(&spec.command).as_bytes());
    let ready = &spec.ready;
    let port = ready.port.as_ref().map(|port| format!("port {port}"));
    let line = ready.line.as_ref().map(|line| format!("a line with \"{line}\""));
    let conditions = [ready.url.clone(), line, port, ready.unix.clone()];
    for condition in conditions.into_iter().flatten() {
        sheet.bytes("awaits  ", &speaker.say_launch(&condition, &known));
    }
    let stop = spec.stop.command.as_ref().map_or_else(|| spec.stop.signal.to_string(), command);
    sheet.bytes("stops   ", stop.as_bytes());
}

/// Set-up and teardown.
fn steps(sheet: &mut Sheet, speaker: &Speaker<'_>, title: &str, steps: &[SetUp]) {
    for (number, SetUp { each, call }) in (1..).zip(steps) {
        let (whom, known) = match each {
            Each::Trial => ("once per trial", Known::default()),
            Each::Topic => ("once per topic", Known { topic: true, ..Known::default() }),
            Each::Client => {
                let url = speaker.dialect.webhook.as_ref();
                let url = url.map(|callback| patterns::callback_url(speaker, callback));
                ("once per client", Known { callback_url: url, ..Known::to_client() })
            }
        };
        sheet.head(&format!("{title} {number} of {}, {whom}", steps.len()));
        sheet.request(&speaker.request("publish", call, &known, &Beside::default()));
        sheet.answer(call);
    }
}
