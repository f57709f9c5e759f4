//! Which side is measured in which slot of a block.

use tidings::gate::{Arm, Order};

use super::table::CONFIRMS;

/// The side in a slot, from 1, of a block of a case.
pub(super) fn arm(seed: u64, case: usize, block: u32, slot: u32) -> Arm {
    if slot >= CONFIRMS {
        return Arm::Head;
    }
    Order::draw(seed, case, block).arms()[slot as usize - 1]
}
