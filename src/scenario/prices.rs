//! `[prices]`: what CPU, memory, bytes and requests cost, to say in money what a pattern takes.

use serde::{Deserialize, Serialize};

use super::error::ScenarioError;
use super::read;
use super::tree::Table;

/// Hours of a month: a twelfth of a year, as bills count it.
pub const HOURS_PER_MONTH: f64 = 730.0;
/// Highest price, in any currency.
pub(super) const MOST: f64 = 1e9;

/// What is paid for a target.
///
/// The defaults are list prices of Amazon Web Services in US East (N. Virginia) as of March 2026, without free tiers: Fargate
/// on Linux/x86 for CPU and memory (<https://aws.amazon.com/fargate/pricing/>), data transfer from EC2 to the internet for the
/// first 10 TB of a month (<https://aws.amazon.com/ec2/pricing/on-demand/>). Requests are free: nobody bills them to who runs a
/// server. An API gateway does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prices {
    /// For a core, for an hour.
    pub cpu_hour: f64,
    /// For a GiB of memory, for an hour.
    pub gib_hour: f64,
    /// For a GB (10⁹ bytes) that the target sends.
    pub gb_out: f64,
    /// For a million requests that the target answers.
    pub million_requests: f64,
    /// What they are paid in.
    pub currency: String,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            cpu_hour: 0.04048,
            gib_hour: 0.004_445,
            gb_out: 0.09,
            million_requests: 0.0,
            currency: "USD".to_owned(),
        }
    }
}

/// What is taken of everything that has a price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// Cores, on average.
    pub cores: f64,
    /// Bytes of memory.
    pub memory_bytes: f64,
    /// Bytes per second that are sent.
    pub sent_bytes_per_s: f64,
    /// Requests per second that are answered.
    pub requests_per_s: f64,
}

impl Prices {
    /// What `taken` costs in a month.
    pub fn per_month(&self, taken: Taken) -> f64 {
        let seconds = HOURS_PER_MONTH * 3_600.0;
        taken.cores * HOURS_PER_MONTH * self.cpu_hour
            + taken.memory_bytes / (1_u64 << 30) as f64 * HOURS_PER_MONTH * self.gib_hour
            + taken.sent_bytes_per_s * seconds / 1e9 * self.gb_out
            + taken.requests_per_s * seconds / 1e6 * self.million_requests
    }
}

/// The prices that `table` gives.
pub(super) fn read(file: &str, table: &Table) -> Result<Prices, ScenarioError> {
    let prices: Prices = read::read(file, "prices", table)?;
    let currency = prices.currency.trim().to_owned();
    let plain = !currency.is_empty() && currency.len() <= 8 && !currency.contains(char::is_control);
    if !plain {
        let message = "prices.currency: must be a short name, such as \"USD\"".to_owned();
        return Err(ScenarioError::refused(file, &table.place("currency"), message));
    }
    Ok(Prices { currency, ..prices })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Taken =
        Taken { cores: 0.0, memory_bytes: 0.0, sent_bytes_per_s: 0.0, requests_per_s: 0.0 };

    #[test]
    fn each_price_is_taken_from_the_file_or_is_the_usual_one() {
        let file =
            "question = \"Q?\"\npatterns = [\"sse\"]\n[workload]\nclients = 9\nrate = \"5/s\"\n";
        let read = |sets: &[&str]| {
            let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
            let scenario = crate::scenario::parse(file, "x.toml", &sets, &|_| None);
            scenario.map(|scenario| scenario.prices).map_err(|refusal| refusal.to_string())
        };
        assert_eq!(read(&[]).unwrap(), Prices::default());
        let mine = read(&[
            "prices.cpu_hour=1",
            "prices.gib_hour=0.5",
            "prices.gb_out=0",
            "prices.million_requests=1.2",
            "prices.currency=EUR",
        ]);
        let expected = Prices {
            cpu_hour: 1.0,
            gib_hour: 0.5,
            gb_out: 0.0,
            million_requests: 1.2,
            currency: "EUR".to_owned(),
        };
        assert_eq!(mine.unwrap(), expected);
        for (set, words) in [
            ("prices.gb_out=-1", "prices.gb_out = -1: must be between 0 and 1e9"),
            ("prices.cpu_hour=nan", "prices.cpu_hour = NaN: must be between 0"),
            ("prices.currency=\" \"", "prices.currency: must be a short name"),
            ("prices.gb=1", "unknown key"),
        ] {
            let refusal = read(&[set]).unwrap_err();
            assert!(refusal.contains(words), "{set}: {refusal}");
        }
    }

    #[test]
    fn a_month_is_paid_by_what_is_taken() {
        let prices = Prices { million_requests: 1.0, ..Prices::default() };
        for (taken, cost, what) in [
            (NOTHING, 0.0, "nothing"),
            (Taken { cores: 1.0, ..NOTHING }, 29.5504, "a core"),
            (Taken { memory_bytes: 2.0 * (1_u64 << 30) as f64, ..NOTHING }, 6.4897, "2 GiB"),
            (Taken { sent_bytes_per_s: 1e6, ..NOTHING }, 236.52, "a MB per second: 2,628 GB"),
            (Taken { requests_per_s: 1.0, ..NOTHING }, 2.628, "2.628 million requests"),
            (Taken { cores: 1.0, requests_per_s: 1.0, ..NOTHING }, 32.1784, "both"),
        ] {
            let paid = prices.per_month(taken);
            assert!((paid - cost).abs() < 1e-6, "{what}: {paid}");
        }
    }
}
