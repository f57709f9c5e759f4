//! What links do at intervals that are longer than the window, as a plan tells it.

use std::collections::BTreeMap;

use super::Plan;
use super::text::Page;
use crate::scenario::Upkeep;
use crate::unit::{count, significant};

/// A line for each kind of exchange whose period the window does not hold; nothing without one.
pub(super) fn text(page: &mut Page, plan: &Plan) {
    let window = plan.scenario.phases.measure;
    // The case that meets fewest of them speaks for all of its pattern.
    let mut fewest: BTreeMap<&str, (Upkeep, u64, f64)> = BTreeMap::new();
    for case in &plan.scenario.cases {
        let Some(upkeep) = Upkeep::of(case).filter(|upkeep| upkeep.period > window) else {
            continue;
        };
        let workload = &case.workload;
        let deliveries = workload.rate.per_s() * workload.clients as f64 * window.secs();
        let met = |(upkeep, clients, _): &(Upkeep, u64, f64)| upkeep.expected(*clients, window);
        let this = (upkeep, workload.clients, deliveries);
        let least = fewest.entry(case.pattern.kind().name()).or_insert(this);
        if met(&this) < met(least) {
            *least = this;
        }
    }
    // On a busy stream heartbeats never come due: nothing depends on them.
    fewest.retain(|_, (upkeep, clients, deliveries)| {
        upkeep.expected(*clients, window) >= 0.5 || upkeep.is_chance(*clients, window, *deliveries)
    });
    if fewest.is_empty() {
        return;
    }
    page.out.push('\n');
    page.wrap("", "Intervals longer than the window");
    for (pattern, (upkeep, clients, deliveries)) in fewest {
        let Upkeep { name, period, .. } = upkeep;
        let met = match upkeep.expected(clients, window) {
            few if few < 10.0 => significant(few),
            many => count(many.round()),
        };
        let what = if upkeep.is_chance(clients, window, deliveries) {
            format!(
                "only about {met} in a window of {window}, so CPU and bytes depend on chance. Lengthen phases.measure to {}, or \
                 add clients",
                upkeep.enough(clients)
            )
        } else {
            format!(
                "about {met} in a window of {window}, spread evenly: costs do not depend on the window"
            )
        };
        page.wrap(
            &format!("  {pattern:<12}"),
            &format!("{name}, every {period} per client: {what}"),
        );
    }
}
