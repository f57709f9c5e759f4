//! A small executor for many links within one task: a link costs its own state, and no task.
//!
//! A task of the runtime takes about 0.5 KiB beside its future, because its cell is aligned to two cache lines and padded; a
//! thousand woken tasks are a thousand entries of the runtime's queue. Here a link is a boxed future in a slab, with a waker
//! of 32 bytes that puts the link's number into one queue. Whoever drives the nursery polls the links of the queue in slices,
//! and lets the runtime look at sockets and timers in between.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

/// Links that are polled before the runtime has its turn: what it does by itself between two looks at its sockets.
const SLICE: usize = 61;

type Link = Pin<Box<dyn Future<Output = ()>>>;

/// Links that one task drives. Clones share them.
#[derive(Clone)]
pub struct Nursery {
    links: Rc<RefCell<Slab<Option<Occupant>>>>,
    ready: Arc<Ready>,
}

impl fmt::Debug for Nursery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nursery").field("links", &self.len()).finish_non_exhaustive()
    }
}

/// A link while nobody polls it.
struct Occupant {
    link: Link,
    woken: Arc<LinkWaker>,
    /// The same as its future takes it: made once, as each would count up and down the shared counter.
    waker: Waker,
}

/// The links that were woken, and who polls them.
#[derive(Default)]
struct Ready(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    woken: Vec<u32>,
    driver: Option<Waker>,
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A poisoned queue is whole: nothing in it can panic halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct LinkWaker {
    ready: Arc<Ready>,
    key: u32,
    /// Whether the link stands in the queue.
    queued: AtomicBool,
}

impl Wake for LinkWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut queue = self.ready.lock();
        queue.woken.push(self.key);
        let driver = queue.driver.take();
        drop(queue);
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

impl Default for Nursery {
    fn default() -> Self {
        Self::new()
    }
}

impl Nursery {
    /// A nursery without links.
    pub fn new() -> Self {
        Self { links: Rc::default(), ready: Arc::default() }
    }

    /// Adds a link, which is first polled when the driver comes to it.
    pub fn add(&self, link: impl Future<Output = ()> + 'static) {
        self.add_boxed(Box::pin(link));
    }

    /// The same of a link that has its place already.
    pub fn add_boxed(&self, link: Pin<Box<dyn Future<Output = ()>>>) {
        let mut links = self.links.borrow_mut();
        let entry = links.vacant_entry();
        let ready = Arc::clone(&self.ready);
        let waker = LinkWaker { ready, key: entry.key() as u32, queued: AtomicBool::new(false) };
        let woken = Arc::new(waker);
        let waker = Waker::from(Arc::clone(&woken));
        entry.insert(Some(Occupant { link, woken: Arc::clone(&woken), waker }));
        drop(links);
        woken.wake();
    }

    /// The number of links that have not ended.
    pub fn len(&self) -> usize {
        self.links.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Polls links as they are woken, for ever: a task of its own. The links end with it, though they may hold the nursery.
    ///
    /// Without the runtime's budget for a task, which is meant for one link: a nursery of thousands would use it up at once.
    pub async fn drive(self) {
        struct Driver(Nursery);
        impl Drop for Driver {
            fn drop(&mut self) {
                let links = std::mem::take(&mut *self.0.links.borrow_mut());
                drop(links);
            }
        }
        let driver = Driver(self);
        tokio::task::unconstrained(async move {
            let Driver(nursery) = &driver;
            let mut woken = Vec::new();
            loop {
                let mut waited = false;
                poll_fn(|cx| {
                    let ready = nursery.woken(&mut woken, cx);
                    waited |= ready.is_pending();
                    ready
                })
                .await;
                for slice in woken.chunks(SLICE) {
                    // Not where the runtime has just had its turn: it would look at its sockets for nothing.
                    if !waited {
                        tokio::task::yield_now().await;
                    }
                    waited = false;
                    for key in slice {
                        nursery.poll(*key as usize);
                    }
                }
                woken.clear();
            }
        })
        .await;
    }

    /// Swaps the queue for the empty `woken`; ready once there is a link in it.
    fn woken(&self, woken: &mut Vec<u32>, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.ready.lock();
        if queue.woken.is_empty() {
            match &mut queue.driver {
                Some(driver) => driver.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        std::mem::swap(&mut queue.woken, woken);
        Poll::Ready(())
    }

    fn poll(&self, key: usize) {
        // Taken out, so that the link may add others.
        let occupant = self.links.borrow_mut().get_mut(key).and_then(Option::take);
        // A waker can outlive its link, whose place may be another's by then: one needless poll does no harm.
        let Some(mut occupant) = occupant else { return };
        occupant.woken.queued.store(false, Ordering::Release);
        let Occupant { link, waker, .. } = &mut occupant;
        let poll = || link.as_mut().poll(&mut Context::from_waker(waker)).is_ready();
        // A panic ends its link, as it would end a task. The panic hook has told of it, or has ended the process.
        let ended = catch_unwind(AssertUnwindSafe(poll)).unwrap_or(true);
        if ended {
            // Its drop may reach for the nursery, too.
            drop(occupant);
            self.links.borrow_mut().remove(key);
        } else if let Some(place) = self.links.borrow_mut().get_mut(key) {
            *place = Some(occupant);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::runtime::{Builder, LocalOptions};
    use tokio::sync::Notify;
    use tokio::task::{spawn_local, yield_now};

    use super::*;

    fn on_a_shard<F: Future>(test: F) -> F::Output {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().build_local(LocalOptions::default()).unwrap().block_on(test)
    }

    #[test]
    fn links_run_to_their_end_and_leave() {
        on_a_shard(async {
            let nursery = Nursery::new();
            spawn_local(nursery.clone().drive());
            let (bell, ended) = (Rc::new(Notify::new()), Rc::new(Cell::new(0)));
            for _ in 0..1000 {
                let (bell, ended) = (Rc::clone(&bell), Rc::clone(&ended));
                nursery.add(async move {
                    bell.notified().await;
                    yield_now().await;
                    ended.set(ended.get() + 1);
                });
            }
            while nursery.ready.lock().driver.is_none() {
                yield_now().await;
            }
            assert_eq!((nursery.len(), ended.get()), (1000, 0));
            bell.notify_waiters();
            while !nursery.is_empty() {
                yield_now().await;
            }
            assert_eq!(ended.get(), 1000);
        });
    }

    #[test]
    fn a_link_that_wakes_itself_and_adds_others_does_not_keep_the_runtime_from_its_own() {
        on_a_shard(async {
            let nursery = Nursery::new();
            spawn_local(nursery.clone().drive());
            let turns = Rc::new(Cell::new(0_u64));
            for _ in 0..3 {
                let (turns, more) = (Rc::clone(&turns), nursery.clone());
                nursery.add(poll_fn(move |cx| {
                    turns.set(turns.get() + 1);
                    if turns.get() < 10 {
                        more.add(async {});
                    }
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }));
            }
            for _ in 0..100 {
                yield_now().await;
            }
            let before = turns.get();
            assert!(before >= 50, "{before}");
            assert_eq!(nursery.len(), 3, "those that were added have ended");
        });
    }

    #[test]
    fn links_that_hold_their_nursery_end_with_its_driver() {
        let held = Rc::new(());
        on_a_shard(async {
            let nursery = Nursery::new();
            spawn_local(nursery.clone().drive());
            let (own, held) = (nursery.clone(), Rc::clone(&held));
            nursery.add(async move {
                std::future::pending::<()>().await;
                drop((own, held));
            });
            yield_now().await;
        });
        assert_eq!(Rc::strong_count(&held), 1);
    }

    #[test]
    fn a_link_that_panics_ends_alone() {
        on_a_shard(async {
            let nursery = Nursery::new();
            let driver = spawn_local(nursery.clone().drive());
            nursery.add(async { panic!("planted") });
            let bell = Rc::new(Notify::new());
            let rings = Rc::clone(&bell);
            nursery.add(async move { rings.notify_one() });
            bell.notified().await;
            assert!(nursery.is_empty() && !driver.is_finished());
        });
    }

    #[test]
    fn a_waker_that_outlives_its_link_disturbs_nobody() {
        on_a_shard(async {
            let nursery = Nursery::new();
            spawn_local(nursery.clone().drive());
            let kept = Rc::new(RefCell::new(None));
            let keep = Rc::clone(&kept);
            nursery.add(poll_fn(move |cx| {
                *keep.borrow_mut() = Some(cx.waker().clone());
                Poll::Ready(())
            }));
            while kept.borrow().is_none() {
                yield_now().await;
            }
            kept.borrow().as_ref().unwrap().wake_by_ref();
            let polled = Rc::new(Cell::new(0));
            let count = Rc::clone(&polled);
            nursery.add(poll_fn(move |_| {
                count.set(count.get() + 1);
                Poll::Pending
            }));
            kept.borrow().as_ref().unwrap().wake_by_ref();
            for _ in 0..10 {
                yield_now().await;
            }
            assert!((1..=3).contains(&polled.get()), "{}", polled.get());
            assert_eq!(nursery.len(), 1);
        });
    }
}
