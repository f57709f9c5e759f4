use proptest::prelude::*;

use super::*;

#[test]
fn spans_are_read_and_printed() {
    for (text, ns, printed) in [
        ("500ms", 500_000_000, "500ms"),
        ("1.5s", 1_500_000_000, "1.5s"),
        ("250us", 250_000, "250us"),
        ("250 µs", 250_000, "250us"),
        ("2m", 120_000_000_000, "2m"),
        ("90s", 90_000_000_000, "90s"),
        ("7ns", 7, "7ns"),
    ] {
        let span: Span = text.parse().unwrap();
        assert_eq!((span.ns(), span.to_string().as_str()), (ns, printed), "{text}");
    }
}

#[test]
fn quantities_are_read_exactly_as_people_write_them() {
    for (text, ns) in [
        ("1m30s", 90_000_000_000),
        ("1h 30m", 5_400_000_000_000),
        ("1h2m3s4ms5us6ns", 3_723_004_005_006),
        ("0.5h", 1_800_000_000_000),
        (".5s", 500_000_000),
        ("1_500 ms", 1_500_000_000),
        ("1e3ms", 1_000_000_000),
        ("2 minutes", 120_000_000_000),
        ("1day", 86_400_000_000_000),
        ("250\u{3bc}s", 250_000),
        // 0.1 + 0.2 in binary is more than 0.3.
        ("0.3s", 300_000_000),
        ("1.0000000004ns", 1),
    ] {
        assert_eq!(text.parse::<Span>().map(Span::ns), Ok(ns), "{text}");
    }
    for (text, n) in [
        ("2.03k", 2_030),
        ("4.02k", 4_020),
        ("1.001k", 1_001),
        ("25.6k", 25_600),
        ("1_000", 1_000),
        ("1e3", 1_000),
        ("1.5M", 1_500_000),
        ("10.0", 10),
    ] {
        assert_eq!(text.parse::<Count>().map(Count::get), Ok(n), "{text}");
    }
    for (text, per_s) in [
        ("1/10s", 0.1),
        ("90/1m30s", 1.0),
        ("30/min", 0.5),
        ("0.5 / s", 0.5),
        ("3/ hour", 3.0 / 3600.0),
        ("2/day", 2.0 / 86_400.0),
    ] {
        assert_eq!(text.parse::<Rate>().map(Rate::per_s), Ok(per_s), "{text}");
    }
    for (text, bytes) in
        [("1.5KiB", 1_536), ("2.003 kB", 2_003), ("16 Ki", 16_384), ("512 bytes", 512)]
    {
        assert_eq!(text.parse::<ByteSize>().map(ByteSize::bytes), Ok(bytes), "{text}");
    }
    for (text, bits) in
        [("10Mbps", 10_000_000), ("1.001 kbit/s", 1_001), ("2.5 Gb/s", 2_500_000_000)]
    {
        assert_eq!(text.parse::<Bandwidth>().map(Bandwidth::bits_per_s), Ok(bits), "{text}");
    }
    for (text, share) in [("2%", 0.02), ("0.02", 0.02), ("99.9 %", 0.999), ("1", 1.0)] {
        assert_eq!(text.parse::<Share>().map(Share::get), Ok(share), "{text}");
    }
}

