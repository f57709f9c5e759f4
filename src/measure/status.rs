//! Answers by their HTTP status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many answers had which status. Merging is associative and commutative.
///
/// A load meets a few statuses, nearly always the same: a list is searched faster than any map.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<u16, u64>", into = "BTreeMap<u16, u64>")]
pub struct Statuses(Vec<(u16, u64)>);

impl Statuses {
    /// Counts an answer.
    #[inline]
    pub fn count(&mut self, status: u16) {
        self.add(status, 1);
    }

    #[inline]
    fn add(&mut self, status: u16, n: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += n,
            None => self.0.push((status, n)),
        }
    }

    /// Whether nothing was counted.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds every count of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (status, n) in &other.0 {
            self.add(*status, *n);
        }
    }

    /// Statuses, ascending, with how many answers had each.
    pub fn counts(&self) -> BTreeMap<u16, u64> {
        self.0.iter().copied().collect()
    }
}

/// Equal counts are equal in whatever order they came.
impl PartialEq for Statuses {
    fn eq(&self, other: &Self) -> bool {
        self.counts() == other.counts()
    }
}

impl From<BTreeMap<u16, u64>> for Statuses {
    fn from(map: BTreeMap<u16, u64>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl From<Statuses> for BTreeMap<u16, u64> {
    fn from(statuses: Statuses) -> Self {
        statuses.counts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_counted_each_for_itself_in_any_order() {
        let of = |statuses: &[u16]| {
            let mut counted = Statuses::default();
            for status in statuses {
                counted.count(*status);
            }
            counted
        };
        let mut sum = of(&[200, 503, 200]);
        sum.merge(&of(&[404, 503]));
        assert_eq!(sum, of(&[503, 404, 200, 503, 200]));
        assert_eq!(sum.counts(), BTreeMap::from([(200, 2), (404, 1), (503, 2)]));
        let text = serde_json::to_string(&sum).unwrap();
        assert_eq!(text, r#"{"200":2,"404":1,"503":2}"#);
        assert_eq!(serde_json::from_str::<Statuses>(&text).unwrap(), sum);
        sum.clear();
        assert!(sum.is_empty());
    }
}
