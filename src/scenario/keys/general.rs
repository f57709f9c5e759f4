//! The top level, and the tables on the load as a whole: phases, processes, workload, transport.

use super::Kind::{Boolean, Count, Either, List, Number, Rate, Set, Size, Span, Text, Word, Words};
use super::{ANY, Form, Kind, Of, SOME, Section, key};
use crate::event::PayloadKind;
use crate::pace::ArrivalProcess;
use crate::scenario::check::{LONGEST, MOST_CLIENTS, MOST_GATHERED, MOST_PAYLOAD, MOST_SAMPLES};
use crate::scenario::file::File;
use crate::scenario::prices::MOST as DEAREST;
use crate::scenario::read::words_of;
use crate::scenario::spin::AUTO;
use crate::scenario::workload::PER_CLIENT;
use crate::scenario::{
    GateOptions, Http, PatternKind, Phases, Prices, Profile, Publish, Transport, Unconnected,
    WorkerOptions, Workload, workload,
};

static NAMES: Kind = Words(words_of::<PatternKind>);
static TEXTS: Kind = Text;

/// The top level.
#[rustfmt::skip]
pub(in crate::scenario) static ROOT: Section = Section {
    name: "",
    about: "A scenario of tidings: a question, a workload, and the patterns to compare.",
    of: Of::Traits(|_| true),
    swept: false,
    form: Form::of::<File>(),
    keys: &[
        key("question", Text).required("required", "question = \"…\"")
            .says("The question in prose, printed at the top of every report."),
        key("name", Text).usually("the file's stem")
            .says("Title of the reports and name of the results folder: any line of text."),
        key("patterns", Set(&NAMES)).required("required, but all that the dialect of another server describes", "patterns = [\"sse\", \"websocket\"]")
            .says("The patterns to compare. Other usual names are accepted, in any case, here and wherever a pattern is named: \
                   `\"ws\"`, `\"SSE\"`, `\"Long-Polling\"`, `\"polling\"`; files and reports have the names above."),
        key("trials", Count(1..=1_000))
            .says("Trials per case, one in each randomised block."),
        key("seed", Count(ANY))
            .says("Seed of all randomness: the same seed gives the same order and the same events."),
        key("objectives", List(&TEXTS)).usually("none")
            .says("Conditions; `run` exits 1 if one is missed, 3 if the data does not decide one: `\"reach >= 1\"`, `\"websocket: \
                   freshness_p99.9 < 50ms\"`, `\"share(freshness > 1s) < 0.1%\"`, `\"errors_rate < 0.1%\"`, `\"websocket: \
                   freshness_p99 < 0.5 * sse: freshness_p99\"`. The README lists the forms, METHODOLOGY.md the rules."),
        key("abort_when", Text).usually("none")
            .says("What ends the run early, written `\"[pattern or case:] quantity operator limit for time\"`: `\"errors_rate > 20% \
                   for 5s\"`. Judged every second from the warm-up to the end of the window; the seconds must be in a row. \
                   Quantities: `errors_rate` and the rates of single errors, `deliveries_per_s`, and percentiles, means and shares \
                   of a metric's samples within the second. The trial is recorded as failed with what it measured, no further one \
                   begins, and `run` exits 1."),
        key("profile", Words(words_of::<Profile>)).usually("chosen by itself")
            .says("How strictly the machine is judged: see the verdict table of [METHODOLOGY.md](../METHODOLOGY.md). \
                   Default: `dedicated` if the host has more cores than a case has shards and never showed steal or \
                   throttling, else `shared`."),
        key("floor", Boolean)
            .says("Whether to measure the noise floor: short trials of the same load against a null target within the first \
                   block, one for the responses and one for the deliveries of each workload. Figures below three times \
                   their floor are marked `^`. With a target of your own that tidings launches or watches, also what \
                   publishing alone costs it: a trial without clients before the first of each case."),
    ],
};

