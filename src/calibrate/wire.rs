//! A hundred pushes of a hundred bytes on plain TCP (16): their cost at IP level is known to the byte.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::rc::Rc;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_quickack;
use tokio::io::AsyncReadExt as _;

use super::Experiment;
use super::finding::{Finding, Quantity};
use super::lab::{Halt, Lab};
use crate::clock;
use crate::measure::{Wire, wire_of};
use crate::net::{Socket, WireTotals};

/// Experiment 16.
pub(super) const BYTES: Experiment = Experiment {
    id: 16,
    name: "100 pushes of 100 B on plain TCP",
    proves: "Bytes are counted as on the wire: payload, headers of every segment, and acknowledgements.",
    quick: true,
    seconds: [1.0, 1.0],
    run,
};

/// Pushes, and bytes of each.
const PUSHES: u64 = 100;
const SIZE: usize = 100;
/// Bytes per push: itself and its acknowledgement, with the headers of both.
const COST: u64 = SIZE as u64 + 52 + 52;
/// Longest wait for an acknowledgement, in nanoseconds: more than any kernel delays it.
const PATIENCE_NS: u64 = 500_000_000;

fn run(_: &Lab<'_>) -> Result<Finding, Halt> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(judge(runtime.block_on(push())?))
}

/// Pushes, each acknowledged before the next is written and so in a segment of its own; returns the receiver's account.
async fn push() -> std::io::Result<Wire> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let receiver = TcpStream::connect(listener.local_addr()?)?;
    let (mut sender, _) = listener.accept()?;
    sender.set_nodelay(true)?;
    let acknowledger = receiver.try_clone()?;
    receiver.set_nonblocking(true)?;
    let totals = Rc::new(WireTotals::default());
    let mut socket = Socket::new(tokio::net::TcpStream::from_std(receiver)?, &totals)?;
    socket.meter().mark();
    let begin = wire_of(sender.as_fd()).unwrap_or_default().segments;
    for push in 1..=PUSHES {
        // Set each time, because the kernel falls back to delayed acknowledgements.
        set_tcp_quickack(&acknowledger, true)?;
        sender.write_all(&[b'x'; SIZE])?;
        socket.read_exact(&mut [0; SIZE]).await?;
        let deadline = clock::now() + PATIENCE_NS;
        while wire_of(sender.as_fd()).unwrap_or_default().segments < begin + 2 * push
            && clock::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    drop(socket);
    Ok(totals.total())
}

fn judge(wire: Wire) -> Finding {
    let bytes = |n: f64| format!("{n} B");
    Finding::of(vec![
        Quantity::within(
            "at IP level",
            (PUSHES * COST) as f64,
            Some(wire.bytes as f64),
            0.001,
            bytes,
        ),
        Quantity::exactly("segments", 2 * PUSHES, wire.segments),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_more_or_less_is_seen() {
        for (bytes, segments, holds, why) in [
            (20_400, 200, true, "as theory says"),
            (20_452, 201, false, "a segment twice"),
            (10_000, 200, false, "payload alone"),
            (15_200, 100, false, "without acknowledgements"),
        ] {
            let wire = Wire { bytes, segments, ..Wire::default() };
            assert_eq!(judge(wire).holds(), holds, "{why}");
        }
    }

    #[test]
    fn the_kernel_counts_as_theory_does() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let wire = runtime.block_on(push()).unwrap();
        assert!(judge(wire).holds(), "{wire:?}");
    }
}
