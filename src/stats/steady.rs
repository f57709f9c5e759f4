//! Whether a series has settled: where its first transient ends, and whether it drifts.

use super::distribution::normal_tail;
use super::theil_sen;

/// Values that a variance is taken of, at least.
const LEFT: usize = 5;
/// Largest lag-one autocorrelation that is allowed for: a smooth curve leaves that much around its line.
const MOST: f64 = 0.75;
/// Values that a trend is looked for in, at least.
const TREND: usize = 10;

/// Returns how many of the first `values` belong to a transient, by the marginal standard error rule: the cut d that
/// minimises Σ(xᵢ − mean)² ÷ (n−d)² over the rest. A quarter, and at least five, always remain: among few values the rule
/// finds some that are alike by chance.
///
/// On means of five observations it is MSER-5: White, Cobb and Spratt, "A comparison of five steady-state truncation
/// heuristics for simulation", *Winter Simulation Conference* 2000, 755-760.
pub fn mser(values: &[f64]) -> usize {
    let n = values.len();
    let (mut sum, mut squares) = (0.0, 0.0);
    let centre = values.iter().sum::<f64>() / n.max(1) as f64;
    let mut best = (f64::INFINITY, 0);
    for d in (0..n).rev() {
        // Centred, so that squares do not cancel.
        let x = values[d] - centre;
        sum += x;
        squares += x * x;
        let left = (n - d) as f64;
        let error = (squares - sum * sum / left).max(0.0) / (left * left);
        if n - d >= LEFT.max(n / 4) && error <= best.0 {
            best = (error, d);
        }
    }
    best.1
}

/// p value of "the first `cut` of `values` are like the rest", two-sided, by Wilcoxon's rank sum.
///
/// The normal approximation with midranks (Hollander, Wolfe and Chicken, section 4.1), its variance widened by
/// (1+r) ÷ (1−r) for a lag-one autocorrelation r of the rest around its line.
pub fn differs(values: &[f64], cut: usize) -> f64 {
    let (n, cut) = (values.len(), cut.min(values.len()));
    let rest = n - cut;
    if cut == 0 || rest == 0 {
        return 1.0;
    }
    let wins: f64 =
        values[..cut].iter().flat_map(|a| values[cut..].iter().map(move |b| compare(*a, *b))).sum();
    let (a, b) = (cut as f64, rest as f64);
    let variance = a * b * (a + b + 1.0) / 3.0 * inflation(&around_line(&values[cut..]).1);
    two_sided(wins, 2.0, variance)
}

/// A drift over a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// The change per step (Theil and Sen).
    pub slope: f64,
    /// p value of "no trend", two-sided.
    pub p: f64,
}

/// The trend of `values`: Mann and Kendall's test (Mann, *Econometrica* 13 (1945), 245-259), its variance widened for
/// autocorrelation, as Hamed and Rao do (*Journal of Hydrology* 204 (1998), 182-196), here by (1+r) ÷ (1−r), r the
/// lag-one autocorrelation of what the line leaves. `None` for fewer than ten values.
pub fn trend(values: &[f64]) -> Option<Trend> {
    let n = values.len();
    if n < TREND {
        return None;
    }
    let (slope, left) = around_line(values);
    let rises: f64 = (0..n)
        .flat_map(|i| values[i + 1..].iter().map(move |later| compare(*later, values[i])))
        .sum();
    let n = n as f64;
    let variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0 * inflation(&left);
    Some(Trend { slope, p: two_sided(rises, 1.0, variance) })
}

/// Returns the Theil-Sen slope and the residuals.
fn around_line(values: &[f64]) -> (f64, Vec<f64>) {
    let points: Vec<_> = values.iter().enumerate().map(|(i, x)| (i as f64, *x)).collect();
    let slope = theil_sen(&points).unwrap_or(0.0);
    (slope, points.iter().map(|(i, x)| x - slope * i).collect())
}

