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
fn what_is_no_quantity_is_refused_with_an_example() {
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
    fn what_is_printed_reads_back_the_same(
        ns in 0..86_400_000_000_000u64, size: u32, rate in 0.0..1e7f64, bits in 0..1_000_000_000_000u64,
    ) {
        let bandwidth = Bandwidth::from_bits_per_second(bits);
        prop_assert_eq!(bandwidth.to_string().parse(), Ok(bandwidth));
        let (span, size, rate) = (Span::from_ns(ns), ByteSize::new(size.into()), Rate::per_second(rate));
        prop_assert_eq!(span.to_string().parse(), Ok(span));
        prop_assert_eq!(size.to_string().parse(), Ok(size));
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
    }

    #[test]
    fn any_text_is_a_quantity_or_refused(text in "(-?[0-9.e]{0,8})? ?(ns|us|µs|ms|s|m|h|B|kB|KiB|MiB|k|M|/s|/m|/h|bit/s|Mbit/s)?[ -~é]{0,3}") {
        if let Ok(span) = text.parse::<Span>() {
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
        if let Ok(size) = text.parse::<ByteSize>() {
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }
        if let Ok(bandwidth) = text.parse::<Bandwidth>() {
            prop_assert_eq!(bandwidth.to_string().parse(), Ok(bandwidth));
        }
        if let Ok(rate) = text.parse::<Rate>() {
            prop_assert!(rate.per_s() >= 0.0 && rate.per_s().is_finite());
        }
        if let Ok(count) = text.parse::<Count>() {
            prop_assert_eq!(count.to_string().parse(), Ok(count));
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
