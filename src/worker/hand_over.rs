//! What becomes of a second's recorder: encoded once, on a thread that runs only where no other wants its core, in slices,
//! and passed on.
//!
//! When the shards have ended, the coordinator takes over what is left: then nothing is measured any more, and a busy host
//! must not keep it waiting.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::clock;
use crate::control::Report;
use crate::measure::{Packing, Recorder, give_way};

/// CPU time after which a slice ends, once the metric under way is encoded: meant for slices of at most 100 µs.
const SLICE_NS: u64 = 40_000;
/// Pause between two slices.
const PAUSE: Duration = Duration::from_millis(1);

/// A second's recorder of a shard, to be sent `back` empty.
#[derive(Debug)]
pub(super) struct Second {
    /// Number of the shard in its worker.
    pub shard: u32,
    /// Begin and end, in monotonic nanoseconds.
    pub span: Range<u64>,
    /// The records.
    pub recorder: Box<Recorder>,
    /// Returns the emptied recorder.
    pub back: mpsc::Sender<Box<Recorder>>,
}

/// How seconds are handed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Whether each is passed on as it comes; else all of them at the end.
    pub at_once: bool,
    /// Whether any other thread goes first.
    pub gives_way: bool,
}

/// Passes on a report, or says why it cannot.
type Tell = Box<dyn FnMut(&Report) -> Result<(), String> + Send>;

/// The hand-over of seconds, on its own thread.
pub(super) struct HandOver {
    thread: JoinHandle<Desk>,
    taken_over: Arc<AtomicBool>,
}

/// Where seconds are encoded.
struct Desk {
    seconds: mpsc::Receiver<Second>,
    tell: Tell,
    /// Whether seconds are passed on at once; else when all have come.
    at_once: bool,
    kept: Vec<Report>,
    /// The second that is being encoded.
    under_way: Option<(Second, Packing)>,
    taken_over: Arc<AtomicBool>,
    failed: Option<String>,
}

impl HandOver {
    /// Starts the thread; returns where seconds are handed in.
    pub(super) fn start(
        manner: Manner,
        tell: impl FnMut(&Report) -> Result<(), String> + Send + 'static,
    ) -> std::io::Result<(Self, mpsc::Sender<Second>)> {
        let (sender, seconds) = mpsc::channel();
        let taken_over = Arc::new(AtomicBool::new(false));
        let mut desk = Desk {
            seconds,
            tell: Box::new(tell),
            at_once: manner.at_once,
            kept: Vec::new(),
            under_way: None,
            taken_over: Arc::clone(&taken_over),
            failed: None,
        };
        let thread = Builder::new().name("hand-over".to_owned()).spawn(move || {
            if manner.gives_way {
                give_way();
            }
            desk.work();
            desk
        })?;
        Ok((Self { thread, taken_over }, sender))
    }

    /// Passes on what is left, on this thread: every shard has ended, and with it whoever hands in.
    pub(super) fn take_over(self) -> Result<(), String> {
        self.taken_over.store(true, Ordering::Relaxed);
        let Ok(mut desk) = self.thread.join() else {
            return Err("the thread that encodes the measurements exited unexpectedly".to_owned());
        };
        desk.work();
        for report in std::mem::take(&mut desk.kept) {
            desk.pass_on(&report);
        }
        desk.failed.map_or(Ok(()), Err)
    }
}

impl Desk {
    /// Works until nobody is left who could hand in, or the coordinator takes over.
    fn work(&mut self) {
        let idle = !self.taken_over.load(Ordering::Relaxed);
        let mut slice_ns = clock::thread_cpu_ns();
        let mut yields = |desk: &Self| {
            if idle && clock::thread_cpu_ns() - slice_ns >= SLICE_NS {
                std::thread::sleep(PAUSE);
                slice_ns = clock::thread_cpu_ns();
            }
            idle && desk.taken_over.load(Ordering::Relaxed)
        };
        loop {
            if self.under_way.is_none() {
                let Ok(mut second) = self.seconds.recv() else { return };
                let packing = Packing::new(std::mem::take(&mut second.recorder));
                self.under_way = Some((second, packing));
            }
            while self.under_way.as_mut().is_some_and(|(_, packing)| packing.step()) {
                if yields(self) {
                    return;
                }
            }
            self.finish();
            if yields(self) {
                return;
            }
        }
    }

