//! Ledgers against a naive model that keeps everything that happened and counts at the end.

use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Receive { seq: u64, late: bool },
    Subscribe(u64),
    Withdraw(u64),
    Uncertain(u64),
    WriteOff(Range<u64>),
}

const SEQS: u64 = 14;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..SEQS, any::<bool>()).prop_map(|(seq, late)| Step::Receive { seq, late }),
        1 => (1..SEQS).prop_map(Step::Subscribe),
        1 => (1..SEQS).prop_map(Step::Withdraw),
        1 => (1..SEQS).prop_map(Step::Uncertain),
        1 => (1..SEQS, 1..4u64).prop_map(|(from, len)| Step::WriteOff(from..from + len)),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    (any::<bool>(), any::<bool>()).prop_map(|(latest, repeats)| Terms {
        semantics: if latest { Semantics::Latest } else { Semantics::Every },
        repeats,
    })
}

/// Everything that happened to one link.
#[derive(Debug, Clone)]
struct Model {
    whole: Range<u64>,
    terms: Terms,
    steps: Vec<Step>,
}

/// What the model counts.
#[derive(Debug, PartialEq, Eq)]
struct Counted {
    ledger: Ledger,
    replayed: u64,
    repeated: u64,
    complete: bool,
}

impl Model {
    fn run(&self) -> LinkLedger {
        let mut ledger = LinkLedger::on_terms(self.whole.clone(), self.terms);
        for step in &self.steps {
            match step {
                Step::Receive { seq, late } => drop(ledger.receive(*seq, *late)),
                Step::Subscribe(from) => ledger.subscribe(*from),
                Step::Withdraw(seq) => ledger.withdraw(*seq),
                Step::Uncertain(seq) => ledger.uncertain(*seq),
                Step::WriteOff(gap) => drop(ledger.write_off(gap.clone())),
            }
            assert!(ledger.totals().balances(), "at every step: {:?}", ledger.totals());
        }
        ledger
    }

    fn subscription(&self) -> Option<(usize, u64)> {
        self.steps.iter().enumerate().find_map(|(at, step)| match step {
            Step::Subscribe(from) => Some((at, *from)),
            _ => None,
        })
    }

    /// Every arrival: when, of what, and whether late.
    fn arrivals(&self) -> impl Iterator<Item = (usize, u64, bool)> {
        self.steps.iter().enumerate().filter_map(|(at, step)| match step {
            Step::Receive { seq, late } => Some((at, *seq, *late)),
            _ => None,
        })
    }

    fn first_arrival(&self, seq: u64) -> Option<(usize, u64, bool)> {
        self.arrivals().find(|(_, of, _)| *of == seq)
    }

    fn is_withdrawn(&self, seq: u64) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Withdraw(of) if *of == seq))
    }

    fn is_given_up(&self, seq: u64) -> bool {
        self.steps.iter().any(|step| match step {
            Step::Uncertain(of) => *of == seq,
            Step::WriteOff(gap) => gap.contains(&seq),
            _ => false,
        })
    }

    /// Why `seq`, of the window, did not arrive; `None` if it did.
    fn absence(&self, seq: u64) -> Option<terms::Absence> {
        if self.first_arrival(seq).is_some() {
            return None;
        }
        let subscribed = self.subscription().is_some_and(|(_, from)| seq >= from);
        let overtaken = self.terms.semantics == Semantics::Latest
            && self.arrivals().any(|(_, newer, _)| newer > seq);
        Some(match (subscribed && !self.is_withdrawn(seq), overtaken) {
            (false, _) => terms::Absence::Excused,
            (true, true) => terms::Absence::Superseded,
            (true, false) => terms::Absence::Lost,
        })
    }

    fn count(&self) -> Counted {
        let mut counted = Counted {
            ledger: Ledger::default(),
            replayed: 0,
            repeated: 0,
            complete: self.subscription().is_some() || self.whole.is_empty(),
        };
        let ledger = &mut counted.ledger;
        for (at, seq, late) in self.arrivals() {
            if self.subscription().is_none_or(|(since, from)| at < since || seq < from) {
                counted.replayed += 1;
            } else if self.whole.contains(&seq) {
                let is_first = self.first_arrival(seq).is_some_and(|(first, ..)| first == at);
                if is_first {
                    ledger.expected += 1;
                    ledger.delivered += 1;
                    ledger.late += u64::from(late);
                    let later = self.arrivals().any(|(before, of, _)| before < at && of > seq);
                    ledger.reordered += u64::from(later);
                } else if self.terms.repeats {
                    counted.repeated += 1;
                } else {
                    ledger.duplicate += 1;
                }
            }
        }
        for seq in self.whole.clone() {
            match self.absence(seq) {
                Some(terms::Absence::Lost) => {
                    ledger.expected += 1;
                    ledger.lost += 1;
                    counted.complete &= self.is_given_up(seq);
                }
                Some(terms::Absence::Superseded) => {
                    ledger.expected += 1;
                    ledger.superseded += 1;
                }
                Some(terms::Absence::Excused) | None => {}
            }
        }
        counted
    }
}

