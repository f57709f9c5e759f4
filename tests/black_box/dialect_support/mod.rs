//! Links of a dialect on one shard in the test's thread, against servers that the test scripts.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use tidings::clock;
use tidings::dialect::model::Dialect;
use tidings::dialect::token::{RunTag, Token};
use tidings::measure::{Counter, Snapshot};
use tidings::net::{Dialer, WireTotals};
use tidings::pace::{ArrivalProcess, Pacing, Schedule, Timer};
use tidings::pattern::{self, Context, Conversation, Timeline};
use tidings::scenario::{self, Case};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::{spawn_blocking, spawn_local};

use crate::target_support::{Answer, Client, PATIENCE};

/// Events of a topic per second, from the start of the schedule on.
pub(crate) const PER_S: f64 = 100.0;

/// The dialect that this `[target]` table describes.
pub(crate) fn dialect(target: &str) -> Dialect {
    #[derive(Deserialize)]
    struct Page {
        target: Dialect,
    }
    toml::from_str::<Page>(target).unwrap_or_else(|error| panic!("{error}\n{target}")).target
}

/// The one case of a scenario of `pattern`, with more lines in its table and in that of the workload.
pub(crate) fn case(pattern: &str, clients: u64, workload: &str, more: &str) -> Case {
    let text = format!(
        "question = \"?\"\npatterns = [\"{pattern}\"]\n[workload]\nclients = {clients}\nrate = \"100/s\"\n\
         arrivals = \"constant\"\n{workload}\n[{pattern}]\n{more}"
    );
    scenario::parse(&text, "x.toml", &[], &|_| None).unwrap().cases.remove(0)
}

/// A shard with the links of a case.
pub(crate) struct Stage {
    pub context: Rc<Context>,
    pub timer: Timer,
    begin: watch::Sender<Option<Timeline>>,
    window_ns: u64,
}

/// How a shard is set up.
pub(crate) struct Setting {
    pub case: Case,
    pub dialect: Dialect,
    pub target: SocketAddr,
    /// The port of every webhook receiver.
    pub port: Option<u16>,
    pub window: Duration,
}

/// Sets a shard up, and does with it what `act` says.
pub(crate) fn stage<T>(setting: Setting, act: impl AsyncFnOnce(&Stage) -> T) -> T {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(async move {
        let (timer, drive) = Timer::new(Pacing::Timerfd).unwrap();
        spawn_local(drive);
        let window_ns = setting.window.as_nanos() as u64;
        let schedule = Schedule {
            seed: 1,
            topics: 1,
            per_s: PER_S,
            process: ArrivalProcess::Constant,
            until_ns: window_ns,
        };
        let (begin, told) = watch::channel(None);
        let dialer = Dialer::new(setting.target, Rc::new(WireTotals::default()));
        let mut conversation = Conversation::built_in(setting.dialect);
        conversation.callback_port = setting.port;
        let context =
            Context::new(setting.case, dialer, timer.clone(), schedule, 0..window_ns, told);
        let context = Rc::new(context.speaking(conversation).keeping(1_000));
        let stage = Stage { context, timer, begin, window_ns };
        let done = act(&stage).await;
        stage.context.farewell().await;
        done
    })
}

impl Stage {
    /// Starts the links, and waits until they stand; the error says why one cannot.
    pub(crate) async fn open(&self) -> Result<(), String> {
        let clients = self.context.case.workload.clients;
        for link in 0..clients {
            spawn_local(pattern::run(self.context.link(link)));
        }
        tokio::time::timeout(PATIENCE, self.context.ready(clients)).await.expect("in time")
    }

    /// Begins the window.
    pub(crate) fn begin(&self) -> Timeline {
        let start_ns = clock::now();
        let timeline = Timeline {
            idle_ns: start_ns,
            start_ns,
            window_ns: start_ns,
            end_ns: start_ns + self.window_ns,
        };
        self.begin.send_replace(Some(timeline));
        timeline
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.context.recorder.borrow().counted(counter)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.context.recorder.borrow().snapshot();
        snapshot.ledger = self.context.ledger();
        snapshot
    }

    /// Waits until something holds, which it must within [`PATIENCE`].
    pub(crate) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let wait = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("in vain: {what}"));
    }
}

/// The payload of event `seq` of the only topic, as a publisher would make it.
pub(crate) fn payload(seq: u64) -> String {
    let token = RunTag::new(0).encode(Token::new(0, seq).unwrap());
    format!("{{\"data\":\"{} news\"}}", String::from_utf8_lossy(&token))
}

/// Header fields.
pub(crate) type Fields = Vec<(String, String)>;

/// Sends one request on a connection of its own, beside the shard's thread.
pub(crate) async fn send(
    address: SocketAddr,
    method: &'static str,
    path: &str,
    fields: Fields,
    body: Vec<u8>,
) -> Answer {
    let path = path.to_owned();
    let exchange = move || exchange(address, method, &path, &fields, &body);
    spawn_blocking(exchange).await.unwrap()
}

/// The same from a thread of its own.
pub(crate) fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(String, String)],
    body: &[u8],
) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    Client::connect(address).request(method, path, &fields, body)
}
