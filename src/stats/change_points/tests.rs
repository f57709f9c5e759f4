use super::*;
use crate::stats::noise::Noise;

/// As Otava searches: segments of any length, and no shuffles.
const OTAVA: ChangeSearch =
    ChangeSearch { window: 50, p: 0.001, magnitude: 0.05, least: 1, chance: 1.0, shuffles: 0 };

fn found(values: &[f64], search: &ChangeSearch) -> Vec<ChangePoint> {
    let mut noise = Noise::new(9);
    let below = |n| ((noise.unit() * n as f64) as usize).min(n - 1);
    change_points(values, search, below)
}

fn places(values: &[f64], search: &ChangeSearch) -> Vec<usize> {
    found(values, search).iter().map(|point| point.at).collect()
}

/// Values of 100 with normal noise, and steps by a factor.
fn steps(seed: u64, count: usize, noise: f64, steps: &[(usize, f64)]) -> Vec<f64> {
    let mut random = Noise::new(seed);
    let level =
        |at| steps.iter().filter(|(from, _)| at >= *from).map(|(_, by)| by).product::<f64>();
    (0..count).map(|at| 100.0 * level(at) * (1.0 + noise * random.normal())).collect()
}

#[test]
fn otava_finds_the_same_with_the_same_probability() {
    // apache-otava 0.8.0: otava.analysis.compute_change_points(values, 50, 0.001, 0.05), with merge() recomputing both neighbours
    // of the point that it removes (as published it recomputes the right one and the one after that, so the first series
    // has a stale mean of 1078.25 there). Four hundred random series of up to 160 values with up to four steps, in normal,
    // heavy-tailed and skewed noise, gave equal places and p values.
    let step = [
        1001, 1027, 1024, 990, 994, 989, 1011, 999, 1015, 963, 1031, 998, 1014, 997, 992, 1009,
        1016, 996, 997, 1014, 983, 970, 1008, 987, 962, 1082, 1090, 1074, 1067, 1101, 1120, 1095,
        1084, 1108, 1116, 1093, 1112, 1123, 1095, 1082,
    ];
    let up_and_down = [
        1010, 1007, 1033, 961, 980, 975, 948, 1004, 1016, 978, 1042, 1025, 1019, 1012, 1029, 960,
        1018, 1018, 947, 1010, 1191, 1228, 1184, 1199, 1212, 1168, 1222, 1196, 1218, 1181, 1239,
        1222, 1194, 1223, 1245, 1264, 1143, 1232, 1217, 1197, 1164, 872, 808, 854, 873, 800, 832,
        807, 846, 878, 891, 795, 826, 858, 880, 851, 821, 847, 840, 835, 821, 850, 848, 838,
    ];
    let none = [
        993, 961, 985, 1036, 994, 957, 1040, 1016, 1063, 1002, 986, 957, 1040, 1077, 975, 981,
        1018, 975, 992, 990, 1006, 1033, 1001, 1028, 987, 1010, 936, 957, 1024, 982,
    ];
    let golden: [(&[i32], _); 3] = [
        (&step, Some((25, 999.48, 1_096.133_333_333, 1.942_251_636_384e-19))),
        // The rise at 20 escapes it: against all that follows in the window, the t test sees no difference.
        (&up_and_down, Some((41, 1_105.634_146_341, 842.217_391_304, 4.295_402_908_849e-17))),
        (&none, None),
    ];
    for (values, expected) in golden {
        let values: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
        let points = found(&values, &OTAVA);
        assert_eq!(points.len(), usize::from(expected.is_some()), "{points:?}");
        assert_eq!(places(&values, &ChangeSearch::default()), places(&values, &OTAVA));
        if let Some((at, before, after, p)) = expected {
            let point = &points[0];
            assert_eq!(point.at, at);
            assert!((point.means[0] - before).abs() < 1e-6, "{point:?}");
            assert!((point.means[1] - after).abs() < 1e-6, "{point:?}");
            assert!((point.p / p - 1.0).abs() < 1e-6, "{point:?}");
        }
    }
}

#[test]
fn steps_are_found_where_they_are() {
    for (name, count, steps_of, expected) in [
        ("none", 60, &[][..], &[][..]),
        ("up", 60, &[(30, 1.15)], &[30]),
        ("down", 60, &[(20, 0.8)], &[20]),
        ("two", 120, &[(40, 1.2), (80, 1.2)], &[40, 80]),
        ("at the window's edge", 120, &[(50, 1.2)], &[50]),
        ("three runs ago", 30, &[(27, 1.3)], &[27]),
        ("two runs ago", 30, &[(28, 1.3)], &[]),
        ("below the floor", 60, &[(30, 1.04)], &[]),
        ("of ten", 10, &[(5, 1.2)], &[5]),
    ] {
        let values = steps(5, count, 0.01, steps_of);
        assert_eq!(places(&values, &ChangeSearch::default()), expected, "{name}");
    }
}

#[test]
fn what_has_no_spread_or_no_length_is_no_accident() {
    let search = ChangeSearch::default();
    for count in 0..8 {
        assert_eq!(places(&vec![7.0; count], &search), [0_usize; 0], "{count} equal values");
    }
    let exact: Vec<f64> = (0..20).map(|at| if at < 10 { 1.0 } else { 2.0 }).collect();
    let point = &found(&exact, &search)[0];
    assert_eq!((point.at, point.location.clone()), (10, 10..11));
    assert!((point.change() - 1.0).abs() < 1e-12 && point.p < 1e-12, "{point:?}");
    let from_zero: Vec<f64> = (0..20).map(|at| if at < 10 { 0.0 } else { 2.0 }).collect();
    let points = found(&from_zero, &ChangeSearch { magnitude: 0.0, ..search });
    assert!(points.iter().all(|point| point.change().is_infinite()), "{points:?}");
}

#[test]
fn one_outlier_is_no_change() {
    for at in [0, 10, 29] {
        let mut values = steps(3, 30, 0.01, &[]);
        values[at] = 300.0;
        assert_eq!(places(&values, &ChangeSearch::default()), [0_usize; 0], "at {at}");
    }
}

#[test]
fn shuffles_make_false_alarms_rare() {
    let (mut alone, mut tested) = (0, 0);
    for seed in 0..150 {
        let mut noise = Noise::new(seed + 77);
        let values: Vec<f64> = (0..100).map(|_| 100.0 * (0.2 * noise.normal()).exp()).collect();
        alone += usize::from(!places(&values, &OTAVA).is_empty());
        tested += usize::from(!places(&values, &ChangeSearch::default()).is_empty());
    }
    assert!(tested <= 5, "{tested} of 150 series without a change");
    assert!(alone > tested, "the t test alone: {alone}, with shuffles: {tested}");
}

#[test]
fn the_location_holds_the_step_as_often_as_it_says() {
    let (mut held, mut points, mut widths) = (0, 0, 0);
    for seed in 0..150 {
        let values = steps(seed + 400, 40, 0.06, &[(22, 1.12)]);
        for point in found(&values, &OTAVA) {
            points += 1;
            held += usize::from(point.location.contains(&22));
            widths += point.location.len();
        }
    }
    assert!(points > 75, "{points}");
    assert!(10 * held >= 9 * points, "{held} of {points}");
    assert!(widths > 2 * points, "the noise leaves more than one place open");
}