fn model() -> impl Strategy<Value = Model> {
    (1..8u64, 0..10u64, terms(), proptest::collection::vec(step(), 0..40))
        .prop_map(|(start, len, terms, steps)| Model { whole: start..start + len, terms, steps })
}

fn counted(ledger: &LinkLedger) -> Counted {
    Counted {
        ledger: ledger.totals(),
        replayed: ledger.replayed(),
        repeated: ledger.repeated(),
        complete: ledger.complete(),
    }
}

/// What happened to each event of a topic where it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Taken,
    Refused,
    None,
    NoneThenRefused,
    NoneThenTaken,
}

fn answer() -> impl Strategy<Value = Answer> {
    proptest::sample::select(vec![
        Answer::Taken,
        Answer::Refused,
        Answer::None,
        Answer::NoneThenRefused,
        Answer::NoneThenTaken,
    ])
}

fn publish(publishing: &mut Publishing, topic: u64, seq: u64, answer: Answer) {
    match answer {
        Answer::Taken => publishing.acknowledge(topic, seq),
        Answer::Refused => publishing.refuse(topic, seq),
        Answer::None => publishing.leave_unanswered(topic, seq),
        Answer::NoneThenRefused => {
            publishing.leave_unanswered(topic, seq);
            publishing.refuse(topic, seq);
        }
        Answer::NoneThenTaken => {
            publishing.leave_unanswered(topic, seq);
            publishing.refuse(topic, seq);
            publishing.acknowledge(topic, seq);
        }
    }
}

const TOPICS: u64 = 2;
const WINDOW: Range<u64> = 3..12;

/// A trial: links with their topic and their worker, and the answer to each event with the worker that published it.
#[derive(Debug, Clone)]
struct Trial {
    links: Vec<(u64, usize, Model)>,
    answers: Vec<(u64, u64, usize, Answer)>,
}

const WORKERS: usize = 3;

/// What a worker reports at the end.
type Report = (Ledger, Receipts, Publishing);

fn trial() -> impl Strategy<Value = Trial> {
    let link = (0..TOPICS, 0..WORKERS, terms(), proptest::collection::vec(step(), 0..25)).prop_map(
        |(topic, worker, terms, steps)| (topic, worker, Model { whole: WINDOW, terms, steps }),
    );
    let events: Vec<(u64, u64)> =
        (0..TOPICS).flat_map(|topic| WINDOW.map(move |seq| (topic, seq))).collect();
    let all = events.len();
    let answers =
        (subsequence(events, all), proptest::collection::vec((0..WORKERS, answer()), all))
            .prop_map(|(events, answers)| {
                let pairs = events.into_iter().zip(answers);
                pairs.map(|((topic, seq), (worker, answer))| (topic, seq, worker, answer)).collect()
            });
    (proptest::collection::vec(link, 0..7), answers)
        .prop_map(|(links, answers)| Trial { links, answers })
}

