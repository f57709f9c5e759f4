//! The seconds that workers report: kept as they came, and read when the window is over.

use super::trial::Trial;
use crate::measure::PackedInterval;

/// Says that measurements are lost.
pub(super) fn unkept(why: &str) -> String {
    format!("what was measured cannot be kept: {why}")
}

impl Trial<'_> {
    /// Keeps a second as it was encoded; it is read when the window is over, or where `abort_when` must know it.
    pub(super) fn keep(&mut self, id: usize, shard: u32, packed: &PackedInterval) {
        let mut error = self.facts.intervals.push(packed).err().map(|error| error.to_string());
        let shards = self.conductor.plan.layouts[self.planned.case].worker_shards.max(1);
        let number = id.saturating_sub(self.first_worker) * shards as usize + shard as usize;
        (self.on_second)(number, packed);
        if let Some(watch) = &mut self.watch {
            match packed.unpack() {
                Ok(interval) => {
                    let seen = watch.add(number, &interval);
                    self.due_to_end = self.due_to_end.take().or(seen);
                }
                Err(unread) => error = error.or(Some(unread.to_string())),
            }
        }
        self.unkept = self.unkept.take().or(error);
    }

    /// Adds the seconds that were kept to what the workers measured.
    pub(super) fn merge_seconds(&mut self) -> Result<(), String> {
        let workers = &mut self.facts.workers;
        let merged = self.facts.intervals.since(self.merged, |second| workers.merge(second));
        self.merged = merged.map_err(|error| unkept(&error.to_string()))?;
        Ok(())
    }
}
