//! Verdicts of trials, summaries of cases, objectives of runs.
