//! What it costs the kernel to bring an event to many sockets: the floor of every server's fan-out on this machine.
//!
//! `write-floor [LINKS] [RATE] [SECONDS] [ROUNDS]` connects `LINKS` loopback sockets to a reader on the second core, which
//! does nothing but read, and writes a frame of 128 bytes to each of them `RATE` times a second, by each way in turn. It prints
//! the writer's and the reader's CPU time per delivery, as medians of the rounds, and each way's median ratio to `send`
//! within its rounds.
#![expect(clippy::print_stdout, reason = "a table is what this is for")]

use std::env;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use io_uring::{IoUring, opcode, squeue, types};
use rustix::event::{Timespec, epoll};
use rustix::net::{SendFlags, send};
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

type Failure = Box<dyn Error + Send + Sync>;

/// Bytes of a frame, as a WebSocket carries an event of 128 bytes.
const FRAME: usize = 132;
/// Sockets that are written to between two looks at what else there is to do, as the fan-out does.
const SLICE: usize = 64;
/// The ways to write.
const WAYS: [Way; 6] = [
    Way::Send,
    Way::Write,
    Way::Vectored,
    Way::Ring(Submission { batch: SLICE, lean: false }),
    Way::Ring(Submission { batch: SLICE, lean: true }),
    Way::Ring(Submission { batch: 1024, lean: true }),
];

/// How a frame gets to a socket.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// `send` with `MSG_NOSIGNAL`, as the server does.
    Send,
    /// `write`.
    Write,
    /// `writev` of a head and a payload.
    Vectored,
    /// `io_uring`.
    Ring(Submission),
}

/// How requests are handed to the kernel.
#[derive(Debug, Clone, Copy)]
struct Submission {
    /// Requests per system call.
    batch: usize,
    /// Registered sockets, one issuer, completions only of failures.
    lean: bool,
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Send => "send".to_owned(),
            Self::Write => "write".to_owned(),
            Self::Vectored => "writev of two parts".to_owned(),
            Self::Ring(Submission { batch, lean }) => {
                let lean = if lean { ", registered sockets, no completions" } else { "" };
                format!("io_uring, {batch} at a time{lean}")
            }
        }
    }
}

/// The reader's account.
#[derive(Debug, Default)]
struct Account {
    bytes: AtomicU64,
    cpu_ns: AtomicU64,
    /// How often it found something to read.
    wakes: AtomicU64,
    ended: AtomicBool,
}

fn main() -> Result<(), Failure> {
    let words: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize, default: u64| words.get(at).map_or(Ok(default), |word| word.parse());
    let (links, rate) = (number(0, 1000)? as usize, number(1, 50)?.max(1));
    let (seconds, rounds) = (number(2, 1)?.max(1), number(3, 10)?.max(1));
    let account = Arc::new(Account::default());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let reads = Arc::clone(&account);
    let reader = thread::spawn(move || {
        pin(1);
        let sockets: Result<Vec<_>, _> = (0..links).map(|_| TcpStream::connect(address)).collect();
        read_all(&sockets?, &reads)
    });
    pin(0);
    let mut sockets = Vec::new();
    for _ in 0..links {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        sockets.push(socket);
    }
    let mut found = vec![Vec::new(); WAYS.len()];
    for round in 0..rounds as usize {
        for turn in 0..WAYS.len() {
            // Each way begins a round as often as any other.
            let at = (round + turn) % WAYS.len();
            let events = (rate, rate * seconds);
            found[at].push(measure(WAYS[at], &sockets, events, &account)?);
        }
    }
    account.ended.store(true, Ordering::Relaxed);
    send(&sockets[0], b"x", SendFlags::NOSIGNAL)?;
    reader.join().map_err(|_| "the reader panicked")??;
    print(links, rate, &found);
    Ok(())
}

fn print(links: usize, rate: u64, found: &[Vec<Cost>]) {
    println!("{links} sockets x {rate}/s x {FRAME} bytes, {} rounds\n", found[0].len());
    let head = ["writer", "reader", "÷ send", "reads at once"];
    println!("{:<62} {:>9} {:>9} {:>7} {:>14}", "way", head[0], head[1], head[2], head[3]);
    for (way, rounds) in WAYS.iter().zip(found) {
        let writer = median(rounds.iter().map(|cost| cost.writer_us));
        let reader = median(rounds.iter().map(|cost| cost.reader_us));
        let at_once = median(rounds.iter().map(|cost| cost.at_once));
        let pairs = rounds.iter().zip(&found[0]);
        let ratio = median(pairs.map(|(own, send)| own.writer_us / send.writer_us));
        let name = way.name();
        println!("{name:<62} {writer:>6.2} µs {reader:>6.2} µs {ratio:>7.3} {at_once:>14.1}");
    }
}

/// What a round found, per delivery.
#[derive(Debug, Clone, Copy)]
struct Cost {
    writer_us: f64,
    reader_us: f64,
    /// Deliveries per wake-up of the reader.
    at_once: f64,
}