impl Trial {
    fn subscribers(&self, topic: u64) -> impl Iterator<Item = &Model> {
        self.links.iter().filter(move |(of, ..)| *of == topic).map(|(.., model)| model)
    }

    /// What the events' publishers and receivers together make of it.
    fn count(&self) -> (Ledger, u64, u64) {
        let mut ledger = Ledger::default();
        for (.., model) in &self.links {
            ledger.merge(&model.count().ledger);
        }
        let (mut refused, mut unknown) = (0, 0);
        for (topic, seq, _, answer) in &self.answers {
            let received =
                self.subscribers(*topic).any(|model| model.first_arrival(*seq).is_some());
            let left_out = match answer {
                Answer::Taken | Answer::NoneThenTaken => false,
                Answer::Refused => {
                    refused += 1;
                    true
                }
                Answer::None | Answer::NoneThenRefused => {
                    unknown += u64::from(!received);
                    !received
                }
            };
            for model in self.subscribers(*topic).filter(|_| left_out) {
                match model.absence(*seq) {
                    Some(terms::Absence::Lost) => ledger.lost -= 1,
                    Some(terms::Absence::Superseded) => ledger.superseded -= 1,
                    Some(terms::Absence::Excused) | None => continue,
                }
                ledger.expected -= 1;
            }
        }
        (ledger, refused, unknown)
    }
}

proptest! {
    #[test]
    fn a_link_on_any_terms_counts_as_the_model_does(model in model()) {
        prop_assert_eq!(counted(&model.run()), model.count());
    }

    #[test]
    fn a_link_that_subscribed_to_everything_on_plain_terms_counts_as_one_without(
        model in model(), seqs in proptest::collection::vec((1..SEQS, any::<bool>()), 0..40),
    ) {
        let mut plain = LinkLedger::new(model.whole.clone());
        let mut on_terms = LinkLedger::on_terms(model.whole, Terms::default());
        on_terms.subscribe(1);
        for (seq, late) in seqs {
            prop_assert_eq!(plain.receive(seq, late), on_terms.receive(seq, late));
            prop_assert_eq!(plain.totals(), on_terms.totals());
            prop_assert_eq!(plain.complete(), on_terms.complete());
            prop_assert_eq!(plain.measures(seq), on_terms.measures(seq));
            prop_assert_eq!(plain.cursor(), on_terms.cursor());
        }
    }

    #[test]
    fn publishers_and_receivers_in_any_workers_settle_as_the_model_does(
        trial in trial(), order in Just((0..WORKERS).collect::<Vec<_>>()).prop_shuffle(), right: bool,
    ) {
        let mut workers = vec![(Ledger::default(), Receipts::default(), Publishing::default()); WORKERS];
        for (topic, worker, model) in &trial.links {
            let link = model.run();
            workers[*worker].0.merge(&link.totals());
            workers[*worker].1.add(*topic, &link);
        }
        for (topic, seq, worker, answer) in &trial.answers {
            publish(&mut workers[*worker].2, *topic, *seq, *answer);
        }
        let merge = |mut a: Report, b: &Report| {
            a.0.merge(&b.0);
            a.1.merge(&b.1);
            a.2.merge(&b.2);
            a
        };
        // In one order and grouping as in any other.
        let [a, b, c] = [0, 1, 2].map(|n| workers[order[n]].clone());
        let all = if right { merge(a, &merge(b, &c)) } else { merge(merge(a, &b), &c) };
        let same = workers[1..].iter().fold(workers[0].clone(), merge);
        prop_assert_eq!(&all, &same);
        let sent = serde_json::to_string(&(&all.1, &all.2)).unwrap();
        let (receipts, publishing): (Receipts, Publishing) = serde_json::from_str(&sent).unwrap();
        prop_assert_eq!((&receipts, &publishing), (&all.1, &all.2));
        let links = |topic| trial.subscribers(topic).count() as u64;
        let settlement = receipts.settle(&publishing, links);
        let mut ledger = all.0;
        ledger.settle(&settlement);
        prop_assert!(ledger.balances());
        prop_assert_eq!((ledger, settlement.refused, settlement.unknown), trial.count());
    }
}
