//! Numbers that fill an interval evenly, however many are taken.

/// The n-th of the additive recurrence with the golden ratio (Weyl), in (0, 1).
///
/// Of all sequences of its kind it has the least discrepancy: the first n of them, in whatever part of the interval, are as many
/// as its length asks for to within a few, where n random numbers would be off by the root of n.
pub fn golden(n: u64) -> f64 {
    // Exact for every n: the product wraps where the fraction does.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let fraction = n.wrapping_add(1).wrapping_mul(STEP) >> 11;
    (fraction as f64 + 0.5) / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_stretch_meets_as_many_as_it_should() {
        for n in [10, 100, 2_000] {
            for (from, to) in [(0.0, 0.1), (0.2, 0.5), (0.7, 1.0), (0.33, 0.34)] {
                let met = (0..n).filter(|k| (from..to).contains(&golden(*k))).count() as f64;
                let expected = (to - from) * n as f64;
                assert!((met - expected).abs() <= 3.0, "{n} in {from}..{to}: {met}");
            }
        }
        assert!((0..1_000_000).all(|n| golden(n) > 0.0 && golden(n) < 1.0));
    }
}
