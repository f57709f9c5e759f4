//! Measures how late a shard wakes and how late its requests are sent, with a timerfd and spinning, second by second, beside the
//! hiccups of the same second.
//!
//! `cargo bench --bench pacing -- [SECONDS] [RATE]`: seconds of each (15), deadlines per second (10000).
//!
//! On a shared 2-core virtual machine, `-- 6`, the best of six seconds:
//!
//! | lateness | timerfd, p99 | spinning, p99 | for comparison |
//! | --- | --- | --- | --- |
//! | timer, constant deadlines | 72 µs | 6 µs | bare 1 ms timerfd thread 132 µs; bare clock loop 3 µs |
//! | timer, Poisson deadlines | 85 µs | 27 µs | bare 1 ms timerfd thread 59 µs; bare clock loop 14 µs |
//! | slip of requests, constant | 176 µs (median 56) | 136 µs (median 4) | |
//! | slip of requests, Poisson | 162 µs | 103 µs | |
//!
//! With a fixed margin of 0.1 ms, spinning reached 10 and 30 µs. The bare clock loop shows that the host takes the core away for
//! 1 % of the time; no timer gets below that. Constant deadlines step in time with the kernel's tick, which flatters them. An
//! exchange takes 37 µs of the shard's core when it spins and 55 µs when it sleeps, so at 10,000 per second every fourth deadline
//! finds the shard busy for over 10 µs more.
#![expect(clippy::print_stdout, reason = "a table for people is what this is for")]
#![expect(clippy::unwrap_used, reason = "an experiment ends where it cannot go on")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tidings::clock::{self, SECOND_NS};
use tidings::event::PayloadKind;
use tidings::measure::{Distribution, Metric, Recorder, Snapshot, pin};
use tidings::net::{Dialer, WireTotals};
use tidings::pace::{ArrivalProcess, Schedule, Timer, WakeMargin};
use tidings::pattern::{self, Context, Timeline};
use tidings::scenario::{
    Case, Conditions, Connection, Faults, Format, LoopKind, Mix, Pattern, Publish, RequestOptions,
    Transport, Workload,
};
use tidings::server::{self, Options};
use tidings::unit::{ByteSize, Rate, Span};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::spawn_local;

/// The core of the shard that is looked at. All others have the next one: a meter that ticks on the shard's own core takes
/// 1 % of its time, which is all that a 99th percentile shows.
const CORE: u32 = 0;
/// Connections that requests are spread over.
const CLIENTS: u64 = 64;
/// Load before the first second that counts.
const WARMUP_NS: u64 = SECOND_NS / 2;
const TICK_NS: u64 = 1_000_000;

/// The work of a shard.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// Wake, and nothing else.
    Timer,
    /// Send a request to a target in another thread, and read the answer.
    Requests(SocketAddr),
}

/// Lateness of a thread that wakes every millisecond, by second of the clock.
#[derive(Debug, Clone, Default)]
struct Hiccups(Arc<Mutex<BTreeMap<u64, Distribution>>>);

impl Hiccups {
    fn start() -> Self {
        let hiccups = Self::default();
        let kept = hiccups.clone();
        std::thread::spawn(move || {
            pin(CORE + 1);
            let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC).unwrap();
            let mut due = clock::now() + TICK_NS;
            loop {
                let at = Timespec {
                    tv_sec: (due / SECOND_NS) as i64,
                    tv_nsec: (due % SECOND_NS).max(1) as i64,
                };
                let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
                let spec = Itimerspec { it_interval: zero, it_value: at };
                timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &spec).unwrap();
                rustix::io::read(&timer, &mut [0; 8]).unwrap();
                let now = clock::now();
                let mut seconds = kept.0.lock().unwrap();
                // Ticks that were slept through were late, too.
                while due <= now {
                    seconds.entry(due / SECOND_NS).or_default().record(now - due);
                    due += TICK_NS;
                }
            }
        });
        hiccups
    }
}