/// `[phases]`
#[rustfmt::skip]
pub(super) static PHASES: Section = Section {
    name: "phases",
    about: "How long each part of a trial takes.",
    of: Of::Traits(|_| true),
    swept: false,
    form: Form::of::<Phases>(),
    keys: &[
        key("connect", Span(0..=LONGEST.ns())).usually("2,000 links a second, at least `\"500ms\"`").checked_later()
            .says("Time over which connections are opened, evenly spaced."),
        key("idle", Span(0..=LONGEST.ns())).usually("`\"500ms\"`, or none with `request` alone").checked_later()
            .says("Time in which the links are open and nothing is published yet. It shows what a client costs while nothing \
                   happens: heartbeats, pings, empty polls. `\"0s\"` leaves it out."),
        key("warmup", Span(0..=LONGEST.ns())).checked_later()
            .says("Load before the window, not measured."),
        key("measure", Span(1..=LONGEST.ns())).checked_later()
            .says("The measure window: everything due in it is measured."),
        key("drain", Span(0..=LONGEST.ns())).usually("`\"5s\"`, or two poll intervals").checked_later()
            .says("Longest wait after the window for deliveries in flight. At least one poll interval."),
    ],
};

/// `[worker]`
#[rustfmt::skip]
pub(super) static WORKER: Section = Section {
    name: "worker",
    about: "The processes that offer the load.",
    of: Of::Traits(|_| true),
    swept: false,
    form: Form::of::<WorkerOptions>(),
    keys: &[
        key("processes", Count(1..=1_024)).usually("as many as descriptors ask for")
            .says("Worker processes."),
        key("shards", Count(1..=1_024)).usually("half of the cores, over the processes")
            .says("Threads per worker."),
        key("spin", Either(SPIN))
            .says("Whether workers wake 0.1 to 1 ms before a deadline, depending on recent wake-up latency, and spin on the \
                   clock until it. `\"auto\"`: if the host has more cores than the case has shards, target and workers \
                   together."),
        key("gather", Span(0..=MOST_GATHERED.ns())).literally("\"0s\"")
            .says("How long a request or poll that is due may wait for the next ones, to be sent together with them. The wait counts as \
                   `slip`, and saves wake-ups of a worker that sends thousands per second: `\"1ms\"` is the tick \
                   of oha and h2load. `\"0s\"`: each leaves when it is due."),
        key("samples", Count(0..=MOST_SAMPLES)).rule("at most 1000000 raw samples can be kept; lower it")
            .says("Raw samples per worker shard: the first requests and polls of the window for `samples.csv`, and as many of its \
                   deliveries for `deliveries.csv`. Of each at most a million over all shards."),
    ],
};

/// `[prices]`
#[rustfmt::skip]
pub(super) static PRICES: Section = Section {
    name: "prices",
    about: "What the target is paid by.",
    of: Of::Traits(|_| true),
    swept: false,
    form: Form::of::<Prices>(),
    keys: &[
        key("cpu_hour", Number(0.0..=DEAREST)).rule(PRICE)
            .says("Price of a core for an hour. Divide it by the utilisation that you plan for: at 50 %, a busy core-hour costs \
                   twice as much."),
        key("gib_hour", Number(0.0..=DEAREST)).rule(PRICE)
            .says("Price of a GiB of memory for an hour."),
        key("gb_out", Number(0.0..=DEAREST)).rule(PRICE)
            .says("Price of a GB (10⁹ bytes) that the target sends. Between servers of one zone it is often 0."),
        key("million_requests", Number(0.0..=DEAREST)).rule(PRICE)
            .says("Price of a million requests that the target answers: calls, polls, posted events. A server of your own is \
                   not billed by the request; an API gateway is ([Amazon's](https://aws.amazon.com/api-gateway/pricing/) takes \
                   1.00 for HTTP APIs)."),
        key("currency", Text)
            .says("What the prices are in, for reports."),
    ],
};

/// `[gate]`
#[rustfmt::skip]
pub(super) static GATE: Section = Section {
    name: "gate",
    about: "What `tidings gate` decides by.",
    of: Of::Traits(|_| true),
    swept: false,
    form: Form::of::<GateOptions>(),
    keys: &[
        key("tolerances", List(&TEXTS)).usually("`[\"freshness_p50=5%\", \"target_cpu_per_delivery=5%\"]`, of `request` `response_p50`")
            .says("The metrics that decide, each with the change that is tolerated: any percentile, rate or cost of `trials.csv`. A sign says which \
                   way is worse, for metrics of which neither way is better: `\"hold_p50=+10%\"`. Metrics that are \
                   not named inform only."),
        key("budget", Span(SOME))
            .says("Longest time of the gate's trials."),
    ],
};

