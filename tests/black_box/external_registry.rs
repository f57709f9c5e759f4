//! docker-registry as a webhook sender: every endpoint is notified of every tag that is pushed.

use crate::external_support::{External, Program, assert_complete, count, further_are_here};

const REGISTRY: [Program; 2] = [
    Program { variable: "DOCKER_REGISTRY", name: "docker-registry" },
    Program { variable: "", name: "curl" },
];

#[test]
fn every_endpoint_is_notified_of_every_tag() {
    if !further_are_here("docker-registry", &REGISTRY, &[]) {
        return;
    }
    let registry = External::that_reports("docker-registry.toml", "{{port:debug}}/debug/vars");
    let trials = registry.run(&["workload.rate=20/s"]);
    assert_eq!(trials.len(), 1);
    assert_complete(&trials[0]);
    let vars: serde_json::Value = serde_json::from_str(&registry.account()).unwrap();
    let endpoints = vars["registry"]["notifications"]["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 6, "{vars}");
    let sum = |what: &str| -> u64 {
        endpoints.iter().map(|endpoint| endpoint["Metrics"][what].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("Successes"), count(&trials[0], "expected"), "{vars}");
    assert_eq!(sum("Failures") + sum("Errors") + sum("Pending"), 0, "{vars}");
}