/// Writes events at the rate.
fn measure(
    way: Way,
    sockets: &[TcpStream],
    (rate, events): (u64, u64),
    account: &Account,
) -> Result<Cost, Failure> {
    let frame = [0x81; FRAME];
    let mut ring = match way {
        Way::Ring(submission) => Some(Ring::new(submission, sockets)?),
        _ => None,
    };
    let (begin, period) = (Instant::now(), Duration::from_secs(1) / rate as u32);
    let (before, read_before) = (thread_cpu_ns(), account.cpu_ns.load(Ordering::Acquire));
    let wakes_before = account.wakes.load(Ordering::Relaxed);
    let target = account.bytes.load(Ordering::Acquire) + events * (sockets.len() * FRAME) as u64;
    for event in 0..events as u32 {
        thread::sleep((begin + period * event).saturating_duration_since(Instant::now()));
        match &mut ring {
            Some(ring) => ring.write(sockets, &frame)?,
            None => write_each(way, sockets, &frame)?,
        }
    }
    let spent = thread_cpu_ns() - before;
    while account.bytes.load(Ordering::Acquire) < target {
        thread::sleep(Duration::from_millis(1));
    }
    let read = account.cpu_ns.load(Ordering::Acquire) - read_before;
    let wakes = account.wakes.load(Ordering::Relaxed) - wakes_before;
    let deliveries = events as f64 * sockets.len() as f64;
    let per_delivery_us = |ns: u64| ns as f64 / 1e3 / deliveries;
    let (writer_us, reader_us) = (per_delivery_us(spent), per_delivery_us(read));
    Ok(Cost { writer_us, reader_us, at_once: deliveries / wakes as f64 })
}

fn write_each(way: Way, sockets: &[TcpStream], frame: &[u8]) -> Result<(), Failure> {
    let (head, payload) = frame.split_at(4);
    for mut socket in sockets {
        let written = match way {
            Way::Write => rustix::io::write(socket, frame)?,
            Way::Vectored => {
                let parts = [std::io::IoSlice::new(head), std::io::IoSlice::new(payload)];
                socket.write_vectored(&parts)?
            }
            Way::Send | Way::Ring(_) => send(socket, frame, SendFlags::NOSIGNAL)?,
        };
        if written < frame.len() {
            return Err("the reader does not keep up".into());
        }
    }
    Ok(())
}

struct Ring {
    ring: IoUring,
    submission: Submission,
}

impl Ring {
    fn new(submission: Submission, sockets: &[TcpStream]) -> Result<Self, Failure> {
        let mut builder = IoUring::builder();
        if submission.lean {
            builder.setup_single_issuer().setup_defer_taskrun();
        }
        let ring = builder.build(submission.batch.next_power_of_two() as u32)?;
        if submission.lean {
            let files: Vec<_> = sockets.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
            ring.submitter().register_files(&files)?;
        }
        Ok(Self { ring, submission })
    }

    fn write(&mut self, sockets: &[TcpStream], frame: &[u8]) -> Result<(), Failure> {
        let Submission { batch, lean } = self.submission;
        for (number, slice) in sockets.chunks(batch).enumerate() {
            for (at, socket) in slice.iter().enumerate() {
                let length = frame.len() as u32;
                let flags = SendFlags::NOSIGNAL.bits() as i32;
                let entry = if lean {
                    let file = types::Fixed((number * batch + at) as u32);
                    let send = opcode::Send::new(file, frame.as_ptr(), length).flags(flags).build();
                    send.flags(squeue::Flags::SKIP_SUCCESS)
                } else {
                    let file = types::Fd(socket.as_raw_fd());
                    opcode::Send::new(file, frame.as_ptr(), length).flags(flags).build()
                };
                #[expect(unsafe_code, reason = "the kernel reads what an entry points to")]
                // SAFETY: the frame and the sockets outlive the submission, which is complete below.
                unsafe {
                    self.ring.submission().push(&entry)?;
                }
            }
            // A send to a socket with room completes as it is submitted.
            let wanted = if lean { 0 } else { slice.len() };
            self.ring.submit_and_wait(wanted)?;
            for completion in self.ring.completion() {
                if completion.result() != frame.len() as i32 {
                    return Err(format!("a send completed with {}", completion.result()).into());
                }
            }
        }
        Ok(())
    }
}

/// Reads from all sockets until the account is ended.
fn read_all(sockets: &[TcpStream], account: &Account) -> Result<(), Failure> {
    let watch = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (at, socket) in sockets.iter().enumerate() {
        socket.set_nonblocking(true)?;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&watch, socket, epoll::EventData::new_u64(at as u64), flags)?;
    }
    let mut events = [const { MaybeUninit::uninit() }; 512];
    let mut bytes = [0; 4096];
    let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
    while !account.ended.load(Ordering::Relaxed) {
        let (ready, _) = epoll::wait(&watch, &mut events, Some(&patience))?;
        let mut count = 0;
        for event in ready {
            let mut socket = &sockets[event.data.u64() as usize];
            count += socket.read(&mut bytes).unwrap_or(0);
        }
        account.wakes.fetch_add(1, Ordering::Relaxed);
        account.cpu_ns.store(thread_cpu_ns(), Ordering::Release);
        account.bytes.fetch_add(count as u64, Ordering::Release);
    }
    Ok(())
}

/// Has this thread run on a core alone, where there is one.
fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    let _ = sched_setaffinity(None, &cores);
}

/// CPU time of this thread so far.
fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
