use std::future::poll_fn;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const BOTH: [Pacing; 2] = [Pacing::Timerfd, Pacing::Spin];

fn with_timer(pacing: Pacing, body: impl AsyncFnOnce(Timer)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let (timer, drive) = Timer::new(pacing).unwrap();
        tokio::task::spawn_local(drive);
        // A sleeper that nobody wakes fails its test.
        tokio::time::timeout(Duration::from_secs(60), body(timer)).await.unwrap();
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

/// Minds the timer as a watch of sockets does, which has the other tasks of its thread run between two turns.
async fn mind(timer: Timer) {
    loop {
        poll_fn(|cx| timer.poll_wanted(cx)).await;
        timer.mind();
        while timer.turn().unwrap() == Near::Soon {
            tokio::task::yield_now().await;
        }
        timer.let_go().unwrap();
    }
}

#[test]
fn deadlines_close_behind_one_another_take_one_alarm_if_somebody_minds_them() {
    with_timer(Pacing::Timerfd, async |timer| {
        tokio::task::spawn_local(mind(timer.clone()));
        tokio::task::yield_now().await;
        let first = clock::now() + 20_000_000;
        let sleepers: Vec<_> = (0..100)
            .map(|number| {
                let timer = timer.clone();
                tokio::task::spawn_local(async move {
                    let deadline = first + number * NEAR_NS / 2;
                    let at = timer.sleep_until(deadline).await.unwrap();
                    assert!(deadline <= at && at <= clock::now());
                    timer.0.borrow().armed_ns
                })
            })
            .collect();
        for sleeper in sleepers {
            let armed_ns = sleeper.await.unwrap();
            // Of the last one, or of all on a machine that paused, no alarm is left.
            assert!([first, u64::MAX].contains(&armed_ns), "{armed_ns} beside {first}");
        }
        assert!(timer.0.borrow().sleepers.is_empty());
    });
}

#[test]
fn whoever_sleeps_is_woken_whether_or_not_the_timer_is_minded() {
    with_timer(Pacing::Timerfd, async |timer| {
        tokio::task::spawn_local(mind(timer.clone()));
        let mut rng = crate::pace::Rng::new(7, 0);
        for _ in 0..300 {
            let sleepers: Vec<_> = (0..8)
                .map(|number| {
                    let (timer, wait_ns) = (timer.clone(), rng.below(12 * NEAR_NS));
                    tokio::task::spawn_local(async move {
                        let deadline = clock::now() + wait_ns;
                        let sleep = timer.sleep_until(deadline);
                        if number == 0 {
                            // One that gives up, so that the alarm was set for nobody.
                            let others = timer.sleep_until(deadline.saturating_sub(wait_ns / 2));
                            tokio::select! { biased; _ = others => {}, _ = sleep => {} }
                        } else {
                            assert!(sleep.await.unwrap() >= deadline);
                        }
                    })
                })
                .collect();
            for sleeper in sleepers {
                sleeper.await.unwrap();
            }
        }
        let queue = timer.0.borrow();
        assert!(queue.sleepers.is_empty() && !queue.minded);
    });
}

#[test]
fn a_minder_sets_the_alarm_that_was_wanted_meanwhile() {
    with_timer(Pacing::Timerfd, async |timer| {
        let far = clock::now() + 3600 * SECOND_NS;
        for (before, wanted) in [(None, far), (Some(far + 7), far), (Some(far), far + 7)] {
            let noop = || Waker::noop().clone();
            before.map(|at| timer.0.borrow_mut().enlist(at, false, noop()).unwrap());
            let armed_ns = timer.0.borrow().armed_ns;
            timer.mind();
            let key = timer.0.borrow_mut().enlist(wanted, false, noop()).unwrap();
            assert_eq!(timer.turn().unwrap(), Near::No);
            assert_eq!(timer.0.borrow().armed_ns, armed_ns, "no alarm while it is minded");
            timer.let_go().unwrap();
            assert_eq!(timer.0.borrow().armed_ns, before.unwrap_or(wanted).min(wanted));
            timer.0.borrow_mut().sleepers.remove(key);
            let mut queue = timer.0.borrow_mut();
            (queue.heap, queue.armed_ns) = (Heap::new(), u64::MAX);
        }
        // An alarm of the past is none: a later deadline needs one of its own.
        timer.0.borrow_mut().armed_ns = 1;
        timer.mind();
        assert_eq!(timer.turn().unwrap(), Near::No);
        timer.let_go().unwrap();
        let _sleeper = timer.0.borrow_mut().enlist(far, false, Waker::noop().clone());
        assert_eq!(timer.0.borrow().armed_ns, far);
    });
}

#[test]
fn a_timer_that_spins_minds_itself() {
    with_timer(Pacing::Spin, async |timer| {
        timer.mind();
        assert_eq!(timer.turn().unwrap(), Near::No);
        timer.0.borrow_mut().armed_ns = 0;
        assert_eq!(timer.turn().unwrap(), Near::Now, "its driver is to run");
        timer.let_go().unwrap();
        assert_eq!(timer.0.borrow().armed_ns, 0);
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
        tokio::time::sleep(Duration::from_millis(2)).await;
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
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
        }
        assert!(timer.0.borrow().armed_ns > clock::now(), "the alarm is set for the far deadline");
    });
}
