//! Which cases an objective is for, and which it compares them with.

use std::collections::BTreeSet;

use super::quantity::{Quantity, near_names};
use super::{FLOOR, Limit, Objective, ObjectiveError, floor_quantile};
use crate::scenario::PatternKind;

impl Objective {
    /// Whether it is for a case of that id and pattern.
    pub fn applies_to(&self, case: &str, pattern: PatternKind) -> bool {
        let selected = selects(self.selector.as_deref(), case, pattern);
        let is_other = match &self.limit {
            // A case is not compared with itself, where another is named.
            Limit::Of { selector: Some(other), .. } if self.selector.is_none() => {
                selects(Some(other), case, pattern)
            }
            _ => false,
        };
        selected && !is_other && self.quantity.is_of(pattern)
    }

    /// Refuses an objective that applies to none of `cases`, or whose limit does, as scenarios are loaded.
    pub fn check<'a>(
        &self,
        cases: impl IntoIterator<Item = (&'a str, PatternKind)>,
    ) -> Result<(), ObjectiveError> {
        let cases: Vec<(&str, PatternKind)> = cases.into_iter().collect();
        let own: Vec<_> =
            cases.iter().filter(|(case, pattern)| self.applies_to(case, *pattern)).collect();
        if own.is_empty() {
            return Err(self.no_case(&cases));
        }
        for (case, _) in own {
            self.other(case, &cases)?;
        }
        Ok(())
    }

    pub(super) fn no_case(&self, cases: &[(&str, PatternKind)]) -> ObjectiveError {
        let known = cases.iter().flat_map(|(case, pattern)| [*case, pattern.name()]);
        let known: BTreeSet<&str> = known.collect();
        let near = match &self.selector {
            Some(selector) if !known.contains(selector.as_str()) => {
                near_names(selector, known.into_iter())
            }
            _ => String::new(),
        };
        ObjectiveError::NoCase { text: self.text.clone(), near }
    }

    /// The id of the case that the limit is of, for the case `own`: itself, its floor (`None`), or the one that is selected
    /// and, of several, has the same axes.
    pub(super) fn other<'a>(
        &self,
        own: &'a str,
        cases: &[(&'a str, PatternKind)],
    ) -> Result<Option<&'a str>, ObjectiveError> {
        let Limit::Of { selector, quantity, .. } = &self.limit else { return Ok(Some(own)) };
        let refuse = |problem| Err(ObjectiveError::Other { text: self.text.clone(), problem });
        let Some(selector) = selector.as_deref() else { return Ok(Some(own)) };
        if selector == FLOOR {
            return match quantity {
                Quantity::Quantile(_, q) if floor_quantile(*q).is_some() => Ok(None),
                _ => refuse("of the noise floor the p50, p90 and p99 are known".to_owned()),
            };
        }
        let found: Vec<&str> = cases
            .iter()
            .filter(|(case, pattern)| {
                selects(Some(selector), case, *pattern) && quantity.is_of(*pattern)
            })
            .map(|(case, _)| *case)
            .collect();
        let axes = |case: &str| case.split_once(':').map(|(_, axes)| axes.to_owned());
        let alike: Vec<&str> =
            found.iter().copied().filter(|case| axes(case) == axes(own)).collect();
        match (found.as_slice(), alike.as_slice()) {
            ([one], _) | (_, [one]) => Ok(Some(one)),
            ([], _) => {
                let known = cases.iter().map(|(_, pattern)| pattern.name());
                let near = near_names(selector, known);
                refuse(format!("'{selector}' is no case that has what it is compared with{near}"))
            }
            _ => refuse(format!(
                "'{selector}' names several cases, and none has the axes of {own}; name one by its id"
            )),
        }
    }
}

/// Whether a selector, if there is one, names a case or its pattern.
pub(super) fn selects(selector: Option<&str>, case: &str, pattern: PatternKind) -> bool {
    selector.is_none_or(|selector| selector == case || selector == pattern.name())
}
