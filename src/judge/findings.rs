//! Everything that follows from a run.

use super::{
    CaseSummary, Conclusion, Judgement, ObjectiveError, Ranking, comparison, conclude, objectives,
    summary,
};
use crate::record::Run;

/// What follows from a run.
#[derive(Debug)]
pub struct Findings {
    /// Its cases, in the order of the scenario.
    pub cases: Vec<CaseSummary>,
    /// The best case by each axis, and how certain that is.
    pub rankings: Vec<Ranking>,
    /// The scenario's objectives, judged.
    pub judgements: Vec<Judgement>,
    /// Objectives that cannot be judged.
    pub refused: Vec<ObjectiveError>,
}

impl Findings {
    /// Summarises, ranks and judges the cases of a run.
    pub fn of(run: &Run) -> Self {
        let cases = summary(run);
        let rankings = comparison(&cases);
        let (mut judgements, mut refused) = (Vec::new(), Vec::new());
        for text in &run.info.scenario.objectives {
            match objectives(std::slice::from_ref(text), &cases, run) {
                Ok(judged) => judgements.extend(judged),
                Err(error) => refused.push(error),
            }
        }
        Self { cases, rankings, judgements, refused }
    }

    /// What the run allows one to conclude.
    pub fn conclusion(&self) -> Conclusion {
        match conclude(&self.cases, &self.judgements) {
            Conclusion::Holds if !self.refused.is_empty() => {
                Conclusion::Inconclusive(self.refused.iter().map(ToString::to_string).collect())
            }
            conclusion => conclusion,
        }
    }
}