/// The bounds of a price.
const PRICE: &str = "must be between 0 and 1e9; write 0 for what costs nothing";

static SPIN: &[Kind] = &[Boolean, Word(AUTO)];
static TOPICS: &[Kind] = &[Count(SOME), Word(PER_CLIENT)];

/// `[workload]`
#[rustfmt::skip]
pub(super) static WORKLOAD: Section = Section {
    name: "workload",
    about: "What is offered.",
    of: Of::Traits(|_| true),
    swept: true,
    form: Form { read: workload::readable, ..Form::of::<Workload>() },
    keys: &[
        key("clients", Count(1..=MOST_CLIENTS)).required("required", "clients = 1000 in [workload], or sweep it").checked_later()
            .says("Clients per case. Client i subscribes to topic i mod `topics`."),
        key("topics", Either(TOPICS)).of(|t| t.delivers)
            .says("1 is a broadcast; `\"per-client\"` is one topic per client. At most `clients`."),
        key("rate", Rate).required("required", "rate = \"5/s\" in [workload], or sweep it").of(|t| t.delivers)
            .says("Events per second **in each topic**, and so the deliveries per second to each client."),
        key("arrivals", Words(words_of::<ArrivalProcess>)).of(|t| t.delivers)
            .says("Arrival process of events: independent, evenly spaced, or ten at once."),
        key("payload", Size(2..=MOST_PAYLOAD))
            .says("Payload of an event, or of an item."),
        key("payload_kind", Words(words_of::<PayloadKind>))
            .says("Its content: a JSON string of ASCII letters; a JSON object with an array of records, as most APIs send \
                   them (payloads of at least 22 B); a JSON string of letters with three bytes each in UTF-8. All three \
                   have the same size, but cost differently to validate and encode."),
        key("late_after", Span(SOME)).of(|t| t.delivers)
            .says("A delivery older than this on arrival counts as late."),
        key("churn", Rate).of(|t| t.delivers)
            .says("Departures per second over all clients, Poisson, in the window. A leaving client closes its connection \
                   cleanly (a webhook deletes its registration), and a new one resumes from its cursor, so nothing is lost."),
        key("publish", Words(words_of::<Publish>)).of(|t| t.delivers)
            .says("Who publishes: the target itself, at no cost on the connections; or the clients of each topic in turn: \
                   `websocket` over its socket, the others with a POST on a second connection (HTTP/2: the same one); or a \
                   publisher in a process of its own, as always where the target is not the built-in one; or nobody, so that \
                   clients of another target only listen, and their messages and the gaps between them are counted, without `rate`. \
                   The clients: not with `[restart]`, `workload.churn`, `faults.stall_at` or `faults.delay`; the publisher: not \
                   with `[restart]` or `faults.stall_at` of the built-in target."),
        key("unconnected", Words(words_of::<Unconnected>)).literally("\"fail\"")
            .says("What becomes of a client that cannot connect before the load begins: the trial fails; or the failure is \
                   counted by its kind, and the client tries again, as after a connection that ended. Where no client can \
                   connect, the trial fails nevertheless. Not for `webhook`."),
    ],
};

/// `[transport]`
#[rustfmt::skip]
pub(super) static TRANSPORT: Section = Section {
    name: "transport",
    about: "TLS and HTTP version.",
    of: Of::Traits(|_| true),
    swept: true,
    form: Form::of::<Transport>(),
    keys: &[
        key("tls", Boolean).built_in("the scheme of target.url says it; write https:// or wss:// there, and remove it")
            .says("TLS 1.3 on every connection, including those to webhook receivers. Each trial has its own certificate \
                   authority, which clients verify."),
        key("resume", Boolean)
            .says("Reconnecting clients resume their session with a ticket; false: no tickets, every handshake is full. No \
                   effect without TLS."),
        key("http", Words(words_of::<Http>)).of(|t| t.http2)
            .says("`\"2\"`: HTTP/2, by ALPN under TLS, by prior knowledge (h2c) without. Not with connections per request, \
                   nor for WebSockets (RFC 8441 is not supported)."),
        key("streams", Count(1..=10_000)).of(|t| t.http2)
            .says("Most clients of a shard that share one HTTP/2 connection. No effect on HTTP/1.1."),
    ],
};
