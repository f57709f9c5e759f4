//! What is started and measured: `[[target.launch]]`, `[target.process]`, `[target.builtin]`.

use super::super::Kind::{Boolean, Count, Either, List, Map, Size, Span, Table, Text, Words};
use super::super::{ANY, Key, Kind, SOME, key};
use super::STATUS;
use crate::dialect::launch::Repeat;
use crate::scenario::read::words_of;

static TEXT: Kind = Text;
/// A command: one text, or a list of its words.
static COMMAND: Kind = Either(&[Text, List(&TEXT)]);
static CONTENT: Kind = Either(&[Text, Table(FILE)]);

/// `[[target.launch]]`
#[rustfmt::skip]
pub(super) static LAUNCH: &[Key] = &[
    key("command", Either(&[Text, List(&TEXT)])).required("required", "command = [\"./server\", \"--port\", \"{{port}}\"]")
        .says("The program and its arguments: a list, or a text that is split as a shell would, without a shell. `{{port}}` is a \
               port that is reserved for the trial."),
    key("name", Text).usually("the program's name")
        .says("What messages and the file of its output are called."),
    key("directory", Text).usually("the scenario's folder")
        .says("The working directory, relative to the scenario."),
    key("environment", Map(&TEXT)).usually("that of tidings")
        .says("Environment variables beside those of tidings."),
    key("files", Map(&CONTENT)).usually("none")
        .says("Files that are written before the start, by their path in the trial's own folder."),
    key("prepare", List(&COMMAND)).usually("none")
        .says("Commands that run to their end before the start, in this order, each written like `command`."),
    key("prepare_timeout", Span(SOME)).literally("\"1m\"")
        .says("Longest run of one of them."),
    key("ready", Table(READY)).usually("its port accepts connections")
        .says("When the server counts as started: when all of these hold."),
    key("cores", Either(&[Text, List(&CORE)])).usually("all")
        .says("The cores that it may use: `[0, 1]`, or `\"0-3,6\"`."),
    key("stop", Table(STOP)).usually("SIGTERM")
        .says("How it is asked to end; it is killed if it does not."),
];

static CORE: Kind = Count(0..=8_191);

#[rustfmt::skip]
static FILE: &[Key] = &[
    key("content", Text).required("required", "content = \"…\"")
        .says("The content."),
    key("repeat", Words(words_of::<Repeat>)).usually("once")
        .says("Once per client: a line of one file each, or a file each where the path has `{{client}}`."),
];

#[rustfmt::skip]
static READY: &[Key] = &[
    key("url", Text).usually("none")
        .says("A URL that answers with a status below 400, or one of `status`."),
    key("status", List(&STATUS)).usually("below 400")
        .says("The statuses that count."),
    key("line", Text).usually("none")
        .says("A text that a line of its output contains."),
    key("port", Either(&[Count(1..=65_535), Text])).usually("none")
        .says("A port of this host that accepts connections: a number, or a reserved one's name."),
    key("unix", Text).usually("none")
        .says("A Unix socket that accepts connections."),
    key("prints_url", Boolean).literally("false")
        .says("Whether the server chooses its port and prints its URL on a line: the port of the first is then `{{port}}`."),
    key("timeout", Span(SOME)).literally("\"30s\"")
        .says("Longest wait."),
];

#[rustfmt::skip]
static STOP: &[Key] = &[
    key("signal", Either(&[Text, Count(1..=64)])).literally("\"SIGTERM\"")
        .says("The signal."),
    key("command", Either(&[Text, List(&TEXT)])).usually("none")
        .says("A command that makes it end, in place of the signal."),
    key("timeout", Span(SOME)).literally("\"10s\"")
        .says("Longest wait for its end, after which it is killed."),
];

/// `[target.process]`
#[rustfmt::skip]
pub(super) static PROCESS: &[Key] = &[
    key("pid", Count(1..=u32::MAX as u64)).usually("none")
        .says("The process; its children count too."),
    key("pidfile", Text).usually("none")
        .says("A file that begins with its number, relative to the scenario."),
    key("cgroup", Either(&[Boolean, Text])).usually("none")
        .says("A control group (version 2) by its path, or `true` for that of the process: everything in it counts."),
];

/// `[target.builtin]`
#[rustfmt::skip]
pub(in crate::scenario) static BUILT_IN: &[Key] = &[
    key("shards", Count(1..=1_024)).usually("half of the cores")
        .says("Threads of the built-in server."),
    key("ring", Count(1..=100_000_000))
        .says("Events kept in the log of each topic: at least as many as a poller can miss."),
    key("max_concurrent_streams", Count(1..=1_024))
        .says("Concurrent streams per HTTP/2 connection that it allows and announces."),
    key("requests_per_s", Count(SOME)).usually("no limit").rule(NOTHING)
        .says("Limit on requests per second over all of its shards; requests above it get 429 with `Retry-After`."),
    key("connections", Count(SOME)).usually("no limit").rule(NOTHING)
        .says("Limit on connections; requests on further ones get 503 with `Retry-After`, and the connection closes."),
    key("send_buffer", Size(4 << 10..=64 << 20))
        .says("The kernel's send buffer of each connection: a larger one makes slow consumers look healthy."),
    key("write_timeout", Span(ANY))
        .says("A connection that accepts no bytes for this long is closed."),
];

/// Why a limit is not 0.
const NOTHING: &str = "would admit nothing; raise it, or remove it for no limit";
