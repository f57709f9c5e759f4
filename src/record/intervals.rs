//! The seconds of a trial, kept out of memory until they are written to the results folder.
//!
//! A second's distributions take 216 KiB per metric in memory and a hundredth of that packed; a trial may last for hours.
//! Packed seconds go to an unnamed temporary file; memory holds only their positions.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::measure::{Interval, PackedInterval, Snapshot};

/// An interval's place in time and in the file.
#[derive(Debug, Clone, Copy)]
struct Place {
    start_ns: u64,
    end_ns: u64,
    offset: u64,
    length: u32,
}

/// The workers' measurements by second: added as they arrive, read back one by one.
#[derive(Debug, Default)]
pub struct Intervals {
    places: Vec<Place>,
    end: u64,
    /// Made with the first interval.
    file: Option<File>,
}

impl Intervals {
    /// Adds a worker's measurements of a second.
    ///
    /// # Errors
    ///
    /// Where the temporary folder has no room.
    pub fn push(&mut self, packed: &PackedInterval) -> io::Result<()> {
        let bytes = packed.bytes().as_bytes();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(unnamed()?),
        };
        file.write_all_at(bytes, self.end)?;
        let PackedInterval { start_ns, end_ns, .. } = *packed;
        let length = bytes.len() as u32;
        self.places.push(Place { start_ns, end_ns, offset: self.end, length });
        self.end += u64::from(length);
        Ok(())
    }

    /// The earliest start of any, in monotonic nanoseconds.
    pub fn first_ns(&self) -> Option<u64> {
        self.places.iter().map(|place| place.start_ns).min()
    }

    /// The latest end of any, in monotonic nanoseconds.
    pub fn last_ns(&self) -> Option<u64> {
        self.places.iter().map(|place| place.end_ns).max()
    }

    /// Passes on the measurements that were added after the first `known` of them; returns how many there are.
    ///
    /// # Errors
    ///
    /// Where they cannot be read.
    pub fn since(&self, known: usize, mut take: impl FnMut(&Snapshot)) -> io::Result<usize> {
        for place in self.places.iter().skip(known) {
            take(&self.read(*place)?);
        }
        Ok(self.places.len())
    }

    /// Passes on all measurements, merged by the result of `group` on an interval's start and end: groups ascending, one at
    /// a time in memory.
    pub fn merged(
        &self,
        group: impl Fn(u64, u64) -> i64,
        mut take: impl FnMut(i64, &Interval) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut groups: BTreeMap<i64, Vec<Place>> = BTreeMap::new();
        for place in &self.places {
            groups.entry(group(place.start_ns, place.end_ns)).or_default().push(*place);
        }
        for (group, places) in groups {
            let mut merged: Option<Interval> = None;
            for place in places {
                let Place { start_ns, end_ns, .. } = place;
                let snapshot = self.read(place)?;
                match &mut merged {
                    Some(merged) => {
                        merged.start_ns = merged.start_ns.min(start_ns);
                        merged.end_ns = merged.end_ns.max(end_ns);
                        merged.snapshot.merge(&snapshot);
                    }
                    none => *none = Some(Interval { start_ns, end_ns, snapshot }),
                }
            }
            if let Some(merged) = merged {
                take(group, &merged)?;
            }
        }
        Ok(())
    }

    fn read(&self, place: Place) -> io::Result<Snapshot> {
        let file = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let mut packed = vec![0; place.length as usize];
        file.read_exact_at(&mut packed, place.offset)?;
        Ok(serde_json::from_slice(&packed)?)
    }
}

/// Opens a file that disappears when it is closed, however this process ends.
fn unnamed() -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("tidings-{}-{number}.seconds", std::process::id());
    unnamed_at(std::env::temp_dir().join(name))
}

/// The same, of this name, or of the next that is free: containers that share a folder may share process ids.
fn unnamed_at(mut path: PathBuf) -> io::Result<File> {
    let told = |path: &Path, error: &io::Error| {
        let where_to = path.display();
        io::Error::new(
            error.kind(),
            format!("{where_to}: {error}; set TMPDIR to a folder with room"),
        )
    };
    for _ in 0..100 {
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path.as_mut_os_string().push("+");
            }
            opened => {
                let file = opened.map_err(|error| told(&path, &error))?;
                std::fs::remove_file(&path).map_err(|error| told(&path, &error))?;
                return Ok(file);
            }
        }
    }
    Err(told(&path, &io::ErrorKind::AlreadyExists.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Counter, Metric, Recorder};

    #[test]
    fn a_file_that_another_left_is_not_shared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tidings-1-0.seconds");
        std::fs::write(&path, "another's").unwrap();
        let file = unnamed_at(path.clone()).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 0);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "another's");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    fn interval(start_ns: u64, sent: u64) -> Interval {
        let mut recorder = Recorder::new();
        recorder.count(Counter::Sent, sent);
        recorder.record(Metric::Slip, 10 + sent);
        Interval { start_ns, end_ns: start_ns + 10, snapshot: recorder.snapshot() }
    }

    #[test]
    fn pushed_intervals_come_back_merged_and_in_order() {
        let mut intervals = Intervals::default();
        // Two workers, of which one reports late.
        for (start, sent) in [(0, 1), (10, 2), (20, 4), (1, 8), (11, 16)] {
            intervals.push(&interval(start, sent).pack().unwrap()).unwrap();
        }
        assert_eq!(intervals.first_ns(), Some(0));
        let mut later = 0;
        let sent = |snapshot: &Snapshot| later += snapshot.counters.get(Counter::Sent);
        assert_eq!((intervals.since(2, sent).unwrap(), later), (5, 4 + 8 + 16));
        let mut told = Vec::new();
        let by_ten = |start: u64, _| (start / 10) as i64;
        intervals
            .merged(by_ten, |group, merged| {
                let slips = merged.snapshot.distribution(Metric::Slip).unwrap().count();
                let sent = merged.snapshot.counters.get(Counter::Sent);
                told.push((group, merged.start_ns, merged.end_ns, sent, slips));
                Ok(())
            })
            .unwrap();
        assert_eq!(told, [(0, 0, 11, 9, 2), (1, 10, 21, 18, 2), (2, 20, 30, 4, 1)]);
    }

    #[test]
    fn a_second_is_kept_as_its_worker_encoded_it() {
        let packed = interval(0, 7).pack().unwrap();
        // Over the control stream and into the file: the same bytes, encoded once.
        let frame = serde_json::to_vec(&packed).unwrap();
        let passed_on: PackedInterval = serde_json::from_slice(&frame).unwrap();
        assert_eq!(passed_on, packed);
        assert_eq!(packed.unpack().unwrap(), interval(0, 7));
        assert_eq!(serde_json::from_slice::<Interval>(&frame).unwrap(), interval(0, 7));
        let mut intervals = Intervals::default();
        intervals.push(&passed_on).unwrap();
        let mut kept = vec![0; intervals.end as usize];
        intervals.file.as_ref().unwrap().read_exact_at(&mut kept, 0).unwrap();
        assert_eq!(kept, packed.bytes().as_bytes());
    }

    #[test]
    fn nothing_was_pushed_and_nothing_comes() {
        let intervals = Intervals::default();
        assert_eq!(intervals.first_ns(), None);
        intervals.merged(|_, _| 0, |_, _| panic!("something came")).unwrap();
    }
}
