//! Chooses the next operation on `/items`.

use crate::scenario::Mix;

/// An operation on `/items`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// `POST /items`
    Create,
    /// `GET /items/{id}`
    Read,
    /// `HEAD /items/{id}`
    Head,
    /// `PUT /items/{id}`
    Replace,
    /// `PATCH /items/{id}`
    Patch,
    /// `DELETE /items/{id}`
    Delete,
    /// `GET /items`
    List,
}

impl Mix {
    /// Returns the operation at `at` in `0..total`; each operation has its share of the range.
    pub(super) fn operation(&self, mut at: u64) -> Operation {
        for (operation, share) in self.shares() {
            if at < u64::from(share) {
                return operation;
            }
            at -= u64::from(share);
        }
        Operation::Read
    }

    pub(super) fn total(&self) -> u64 {
        self.shares().iter().map(|(_, share)| u64::from(*share)).sum()
    }

    const fn shares(&self) -> [(Operation, u32); 7] {
        [
            (Operation::Create, self.create),
            (Operation::Read, self.read),
            (Operation::Head, self.head),
            (Operation::Replace, self.replace),
            (Operation::Patch, self.patch),
            (Operation::Delete, self.delete),
            (Operation::List, self.list),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_gets_its_share() {
        let mix = Mix { create: 1, read: 5, head: 3, replace: 2, patch: 4, delete: 1, list: 1 };
        let count =
            |wanted| (0..mix.total()).filter(|at| mix.operation(*at) == wanted).count() as u32;
        for (operation, share) in mix.shares() {
            assert_eq!(count(operation), share, "{operation:?}");
        }
    }
}
