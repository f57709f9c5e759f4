//! The null distributions of the sign and the signed-rank statistic, exact.

/// P(B = k) for k in `0..=n`, B binomial with n draws at 1/2, by Pascal's triangle in probabilities.
pub fn fair_coin(n: usize) -> Vec<f64> {
    let mut p = vec![1.0];
    for _ in 0..n {
        let mut next = vec![0.0; p.len() + 1];
        for (k, share) in p.iter().enumerate() {
            next[k] += share / 2.0;
            next[k + 1] += share / 2.0;
        }
        p = next;
    }
    p
}

/// P(W = w) for w in `0..=n(n+1)/2`, W Wilcoxon's signed-rank sum of n values without a shift.
///
/// Each rank 1..n is in the sum or not, with probability 1/2 and independently: Hollander, Wolfe and Chicken,
/// *Nonparametric Statistical Methods*, 3rd ed., section 3.1.
pub(super) fn signed_rank(n: usize) -> Vec<f64> {
    let mut p = vec![0.0; n * (n + 1) / 2 + 1];
    p[0] = 1.0;
    let mut highest = 0;
    for rank in 1..=n {
        for w in (0..=highest).rev() {
            p[w] /= 2.0;
            p[w + rank] += p[w];
        }
        highest += rank;
    }
    p
}

/// Returns the largest 1-based place c, from either end of ordered values, such that leaving out the values beyond it keeps
/// at least `wanted` confidence, with that confidence; the outermost place if none reaches it.
///
/// `null` is the distribution of the number of values below the true one: confidence = 1 − 2·P(X ≤ c−1).
pub(super) fn place_from_end(null: &[f64], values: usize, wanted: f64) -> (usize, f64) {
    let mut tail = null[0];
    let mut best = (1, 1.0 - 2.0 * tail);
    for place in 2..=values.div_ceil(2) {
        tail += null[place - 1];
        let confidence = 1.0 - 2.0 * tail;
        if confidence < wanted {
            break;
        }
        best = (place, confidence);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one() {
        for n in [1, 3, 10, 60] {
            assert!((fair_coin(n).iter().sum::<f64>() - 1.0).abs() < 1e-12, "{n}");
            assert!((signed_rank(n).iter().sum::<f64>() - 1.0).abs() < 1e-12, "{n}");
        }
    }

    #[test]
    fn the_signed_rank_table_of_the_textbooks_is_met() {
        // n = 10: P(W ≤ 8) = 25/1024; n = 5: P(W ≤ 0) = 1/32 (Hollander and Wolfe, table A.4).
        let below: f64 = signed_rank(10)[..=8].iter().sum();
        assert!((below - 25.0 / 1024.0).abs() < 1e-12);
        assert!((signed_rank(5)[0] - 1.0 / 32.0).abs() < 1e-12);
    }
}