fn case(rate: f64, arrivals: ArrivalProcess) -> Case {
    Case {
        id: "request".to_owned(),
        pattern: Pattern::Request(RequestOptions {
            loop_kind: LoopKind::Open,
            think: Span::default(),
            rate: Rate::per_second(rate),
            arrivals,
            mix: Mix::default(),
            format: Format::Json,
            conditional: false,
            timeout: Span::from_secs(5),
            retry_after: true,
            connection: Connection::KeepAlive,
            requests: None,
        }),
        workload: Workload {
            clients: CLIENTS,
            topics: 1,
            rate: Rate::per_second(1.0),
            arrivals,
            payload: ByteSize::new(100),
            late_after: Span::from_secs(1),
            churn: Rate::per_second(0.0),
            publish: Publish::Target,
            payload_kind: PayloadKind::default(),
            unconnected: tidings::scenario::Unconnected::Fail,
        },
        transport: Transport::default(),
        faults: Faults::default(),
        conditions: Conditions::default(),
    }
}

/// CPU time of this thread so far, in nanoseconds.
fn cpu_ns() -> u64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec as u64 * SECOND_NS + spent.tv_nsec as u64
}

/// Runs one shard for whole seconds; returns its records by second of the clock, and its CPU time in nanoseconds without
/// idle spinning.
fn shard(
    ahead: WakeMargin,
    load: Load,
    rate: f64,
    arrivals: ArrivalProcess,
    seconds: u64,
) -> (BTreeMap<u64, Snapshot>, u64) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(async move {
        let (timer, drive) = Timer::with_lead(ahead).unwrap();
        spawn_local(drive);
        let window = WARMUP_NS..WARMUP_NS + seconds * SECOND_NS;
        let schedule =
            Schedule { seed: 1, topics: 1, per_s: rate, process: arrivals, until_ns: window.end };
        let (target, links) = match load {
            Load::Timer => (SocketAddr::from(([127, 0, 0, 1], 0)), 0),
            Load::Requests(target) => (target, CLIENTS),
        };
        let (begin, timeline) = watch::channel(None);
        let dialer = Dialer::new(target, Rc::new(WireTotals::default()));
        let context = Context::new(
            case(rate, arrivals),
            dialer,
            timer.clone(),
            schedule.clone(),
            window.clone(),
            timeline,
        );
        let context = Rc::new(context);
        for link in 0..links {
            spawn_local(pattern::run(context.link(link)));
        }
        context.ready(links).await.unwrap();
        let window_ns = (clock::now() / SECOND_NS + 2) * SECOND_NS;
        let start_ns = window_ns - WARMUP_NS;
        begin.send_replace(Some(Timeline {
            idle_ns: start_ns,
            start_ns,
            window_ns,
            end_ns: start_ns + window.end,
        }));
        if let Load::Timer = load {
            let (timer, context) = (timer.clone(), Rc::clone(&context));
            spawn_local(async move {
                for offset_ns in schedule.topic(0) {
                    let woken_ns = timer.sleep_until(start_ns + offset_ns).await.unwrap();
                    let late_ns = woken_ns - (start_ns + offset_ns);
                    context.recorder.borrow_mut().record(Metric::Fired, late_ns);
                }
            });
        }
        let mut told = BTreeMap::new();
        timer.sleep_until(window_ns).await.unwrap();
        let (cpu_before_ns, spun_before_ns) = (cpu_ns(), timer.spun_ns());
        let mut full = context.recorder.replace(Box::default());
        for second in window_ns / SECOND_NS..window_ns / SECOND_NS + seconds {
            full.clear();
            let spare = full;
            timer.sleep_until((second + 1) * SECOND_NS).await.unwrap();
            full = context.recorder.replace(spare);
            told.insert(second, full.snapshot());
        }
        let spun_ns = timer.spun_ns() - spun_before_ns;
        (told, (cpu_ns() - cpu_before_ns).saturating_sub(spun_ns))
    })
}

/// Loops over the clock for whole seconds without other work: the best that any timer on this machine can do.
fn bare(rate: f64, arrivals: ArrivalProcess, seconds: u64) -> BTreeMap<u64, Snapshot> {
    let until_ns = seconds * SECOND_NS;
    let schedule = Schedule { seed: 1, topics: 1, per_s: rate, process: arrivals, until_ns };
    let start_ns = (clock::now() / SECOND_NS + 1) * SECOND_NS;
    let mut recorders: BTreeMap<u64, Recorder> = BTreeMap::new();
    for offset_ns in schedule.topic(0) {
        let due_ns = start_ns + offset_ns;
        let woken_ns = loop {
            let now = clock::now();
            if now >= due_ns {
                break now;
            }
        };
        let recorder = recorders.entry(due_ns / SECOND_NS).or_default();
        recorder.record(Metric::Fired, woken_ns - due_ns);
    }
    recorders.iter().map(|(second, recorder)| (*second, recorder.snapshot())).collect()
}

