use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const BOTH: [Pacing; 2] = [Pacing::Timerfd, Pacing::Spin];

fn with_timer(pacing: Pacing, body: impl AsyncFnOnce(Timer)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let (timer, drive) = Timer::new(pacing).unwrap();
        tokio::task::spawn_local(drive);
        body(timer).await;
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines_and_never_early() {
    for pacing in BOTH {
        with_timer(pacing, async |timer| {
            loop {
                let woken = Rc::new(RefCell::new(Vec::new()));
                let start = clock::now();
                // Some apart, and some within the stretch that is spun through.
                let deadlines = [30_000u64, 10_000, 10_050, 10_001, 20_000, 10_002, 0];
                let sleepers: Vec<_> = deadlines
                    .map(|us| {
                        let (timer, woken) = (timer.clone(), Rc::clone(&woken));
                        tokio::task::spawn_local(async move {
                            let deadline = start + us * 1_000;
                            let at = timer.sleep_until(deadline).await.unwrap();
                            assert!(deadline <= at && at <= clock::now());
                            woken.borrow_mut().push(us);
                        })
                    })
                    .into_iter()
                    .collect();
                tokio::task::yield_now().await;
                let all_sleep = clock::now() < start + 10_000_000;
                for sleeper in sleepers {
                    sleeper.await.unwrap();
                }
                if !all_sleep {
                    // Who comes after its deadline does not sleep, and has no place among those who do.
                    continue;
                }
                assert_eq!(*woken.borrow(), [0, 10_000, 10_001, 10_002, 10_050, 20_000, 30_000]);
                let queue = timer.0.borrow();
                assert!(queue.sleepers.is_empty() && queue.heap.is_empty());
                assert!(queue.spun_ns == 0 || pacing == Pacing::Spin, "{}", queue.spun_ns);
                break;
            }
        });
    }
}

#[test]
fn deadlines_close_behind_the_first_share_its_wake_up() {
    with_timer(Pacing::Timerfd, async |timer| {
        let timer = timer.gathering(20);
        for (offsets, expected, why) in [
            (&[100][..], 100, "one by itself is not put off"),
            (&[100, 121], 100, "nor is one that the next is too far behind"),
            (&[100, 120], 120, "two within the time share a wake-up"),
            (&[130, 125, 110, 100], 120, "whichever came first"),
            (&[100, 100, 101], 100, "those of one stamp leave together anyway, and at once"),
        ] {
            let from = clock::now() + 3600 * SECOND_NS;
            let mut queue = timer.0.borrow_mut();
            assert_eq!(queue.alarm(), None);
            for offset in offsets {
                queue.enlist(from + offset, true, Waker::noop().clone()).unwrap();
            }
            assert_eq!(queue.alarm(), Some(from + expected), "{why}: {offsets:?}");
            queue.enlist(from + 119, false, Waker::noop().clone()).unwrap();
            let exact = expected.min(119);
            assert_eq!(queue.alarm(), Some(from + exact), "what is not to wait does not: {why}");
            (queue.heap, queue.gathered) = <(Heap, Heap)>::default();
            queue.sleepers.clear();
        }
    });
}

#[test]
fn a_sleeper_that_gives_up_leaves_the_queue() {
    for pacing in BOTH {
        with_timer(pacing, async |timer| {
            let far = timer.sleep_until(clock::now() + 3600 * SECOND_NS);
            let soon = timer.sleep_until(clock::now() + 1_000_000);
            tokio::select! { _ = far => unreachable!(), done = soon => drop(done.unwrap()) }
            assert!(timer.0.borrow().sleepers.is_empty());
        });
    }
}

#[test]
fn traffic_and_time_outs_go_on_while_the_timer_spins() {
    with_timer(Pacing::Spin, async |timer| {
        // Deadlines so close that the timer never goes back to sleep.
        let spinning = timer.clone();
        let spin = tokio::task::spawn_local(async move {
            loop {
                spinning.sleep_until(clock::now() + 50_000).await.unwrap();
            }
        });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut one = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let echo = tokio::task::spawn_local(async move {
            let mut byte = [0];
            while other.read_exact(&mut byte).await.is_ok() {
                other.write_all(&byte).await.unwrap();
            }
        });
        for sent in 0..200u8 {
            one.write_all(&[sent]).await.unwrap();
            assert_eq!(one.read_u8().await.unwrap(), sent);
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        spin.abort();
        drop(one);
        echo.await.unwrap();
    });
}

#[test]
fn idle_spinning_is_counted() {
    with_timer(Pacing::Spin, async |timer| {
        // A busy machine may let many a deadline pass before the first turn without work.
        for _ in 0..20_000 {
            let begin = clock::now();
            timer.sleep_until(begin + 90_000).await.unwrap();
            assert!(timer.spun_ns() <= clock::now());
            if timer.spun_ns() > 0 {
                return;
            }
        }
        panic!("nothing was counted");
    });
}

#[test]
fn a_timer_without_deadlines_does_not_spin() {
    with_timer(Pacing::Spin, async |timer| {
        timer.sleep_until(clock::now() + 200_000).await.unwrap();
        let sleeping = timer.sleep_until(clock::now() + 3600 * SECOND_NS);
        tokio::pin!(sleeping);
        for _ in 0..3 {
            tokio::select! {
                biased;
                _ = &mut sleeping => unreachable!(),
                () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
            }
        }
        assert!(timer.0.borrow().armed_ns > clock::now(), "the alarm is set for the far deadline");
    });
}
