//! Keys of scenarios for clients that send requests, and refusals with place and remedy.

use tidings::pace::ArrivalProcess;
use tidings::scenario::{self, Pattern};

#[test]
fn keys_of_the_other_loop_and_shares_beyond_the_whole_are_refused() {
    for (pattern, options, expected) in [
        (
            "request",
            "loop = \"closed\"\nrate = \"5/s\"",
            ":9: request.rate: in a closed loop the responses set the rate; remove rate, or write loop = \"open\"",
        ),
        (
            "request",
            "think = \"1s\"",
            ":8: request.think: an open loop does not wait for responses; write loop = \"closed\", or remove think",
        ),
        (
            "request",
            "loop = \"closed\"\narrivals = \"burst\"",
            ":9: request.arrivals = burst: a closed loop sends one request per response; write \"poisson\" for exponential \
             times to think, or \"constant\"",
        ),
        ("request", "loop = \"shut\"", ":8: request.loop: 'shut' is not one of open, closed"),
        (
            "short-poll",
            "jitter = 1.5",
            ":8: short-poll.jitter = 1.5: must be a share of the interval between 0 and 1",
        ),
        (
            "short-poll",
            "pace = \"after\"",
            ":8: short-poll.pace: 'after' is not one of fixed-rate, after-response; did you mean 'after-response'?",
        ),
        (
            "long-poll",
            "gap = \"2s\"",
            ":8: long-poll.gap = 2s: 200 events become due in it but a response carries at most 100, so a client would fall ever \
             further behind; shorten gap, or raise limit",
        ),
        (
            "long-poll",
            "gap = \"200ms\"\n[phases]\ndrain = \"100ms\"",
            ":10: phases.drain = 100ms: a client polls again 200ms after a response, so its last poll would be cut off and \
             its events counted as lost; raise drain to at least 200ms",
        ),
        (
            "sse",
            "[worker]\nsamples = \"2M\"",
            ":9: worker.samples = 2000000: at most 1000000 raw samples can be kept; lower it",
        ),
        (
            "request",
            "[worker]\nspin = true\ngather = \"1ms\"",
            ":10: worker.gather saves the wake-ups that worker.spin = true spends; remove one of them",
        ),
    ] {
        let text = format!(
            "question = \"?\"\npatterns = [\"{pattern}\"]\n[workload]\nclients = 10\nrate = \"100/s\"\n\n[{pattern}]\n\
             {options}\n"
        );
        let refused = scenario::parse(&text, "x.toml", &[], &|_| None).unwrap_err().to_string();
        assert_eq!(refused, format!("x.toml{expected}"));
    }
    let text = "question = \"?\"\npatterns = [\"request\"]\n[workload]\nclients = 5\n[request]\nloop = \"closed\"";
    let scenario = scenario::parse(text, "x.toml", &[], &|_| None).unwrap();
    let Pattern::Request(options) = scenario.cases[0].pattern else { unreachable!() };
    assert_eq!(options.arrivals, ArrivalProcess::Poisson);
    assert_eq!((options.rate.per_s(), options.think.ns()), (0.0, 0));
}