#[test]
fn an_ambiguous_quantity_is_refused() {
    for text in [
        "1,5s", "30s1m", "1m1m", "1M", "5S", "1_", "_1s", "1__0s", "1.2.3s", "+1s", "inf", "0x10s",
        "400d", "5", "0",
    ] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
    for text in ["16K", "16KB", "1.5B", "0.1KiB", "16kb", "16"] {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }
    for text in
        ["1,000", "2.0305k", "1e-1", "1e99", "99999999999999999999999999999999999999999", "1e61"]
    {
        assert!(text.parse::<Count>().is_err(), "{text}");
    }
    for text in ["1/0s", "1/", "1/-1s", "10rps", "1//s"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
}

#[test]
fn an_invalid_quantity_is_refused_with_an_example() {
    for text in ["", "5", "-1s", "1 parsec", "s", "1e9s", "NaNs"] {
        let refusal = text.parse::<Span>().unwrap_err().to_string();
        assert!(refusal.contains("500ms"), "{text}: {refusal}");
    }
    for text in ["5", "5/fortnight", "/s", "-5/s"] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
    for text in ["10", "10Mbit", "10 MB/s", "-1bit/s"] {
        let refusal = text.parse::<Bandwidth>().unwrap_err().to_string();
        assert!(refusal.contains("10Mbit/s"), "{text}: {refusal}");
    }
    for text in ["1.5", "-3", "10q"] {
        assert!(text.parse::<Count>().is_err(), "{text}");
    }
}

#[test]
fn sizes_rates_and_counts_are_read_and_printed() {
    assert_eq!("16KiB".parse::<ByteSize>().unwrap().bytes(), 16_384);
    assert_eq!(ByteSize::new(16_384).to_string(), "16KiB");
    assert_eq!(ByteSize::new(204).to_string(), "204B");
    let rate: Rate = "10k/s".parse().unwrap();
    assert!((rate.per_s() - 10_000.0).abs() < 1e-9);
    assert_eq!(rate.to_string(), "10k/s");
    assert_eq!(Rate::per_second(0.05).to_string(), "3/m");
    assert_eq!("10k".parse::<Count>().unwrap().get(), 10_000);
    let bandwidth: Bandwidth = "1.5Mbit/s".parse().unwrap();
    assert_eq!((bandwidth.bits_per_s(), bandwidth.to_string().as_str()), (1_500_000, "1500kbit/s"));
    // 1,500 bytes are 12,000 bits.
    assert_eq!(bandwidth.takes_ns(1_500), 8_000_000);
}

proptest! {
    #[test]
    fn printed_quantities_are_read_back_unchanged(
        ns in 0..86_400_000_000_000u64, size: u32, rate in 0.0..1e7f64, bits in 0..1_000_000_000_000u64,
    ) {
        let bandwidth = Bandwidth::from_bits_per_second(bits);
        prop_assert_eq!(bandwidth.to_string().parse(), Ok(bandwidth));
        let (span, size, rate) = (Span::from_ns(ns), ByteSize::new(size.into()), Rate::per_second(rate));
        prop_assert_eq!(span.to_string().parse(), Ok(span));
        prop_assert_eq!(size.to_string().parse(), Ok(size));
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
    }

    /// Every number of thousandths with every suffix equals the integer result, and fails if that is not whole.
    #[test]
    fn decimals_are_exact(thousandths in 0..10_000_000_000u64, places in 0..7usize) {
        let text = |unit: &str| format!("{}.{:03}{}{unit}", thousandths / 1_000, thousandths % 1_000, "0".repeat(places));
        prop_assert_eq!(text("k").parse::<Count>().map(Count::get), Ok(thousandths));
        prop_assert_eq!(text("kB").parse::<ByteSize>().map(ByteSize::bytes), Ok(thousandths));
        prop_assert_eq!(text("kbit/s").parse::<Bandwidth>().map(Bandwidth::bits_per_s), Ok(thousandths));
        prop_assert_eq!(text("us").parse::<Span>().map(Span::ns), Ok(thousandths));
        let whole = text("").parse::<Count>().map(Count::get);
        prop_assert_eq!(whole.ok(), thousandths.is_multiple_of(1_000).then_some(thousandths / 1_000));
        let (rate, share) = (text("k/s").parse::<Rate>(), text("").parse::<Share>());
        prop_assert_eq!(rate.map(Rate::per_s), Ok(thousandths as f64));
        prop_assert_eq!(share.map(Share::get), Ok(thousandths as f64 / 1e3));
    }

    /// Whatever double a rate is, its text is that double again.
    #[test]
    fn rates_of_any_size_read_back(bits: u64) {
        let per_s = f64::from_bits(bits).abs();
        if per_s.is_finite() && (1e-30..1e30).contains(&per_s) {
            let rate = Rate::per_second(per_s);
            prop_assert_eq!(rate.to_string().parse(), Ok(rate), "{}", rate);
        }
    }

    #[test]
    fn shares_and_rates_of_any_size_are_read_as_they_are_written(exponent in -300..300i32, digit in 1..10u8) {
        let text = format!("{digit}e{exponent}");
        if let Ok(share) = text.parse::<Share>() {
            prop_assert_eq!(share.to_string().parse(), Ok(share));
        }
        if let Ok(rate) = format!("{text}/s").parse::<Rate>() {
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }

    #[test]
    fn any_text_is_a_quantity_or_refused(text in "(-?[0-9.e]{0,8})? ?(ns|us|µs|ms|s|m|h|B|kB|KiB|MiB|k|M|/s|/m|/h|bit/s|Mbit/s)?[ -~é]{0,3}") {
        if let Ok(span) = text.parse::<Span>() {
            prop_assert!(matches(&Span::pattern(), &text));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
        if let Ok(size) = text.parse::<ByteSize>() {
            prop_assert!(matches(&ByteSize::pattern(), &text));
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }
        if let Ok(bandwidth) = text.parse::<Bandwidth>() {
            prop_assert!(matches(&Bandwidth::pattern(), &text));
            prop_assert_eq!(bandwidth.to_string().parse(), Ok(bandwidth));
        }
        if let Ok(rate) = text.parse::<Rate>() {
            prop_assert!(matches(&Rate::pattern(), &text));
            prop_assert!(rate.per_s() >= 0.0 && rate.per_s().is_finite());
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        if let Ok(share) = text.parse::<Share>() {
            prop_assert!(matches(&Share::pattern(), &text));
            prop_assert_eq!(share.to_string().parse(), Ok(share));
        }
        if let Ok(count) = text.parse::<Count>() {
            prop_assert!(matches(&Count::pattern(), &text));
            prop_assert_eq!(count.to_string().parse(), Ok(count));
        }
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    regex::Regex::new(pattern).unwrap().is_match(text)
}

/// What editors take is what is read; every unit has its turn.
#[test]
fn patterns_take_what_is_read_and_little_else() {
    let spaced = |units: &[(&str, u64)], of: &str| -> Vec<String> {
        units
            .iter()
            .flat_map(|(unit, _)| [format!("1.5e3{unit}{of}"), format!(" 1_0. {unit} {of} ")])
            .collect()
    };
    let sizes = spaced(&ByteSize::UNITS, "");
    let spans = spaced(&Span::UNITS, "");
    let rates = Span::UNITS.iter().map(|(unit, _)| format!("10k/{unit}"));
    let counts = spaced(&COUNTS, "/s");
    let bandwidths = ["5bit/s", "5 kbit/s", "5Kb/s", "5Mbps", "5Gbit/s"];
    let parses = |text: &str| {
        [
            (text.parse::<ByteSize>().is_ok(), ByteSize::pattern()),
            (text.parse::<Span>().is_ok(), Span::pattern()),
            (text.parse::<Rate>().is_ok(), Rate::pattern()),
            (text.parse::<Count>().is_ok(), Count::pattern()),
            (text.parse::<Bandwidth>().is_ok(), Bandwidth::pattern()),
            (text.parse::<Share>().is_ok(), Share::pattern()),
        ]
    };
    let mut read = 0;
    for text in sizes
        .into_iter()
        .chain(spans)
        .chain(rates)
        .chain(counts)
        .chain(bandwidths.map(str::to_owned))
    {
        for (parses, pattern) in parses(&text) {
            assert!(!parses || matches(&pattern, &text), "{text}: {pattern}");
            read += u32::from(parses);
        }
    }
    assert!(read > 100, "{read}");
    for text in [
        "",
        "5",
        "1,5s",
        "1M",
        "5S",
        "-1s",
        "5q",
        "16K",
        "10rps",
        "1 parsec",
        "10MB/s",
        "s",
        "per-client",
    ] {
        for (parses, pattern) in parses(text) {
            assert_eq!(matches(&pattern, text), parses, "{text}: {pattern}");
        }
    }
}

#[test]
fn nothing_is_rounded_on_the_way_into_a_file() {
    for ns in [1_234_567_891, 1_500_000_001, 121_000_000_000, 7_260_000_000_000] {
        assert_eq!(Span::from_ns(ns).to_string().parse(), Ok(Span::from_ns(ns)));
    }
    assert_eq!(Span::from_ms(1_234).to_string(), "1.234s");
    assert_eq!(ByteSize::new(1_500).to_string(), "1500B");
    assert_eq!(ByteSize::new(10_000).to_string(), "10kB");
    assert_eq!(Rate::per_second(12_345.0).to_string(), "12.345k/s");
}

#[test]
fn people_get_three_significant_digits() {
    for (ns, text) in
        [(1_234_567.0, "1.23 ms"), (999.0, "999 ns"), (999_600.0, "1 ms"), (0.0, "0 ns")]
    {
        assert_eq!(nanoseconds(ns), text);
    }
    assert_eq!(count(12_345.0), "12.3k");
    assert_eq!(bytes(8.5 * 1024.0), "8.5 KiB");
    assert_eq!(significant(0.012_34), "0.0123");
}
