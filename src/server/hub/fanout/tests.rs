use std::cell::OnceCell;

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

use super::*;

/// Counts its visits, and does something at the first of them.
#[derive(Default)]
struct Reader {
    visits: Cell<usize>,
    acts: OnceCell<Box<dyn Fn()>>,
    failed: Cell<bool>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Listener for Reader {
    fn news(&self) {
        self.visits.set(self.visits.get() + 1);
        if let Some(act) = self.acts.get()
            && self.visits.get() == 1
        {
            act();
        }
    }

    fn fail(&self) {
        self.failed.set(true);
    }
}

impl Reader {
    fn acting(act: impl Fn() + 'static) -> Rc<Self> {
        let acts = OnceCell::from(Box::new(act) as Box<dyn Fn()>);
        Rc::new(Self { acts, ..Self::default() })
    }
}

fn audience(fanout: &Rc<Fanout>, readers: usize) -> (Rc<Audience>, Vec<Rc<Reader>>) {
    let audience = Rc::new(Audience::new(Rc::clone(fanout)));
    let readers: Vec<_> = (0..readers).map(|_| Rc::<Reader>::default()).collect();
    for reader in &readers {
        audience.enter(Rc::clone(reader) as Rc<dyn Listener>);
    }
    (audience, readers)
}

fn visits(readers: &[Rc<Reader>]) -> Vec<usize> {
    readers.iter().map(|reader| reader.visits.get()).collect()
}

fn total(readers: &[Rc<Reader>]) -> usize {
    visits(readers).iter().sum()
}

#[test]
fn a_small_audience_does_not_wait_for_a_large_one() {
    let fanout = Rc::<Fanout>::default();
    let (large, many) = audience(&fanout, 10 * SLICE);
    let (small, few) = audience(&fanout, 3);
    large.mark();
    small.mark();
    assert!(fanout.slice());
    assert_eq!((total(&many), total(&few)), (SLICE, 0));
    assert!(fanout.slice());
    assert_eq!(total(&few), 3, "in the second slice");
    while fanout.slice() {}
    assert_eq!(visits(&many), vec![1; 10 * SLICE]);
}

#[test]
fn news_in_the_middle_of_a_round_extends_it_for_those_who_were_visited() {
    let fanout = Rc::<Fanout>::default();
    let (audience, readers) = audience(&fanout, 2 * SLICE);
    audience.mark();
    assert!(fanout.slice());
    // Those who come later meet both in one visit.
    audience.mark();
    while fanout.slice() {}
    let seen = visits(&readers);
    assert_eq!((&seen[..SLICE], &seen[SLICE..]), (&[2; SLICE][..], &[1; SLICE][..]));
    assert!(!fanout.slice(), "nobody is visited without news");
}

#[test]
fn a_reader_that_publishes_leaves_or_enters_while_it_is_visited_disturbs_nobody() {
    let fanout = Rc::<Fanout>::default();
    let (audience, mut readers) = audience(&fanout, 3);
    let own = Rc::clone(&audience);
    readers.push(Reader::acting(move || own.mark()));
    let own = Rc::clone(&audience);
    let leaver = Reader::acting(move || own.leave(4));
    let guest = Rc::<Reader>::default();
    let (own, comes) = (Rc::clone(&audience), Rc::clone(&guest));
    readers.push(Reader::acting(move || {
        own.enter(Rc::clone(&comes) as Rc<dyn Listener>);
    }));
    audience.enter(Rc::clone(&readers[3]) as Rc<dyn Listener>);
    audience.enter(Rc::clone(&leaver) as Rc<dyn Listener>);
    audience.enter(Rc::clone(&readers[4]) as Rc<dyn Listener>);
    audience.mark();
    while fanout.slice() {}
    // The fourth published at its visit, so all are visited until it has been again.
    assert_eq!(visits(&readers), [2, 2, 2, 2, 1]);
    assert_eq!(leaver.visits.get(), 1);
    // A guest reads by itself what there was when it came.
    assert_eq!(guest.visits.get(), 0);
    audience.mark();
    while fanout.slice() {}
    assert_eq!((leaver.visits.get(), guest.visits.get()), (1, 1));
}

#[test]
fn places_are_used_again_and_given_back() {
    let fanout = Rc::<Fanout>::default();
    let (audience, _) = audience(&fanout, 5);
    audience.leave(1);
    audience.leave(4);
    audience.leave(3);
    assert_eq!(audience.links.borrow().len(), 3, "the end is cut off");
    let enter = || audience.enter(Rc::<Reader>::default());
    assert_eq!([enter(), enter(), enter()], [1, 3, 4]);
    for place in 0..5 {
        audience.leave(place);
    }
    assert_eq!(audience.links.borrow().capacity(), 0);
    audience.mark();
    assert!(!fanout.slice());
}

#[test]
fn a_visit_that_panics_fails_its_reader_alone() {
    let fanout = Rc::<Fanout>::default();
    let (audience, readers) = audience(&fanout, 2);
    let broken = Reader::acting(|| panic!("planted"));
    audience.enter(Rc::clone(&broken) as Rc<dyn Listener>);
    audience.mark();
    while fanout.slice() {}
    assert!(broken.failed.get() && readers.iter().all(|reader| !reader.failed.get()));
    assert_eq!(visits(&readers), [1, 1]);
}

#[test]
fn between_two_slices_everything_else_has_its_turn() {
    let runtime = Builder::new_current_thread().build_local(LocalOptions::default()).unwrap();
    runtime.block_on(async {
        let fanout = Rc::<Fanout>::default();
        spawn_local(Rc::clone(&fanout).run());
        let (audience, readers) = audience(&fanout, 20 * SLICE);
        audience.mark();
        let mut turns = 0;
        while total(&readers) < readers.len() {
            yield_now().await;
            turns += 1;
        }
        assert!(turns >= 20, "{turns}");
    });
}
