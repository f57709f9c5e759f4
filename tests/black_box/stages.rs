//! The stamps of real exchanges with a real target, on a real timer: none before the one that must precede it.

use crate::target_support;

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use proptest::prelude::*;
use target_support::Target;
use tidings::clock;
use tidings::net::{Dialer, Http1, StampedResponse, WireTotals};
use tidings::pace::{Pacing, Timer};
use tidings::server::Options;
use tokio::runtime::{Builder, LocalOptions};

const PATIENCE: Duration = Duration::from_secs(20);

/// An exchange: the offset of its due stamp, and its size.
#[derive(Debug, Clone)]
struct Ask {
    in_ns: u64,
    bytes: usize,
    read: bool,
}

fn ask() -> impl Strategy<Value = Ask> {
    // Predecessor due, within the stretch that is spun through, and beyond it; from one segment to many.
    (0..400_000u64, 0..60_000usize, any::<bool>()).prop_map(|(in_ns, bytes, read)| Ask {
        in_ns,
        bytes,
        read,
    })
}

fn request(ask: &Ask) -> Request<Full<Bytes>> {
    let builder = Request::builder().header("host", "target");
    if ask.read {
        return builder.uri("/items?limit=5").body(Full::default()).unwrap();
    }
    let body = format!("{{\"name\":\"item\",\"data\":\"{}\"}}", "x".repeat(ask.bytes));
    builder
        .method(Method::POST)
        .uri("/items")
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

/// Carries `asks` out one after the other, each when it is due.
async fn carry_out(target: &Target, pacing: Pacing, asks: &[Ask]) {
    let (timer, drive) = Timer::new(pacing).unwrap();
    tokio::task::spawn_local(drive);
    let dialer = Dialer::new(target.address, Rc::new(WireTotals::default()));
    let mut connection = Http1::connect(&dialer, 0).await.unwrap();
    let mut before_ns = clock::now();
    for ask in asks {
        let due_ns = clock::now() + ask.in_ns;
        let fired_ns = timer.sleep_until(due_ns).await.unwrap();
        let answer = connection.exchange(request(ask), PATIENCE).await.unwrap();
        let StampedResponse { sent_ns, first_ns, done_ns, .. } = answer;
        assert!(answer.status.is_success(), "{answer:?}");
        let stamps = [before_ns, due_ns, fired_ns, sent_ns, first_ns, done_ns, clock::now()];
        assert!(stamps.is_sorted(), "{stamps:?} of {ask:?}");
        before_ns = done_ns;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn stamps_are_in_the_order_of_the_stages(
        asks in proptest::collection::vec(ask(), 1..12),
        spin: bool,
    ) {
        let target = Target::start(Options::default());
        let pacing = if spin { Pacing::Spin } else { Pacing::Timerfd };
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        runtime.unwrap().block_on(carry_out(&target, pacing, &asks));
    }
}
