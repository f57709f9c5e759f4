//! What failed, kind by kind: how often, where, what one failure said, and what to do about it.

use super::View;
use super::group::printable;
use crate::measure::ErrorKind;
use crate::record::TrialRecord;
use crate::unit::counted;

/// Most kinds on a screen.
const KINDS: usize = 3;

/// A sentence for each kind of failure, the most frequent first.
pub(super) fn sentences(view: &View) -> Vec<String> {
    let mut kinds: Vec<(u64, ErrorKind)> =
        ErrorKind::ALL.iter().map(|kind| (of(view, *kind), *kind)).collect();
    kinds.retain(|(count, _)| *count > 0);
    kinds.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    kinds.into_iter().map(|(count, kind)| sentence(view, kind, count)).collect()
}

/// The same for a screen.
pub(super) fn most(view: &View) -> Vec<String> {
    let mut all = sentences(view);
    let more = all.len().saturating_sub(KINDS) as u64;
    all.truncate(KINDS);
    if more > 0 {
        all.push(format!("{} in report.md.", counted(more, "more kind of error")));
    }
    all
}

/// Failures of a kind, without those of a part of it, over all trials.
fn of(view: &View, kind: ErrorKind) -> u64 {
    let count = |kind: ErrorKind| -> u64 {
        let of = |trial: &TrialRecord| trial.figures.count(kind.counter().name());
        view.run.trials.iter().filter_map(of).sum()
    };
    let parts = ErrorKind::ALL.iter().filter(|part| part.whole() == Some(kind));
    count(kind).saturating_sub(parts.map(|part| count(*part)).sum())
}

fn sentence(view: &View, kind: ErrorKind, count: u64) -> String {
    let name = kind.counter().name();
    let begin = format!("{}: ", kind.name());
    let mut samples = view.run.trials.iter().filter_map(|trial| {
        let sample = trial.error_samples.iter().find_map(|sample| sample.strip_prefix(&begin));
        sample.map(|text| (trial, text))
    });
    let said = samples.next().map(|(trial, text)| {
        let place = format!("{} trial {}", view.name(&trial.identity.case), trial.identity.trial);
        format!(", such as in {place}: {}", printable(text))
    });
    let said = said.unwrap_or_default();
    format!("{name}: {}{said}. {}.", counted(count, "error"), kind.remedy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Run;
    use crate::record::synthetic::{case, info, scenario, write_run};
    use crate::scenario::PatternKind;

    #[test]
    fn every_kind_that_occurred_is_told_with_a_sample_and_its_remedy() {
        let out = tempfile::tempdir().unwrap();
        let info = info(scenario(vec![case(PatternKind::Sse, 20, "")], 1, &[]));
        let told = |kinds: &[(ErrorKind, u64)]| {
            let folder = write_run(out.path(), &info, |facts| {
                for (kind, count) in kinds {
                    facts.workers.counters.add(kind.counter(), *count);
                    let text = format!("it failed | by {}\n", kind.name());
                    facts.workers.described.insert(*kind, text);
                }
            });
            let view = View::new(Run::read(&folder).unwrap());
            (sentences(&view), most(&view))
        };
        assert_eq!(told(&[]), (vec![], vec![]));
        // A part is counted under its whole, too, and told once.
        let (all, short) = told(&[(ErrorKind::Status, 5), (ErrorKind::NotFound, 5)]);
        assert_eq!(
            all,
            [
                "error_not_found: 5 errors, such as in sse trial 1: it failed / by not_found. Check the URL's path and the \
              request's; create what it names under [[target.setup]]."
            ]
        );
        assert_eq!(short, all);
        let every: Vec<_> = ErrorKind::ALL.iter().map(|kind| (*kind, 1)).collect();
        let (all, short) = told(&every);
        let parts = ErrorKind::ALL.iter().filter(|kind| kind.whole().is_some()).count();
        assert!(all.len() >= parts && short.len() == KINDS + 1, "{short:?}");
        assert!(short[KINDS].ends_with("in report.md."));
    }
}
