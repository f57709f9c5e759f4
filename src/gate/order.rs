//! The order of the trials within a block.

use crate::pace::Rng;

/// The stream of a gate's seed from which orders are drawn, per case.
const ORDER: u64 = 0x6f72_6465_7200_0000;

/// A side of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// What is there.
    Base,
    /// What is to come.
    Head,
}

impl Arm {
    /// The name in files, and of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Head => "head",
        }
    }
}

/// The order of the four trials of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Base, head, head, base.
    Abba,
    /// Head, base, base, head.
    Baab,
}

impl Order {
    /// The side of each slot.
    pub const fn arms(self) -> [Arm; 4] {
        match self {
            Self::Abba => [Arm::Base, Arm::Head, Arm::Head, Arm::Base],
            Self::Baab => [Arm::Head, Arm::Base, Arm::Base, Arm::Head],
        }
    }

    /// The order of a block, which is counted from 1: either with probability ½, independently of all others.
    pub fn draw(seed: u64, case: usize, block: u32) -> Self {
        let of_case = Rng::new(seed, ORDER + case as u64).next_u64();
        let bits = Rng::new(of_case, u64::from(block)).next_u64();
        if bits >> 63 == 0 { Self::Abba } else { Self::Baab }
    }
}

/// The side in a slot, from 1, of a block of a case; after the block, only the head is measured.
pub fn arm(seed: u64, case: usize, block: u32, slot: u32) -> Arm {
    let arms = Order::draw(seed, case, block).arms();
    let of_slot = (slot as usize).checked_sub(1).and_then(|at| arms.get(at));
    of_slot.copied().unwrap_or(Arm::Head)
}