fn compare(a: f64, b: f64) -> f64 {
    f64::from(i8::from(a > b) - i8::from(a < b))
}

/// Two-sided p of a statistic with mean 0 that moves in steps of twice `continuity`.
fn two_sided(statistic: f64, continuity: f64, variance: f64) -> f64 {
    let z = (statistic.abs() - continuity).max(0.0) / variance.sqrt();
    2.0 * normal_tail(z)
}

/// Returns the factor by which a first-order dependence widens the variance of a rank sum; never below 1.
///
/// The lag-one estimate is corrected by (n·r + 1) ÷ (n − 4), because short series underestimate it: Mudelsee, *Climate Time
/// Series Analysis*, section 2.6.
fn inflation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if values.len() <= LEFT {
        return 1.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    let lagged: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    if squares <= 0.0 {
        return 1.0;
    }
    let r = ((n * lagged / squares + 1.0) / (n - 4.0)).clamp(0.0, MOST);
    (1.0 + r) / (1.0 - r)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::noise::Noise;

    fn noisy(noise: &mut Noise, n: usize, level: impl Fn(usize) -> f64) -> Vec<f64> {
        (0..n).map(|i| level(i) + 0.1 * noise.normal()).collect()
    }

    #[test]
    fn a_transient_is_cut_where_it_ends() {
        let mut told = 0;
        for seed in 0..20 {
            let mut noise = Noise::new(seed);
            let values = noisy(&mut noise, 60, |i| 1.0 + 2.0 * (-(i as f64) / 3.0).exp());
            let cut = mser(&values);
            assert!((6..=20).contains(&cut), "seed {seed}: {cut}");
            told += u32::from(differs(&values, cut) < 0.001);
        }
        assert!(told >= 18, "{told} of 20");
        let never: Vec<f64> = (0..60).map(f64::from).collect();
        assert_eq!(mser(&never), 45, "what never settles is cut as far as may be");
        assert_eq!((mser(&[]), mser(&[1.0; 3]), mser(&[1.0; 60])), (0, 0, 0));
    }

    #[test]
    fn a_series_that_is_settled_is_seldom_cut() {
        // 400 rounds at 0.1 %: 0.4 are expected, and the best of many cuts was chosen.
        for (phi, most) in [(0.0, 6), (0.5, 12)] {
            let cuts = (0..400u64).filter(|&seed| {
                let values = Noise::new(seed).autoregressive(60, phi);
                differs(&values, mser(&values)) < 0.001
            });
            let cuts = cuts.count();
            assert!(cuts <= most, "φ = {phi}: {cuts}");
        }
    }

    #[test]
    fn a_freeze_is_no_transient() {
        for at in 8..30 {
            let mut noise = Noise::new(at as u64);
            let values = noisy(&mut noise, 60, |i| if i == at || i == at + 1 { 6.0 } else { 1.0 });
            let p = differs(&values, mser(&values));
            assert!(p > 0.001, "frozen at {at}: cut {} with p {p}", mser(&values));
        }
    }

    #[test]
    fn a_trend_is_found_and_none_is_made_up() {
        for seed in 0..20 {
            let rising = noisy(&mut Noise::new(seed), 30, |i| 0.02 * i as f64);
            let trend = trend(&rising).unwrap();
            assert!(trend.p < 0.01 && (trend.slope - 0.02).abs() < 0.01, "{seed}: {trend:?}");
        }
        for (phi, most) in [(0.0, 12), (0.3, 16), (0.6, 30)] {
            let found = (0..500u64)
                .filter(|&seed| trend(&Noise::new(seed).autoregressive(30, phi)).unwrap().p < 0.01);
            let found = found.count();
            assert!(found <= most, "φ = {phi}: {found} of 500 at 1 %");
        }
        assert_eq!(trend(&[1.0; 9]), None, "too few");
        assert!(trend(&[1.0; 20]).unwrap().p > 0.99);
    }
}