    /// Passes on the second under way, all metrics of which are encoded.
    fn finish(&mut self) {
        let Some((second, packing)) = self.under_way.take() else { return };
        match packing.finish(second.span) {
            Ok((packed, recorder)) => {
                // A shard that has ended needs no spare any more.
                let _ = second.back.send(recorder);
                let report = Report::Progress { shard: second.shard, packed };
                if self.at_once {
                    self.pass_on(&report);
                } else {
                    self.kept.push(report);
                }
            }
            Err(error) => self.failed = Some(error.to_string()),
        }
    }

    fn pass_on(&mut self, report: &Report) {
        if let Err(error) = (self.tell)(report) {
            self.failed.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND_NS;
    use crate::measure::{Counter, Metric};

    const WAITING: Manner = Manner { at_once: true, gives_way: true };

    /// Hands in `seconds` of a shard, and returns what was passed on: before the take-over, and in all.
    fn handed_over(at_once: bool, seconds: u64) -> (usize, Vec<Report>) {
        let (told, reports) = mpsc::channel();
        let tell = move |report: &Report| told.send(report.clone()).map_err(|e| e.to_string());
        let manner = Manner { at_once, gives_way: at_once };
        let (desk, sender) = HandOver::start(manner, tell).unwrap();
        let (back, emptied) = mpsc::channel();
        for second in 0..seconds {
            let mut recorder = Box::new(Recorder::new());
            recorder.count(Counter::Sent, second + 1);
            for ns in 0..5_000 {
                recorder.record(Metric::Response, ns * 311);
                recorder.record(Metric::Slip, ns * 17);
            }
            let span = second * SECOND_NS..(second + 1) * SECOND_NS;
            sender.send(Second { shard: 3, span, recorder, back: back.clone() }).unwrap();
        }
        // Every recorder comes back, and empty, while the shard is still there.
        for recorder in emptied.iter().take(seconds as usize) {
            assert_eq!(recorder.snapshot(), crate::measure::Snapshot::default());
        }
        let before: Vec<Report> = if at_once {
            reports.iter().take(seconds as usize).collect()
        } else {
            reports.try_iter().collect()
        };
        drop(sender);
        desk.take_over().unwrap();
        let count = before.len();
        (count, before.into_iter().chain(reports.try_iter()).collect())
    }

    #[test]
    fn every_second_is_passed_on_once_and_in_order() {
        for (at_once, before) in [(true, 6), (false, 0)] {
            let (passed_on, all) = handed_over(at_once, 6);
            assert_eq!((passed_on, all.len()), (before, 6));
            for (second, report) in (0..).zip(all) {
                let Report::Progress { shard: 3, packed } = report else { panic!("{report:?}") };
                let interval = packed.unpack().unwrap();
                assert_eq!(interval.start_ns, second * SECOND_NS);
                assert_eq!(interval.snapshot.counters.get(Counter::Sent), second + 1);
                assert_eq!(
                    interval.snapshot.distribution(Metric::Response).unwrap().count(),
                    5_000
                );
            }
        }
    }

    #[test]
    fn what_is_left_at_the_end_is_taken_over() {
        let (told, reports) = mpsc::channel();
        let tell = move |report: &Report| told.send(report.clone()).map_err(|e| e.to_string());
        let (desk, sender) = HandOver::start(WAITING, tell).unwrap();
        let (back, _) = mpsc::channel();
        for second in 0..50 {
            let mut recorder = Box::new(Recorder::new());
            recorder.record(Metric::Slip, second);
            let span = second..second + 1;
            sender.send(Second { shard: 0, span, recorder, back: back.clone() }).unwrap();
        }
        drop(sender);
        desk.take_over().unwrap();
        let starts: Vec<u64> = reports
            .try_iter()
            .map(|report| match report {
                Report::Progress { packed, .. } => packed.start_ns,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(starts, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_report_that_cannot_be_sent_ends_the_trial() {
        let (desk, sender) = HandOver::start(WAITING, |_| Err("broken pipe".to_owned())).unwrap();
        let second =
            Second { shard: 0, span: 0..1, recorder: Box::default(), back: mpsc::channel().0 };
        sender.send(second).unwrap();
        drop(sender);
        assert_eq!(desk.take_over(), Err("broken pipe".to_owned()));
    }
}