/// Ways to wait: asleep, and spinning from a fixed time before a deadline or from one that follows how late wakes are;
/// `None` is the bare loop.
const fn leads() -> [(Option<WakeMargin>, &'static str); 4] {
    [
        (None, "bare loop"),
        (Some(WakeMargin::fixed(0)), "timerfd"),
        (Some(WakeMargin::fixed(100_000)), "spin 0.1 ms"),
        (Some(WakeMargin::adaptive()), "spin"),
    ]
}

/// Quantiles in microseconds.
fn quantiles(samples: Option<&Distribution>, at: &[f64]) -> String {
    let us = |q: &f64| samples.and_then(|samples| samples.quantile(*q)).map(|ns| ns as f64 / 1e3);
    at.iter().map(|q| us(q).map_or("       -".to_owned(), |us| format!("{us:8.1}"))).collect()
}

fn main() {
    let numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let numbers: Vec<u64> = numbers.collect();
    let (seconds, rate) =
        (numbers.first().copied().unwrap_or(15), numbers.get(1).copied().unwrap_or(10_000) as f64);
    let listener = server::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        pin(CORE + 1);
        let until = async { drop(stopped.await) };
        server::serve(listener, Options { shards: 1, ..Options::default() }, until).unwrap();
        ended.send(()).unwrap();
    });
    let hiccups = Hiccups::start();
    pin(CORE);
    println!(
        "{rate}/s on one shard, {seconds} s each; microseconds at p50, p99, p99.9 of the second with the least p99, and \
         of the median second\n{:<33}{:<8}{:^26}{:^26}{:^26}",
        "", "", "wake - due", "slip (sent - due)", "hiccups (1 ms timerfd)"
    );
    for (load, name) in [(Load::Timer, "timer"), (Load::Requests(address), "requests")] {
        for arrivals in [ArrivalProcess::Constant, ArrivalProcess::Poisson] {
            for (ahead, pacing) in leads() {
                let (told, busy_ns) = match (ahead, load) {
                    (Some(ahead), _) => shard(ahead, load, rate, arrivals, seconds),
                    (None, Load::Timer) => (bare(rate, arrivals, seconds), 0),
                    (None, Load::Requests(_)) => continue,
                };
                let metric = if let Load::Timer = load { Metric::Fired } else { Metric::Slip };
                let p99 = |snapshot: &Snapshot| {
                    snapshot.distribution(metric).and_then(|d| d.quantile(0.99))
                };
                let mut order: Vec<_> = told.iter().collect();
                order.sort_by_key(|(_, snapshot)| p99(snapshot));
                let what = format!("{name}, {arrivals:?}, {pacing}").to_lowercase();
                for (which, (second, snapshot)) in
                    [("best", order[0]), ("median", order[order.len() / 2])]
                {
                    let all = [0.5, 0.99, 0.999];
                    let calm = hiccups.0.lock().unwrap();
                    println!(
                        "{what:<33}{which:<8}{}  {}  {}",
                        quantiles(snapshot.distribution(Metric::Fired), &all),
                        quantiles(snapshot.distribution(Metric::Slip), &all),
                        quantiles(calm.get(second), &all),
                    );
                }
                if let Load::Requests(_) = load {
                    let exchange_us = busy_ns as f64 / 1e3 / (rate * seconds as f64);
                    // Deadlines that fall into an exchange with over 10 us to go, if those keep out of each other's way.
                    let late = rate / 1e6 * (exchange_us - 10.0).max(0.0);
                    println!(
                        "{:<33}an exchange takes {exchange_us:.1} us of the shard's core, wakes included: {:.1} % of the \
                         deadlines find it busy for over 10 us more",
                        "",
                        late * 100.0
                    );
                }
            }
        }
    }
    drop(stop);
    end.recv().unwrap();
}
