use proptest::prelude::*;

use super::*;

const RUN: RunTag = RunTag(0x12_3456);

fn token(topic: u64, seq: u64) -> Token {
    Token::new(topic, seq).unwrap()
}

fn text(topic: u64, seq: u64) -> String {
    String::from_utf8(RUN.encode(token(topic, seq)).to_vec()).unwrap()
}

fn sightings(bytes: &[u8]) -> Vec<Sighting> {
    let mut found = Vec::new();
    Finder::new().scan(RUN, bytes, |sighting| found.push(sighting));
    found
}

fn events(topics_and_seqs: &[(u64, u64)]) -> Vec<Sighting> {
    topics_and_seqs.iter().map(|&(topic, seq)| Sighting::Event(token(topic, seq))).collect()
}

/// As a form or a URL carries text: letters, digits and `-._~` stay (RFC 3986, 2.3).
fn percent_encoded(text: &str) -> String {
    let kept = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let encode = |b: u8| if kept(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(encode).collect()
}

#[test]
fn a_token_is_24_letters_and_digits_and_its_form_never_changes() {
    // Tokens of one version may be read by another: a change of the form must be deliberate.
    for (topic, seq, form) in [
        (0, 1, "q947u4hmar0000000001wsm9"),
        (17, 1_000_000, "q947u4hmar002400ygj0nrjk"),
        (Token::TOPICS - 1, Token::LAST, "q947u4hmavzzzzzzzzzz3hgg"),
    ] {
        assert_eq!(text(topic, seq), form);
        assert_eq!((form.len(), TOKEN_LEN), (24, 24));
    }
}

#[test]
fn numbers_that_do_not_fit_have_no_token() {
    for (topic, seq, fits) in [
        (999_999, 1, true),
        (Token::TOPICS - 1, Token::LAST, true),
        (Token::TOPICS, 1, false),
        (0, 0, false),
        (0, Token::LAST + 1, false),
        (u64::MAX, u64::MAX, false),
    ] {
        assert_eq!(Token::new(topic, seq).is_some(), fits, "{topic} {seq}");
    }
}

#[test]
fn tokens_are_found_in_every_format() {
    let (a, b) = (text(3, 7), text(4, 1));
    let json = serde_json::json!({"data": format!("{a}abc"), "n": 9_470_947}).to_string();
    for (message, found, why) in [
        (a.clone(), &[(3, 7)][..], "raw text"),
        (json.clone(), &[(3, 7)], "JSON"),
        (serde_json::json!({"inner": json}).to_string(), &[(3, 7)], "JSON within JSON"),
        (format!("{{\"e\":\"{a}\"}}\n{{\"e\":\"{b}\"}}\n"), &[(3, 7), (4, 1)], "NDJSON"),
        (format!("MESSAGE\nid:{b}\n\n{a}\0"), &[(4, 1), (3, 7)], "STOMP, in its order"),
        (format!("{a}{b}"), &[(3, 7), (4, 1)], "side by side"),
        (format!("{a}{a} {}", a.to_uppercase()), &[(3, 7)], "the same one three times"),
        (format!("{a}{b}{a}{b}{b}"), &[(3, 7), (4, 1)], "both again"),
        (b.to_uppercase(), &[(4, 1)], "upper case"),
        (format!("Q947u{}", a[5..].to_uppercase()), &[(3, 7)], "mixed case"),
        (format!("<e>{a}</e>947"), &[(3, 7)], "XML, and digits of the prefix at the end"),
        (format!("947q947u947{a}"), &[], "a broken one before a whole one"),
    ] {
        let mut expected = events(found);
        if found.is_empty() {
            expected = [vec![Sighting::Damaged], events(&[(3, 7)])].concat();
        }
        assert_eq!(sightings(message.as_bytes()), expected, "{why}: {message}");
    }
    let binary = [&[0xff, 0, 24][..], a.as_bytes(), &[0xfe, 0x80], b.as_bytes(), &[0]].concat();
    assert_eq!(sightings(&binary), events(&[(3, 7), (4, 1)]), "binary");
}

#[test]
fn the_first_whole_token_is_enough_for_one_event_per_message() {
    let (a, b) = (text(3, 7), text(4, 1));
    let other = String::from_utf8(RunTag(1).encode(token(3, 7)).to_vec()).unwrap();
    for (message, first) in [
        (format!("{a} {b}"), Some(Sighting::Event(token(3, 7)))),
        (format!("{} {b}", &a[..20]), Some(Sighting::Event(token(4, 1)))),
        (format!("{other} {b}"), Some(Sighting::Foreign)),
        (a[..23].to_owned(), Some(Sighting::Damaged)),
        ("nothing".to_owned(), None),
    ] {
        assert_eq!(Finder::new().first(RUN, message.as_bytes()), first, "{message}");
    }
}

#[test]
fn what_is_cut_short_is_damaged() {
    let whole = text(3, 7);
    for len in 0..whole.len() {
        let expected = if len < PREFIX.len() { vec![] } else { vec![Sighting::Damaged] };
        for cut in [whole[..len].to_owned(), format!("{}\"}}, and more of the text", &whole[..len])]
        {
            assert_eq!(sightings(cut.as_bytes()), expected, "{cut}");
        }
    }
}

#[test]
fn numbers_hexadecimal_and_padding_hold_no_token() {
    let digits: Vec<u8> = (0..200_000).flat_map(|n: u64| n.to_string().into_bytes()).collect();
    let scattered = (0..50_000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let hex: Vec<u8> = scattered.flat_map(|n| format!("{n:x}").into_bytes()).collect();
    for text in [digits, hex] {
        assert!(memmem::find(&text, CASELESS).is_some(), "the search has something to reject");
        assert_eq!(sightings(&text), []);
    }
    for c in ALPHABET {
        let padding = [PREFIX, &[*c; 19][..]].concat();
        assert_eq!(sightings(&padding), [Sighting::Damaged], "padding is no valid token");
    }
}

#[test]
fn every_change_of_one_or_two_characters_is_noticed() {
    // The check is linear, so what holds for one token holds for all.
    let whole = RUN.encode(token(3, 7));
    let mut changed = 0;
    for first in PREFIX.len()..TOKEN_LEN {
        for second in first..TOKEN_LEN {
            for (a, b) in ALPHABET.iter().flat_map(|a| ALPHABET.iter().map(move |b| (*a, *b))) {
                let mut text = whole;
                (text[first], text[second]) = (a, b);
                if text != whole {
                    assert_eq!(Mark::read(&text[PREFIX.len()..]), None, "{first} {second}");
                    changed += 1;
                }
            }
        }
    }
    assert!(changed > 180_000, "{changed}");
}

#[test]
fn trials_of_a_run_and_runs_have_marks_of_their_own() {
    let run = RunTag::new(7);
    let marks: BTreeSet<_> = (0..10_000).map(|trial| run.of_trial(trial)).collect();
    assert_eq!(marks.len(), 10_000);
    let marks: BTreeSet<_> = (0..1000).map(RunTag::new).collect();
    assert!(marks.len() >= 999, "chance: 1 pair in 17 such sets");
    let sent = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<RunTag>(&sent).unwrap(), run);
    assert_eq!(RunTag::from(u32::MAX), RunTag(RunTag::MASK));
}

#[test]
fn thousands_of_tokens_in_one_message_are_found_once_each() {
    let pages: String = (1..=4000).chain((1..=4000).rev()).map(|seq| text(seq % 7, seq)).collect();
    let expected: Vec<_> = (1..=4000).map(|seq| (seq % 7, seq)).collect();
    assert_eq!(sightings(pages.as_bytes()), events(&expected));
}

proptest! {
    #[test]
    fn a_token_comes_back_out_of_any_bytes_in_any_case(
        seed: u64, topic in 0..Token::TOPICS, seq in 1..=Token::LAST, upper: u32,
        before: Vec<u8>, after: Vec<u8>,
    ) {
        let run = RunTag::new(seed);
        let mut text = run.encode(token(topic, seq));
        for (at, byte) in text.iter_mut().enumerate() {
            if upper >> at & 1 == 1 {
                byte.make_ascii_uppercase();
            }
        }
        let message = [before, text.to_vec(), after].concat();
        let mut found = Vec::new();
        Finder::new().scan(run, &message, |sighting| found.push(sighting));
        prop_assert_eq!(found, events(&[(topic, seq)]));
        let mut found = Vec::new();
        Finder::new().scan(run.of_trial(1), &message, |sighting| found.push(sighting));
        prop_assert_eq!(found, [Sighting::Foreign]);
    }

    #[test]
    fn one_changed_byte_makes_a_token_damaged_or_unfindable(
        topic in 0..Token::TOPICS, seq in 1..=Token::LAST, at in 0..TOKEN_LEN, byte: u8,
    ) {
        let whole = RUN.encode(token(topic, seq));
        let mut text = whole;
        text[at] = byte;
        if text.eq_ignore_ascii_case(&whole) {
            prop_assert_eq!(sightings(&text), events(&[(topic, seq)]));
        } else if at < PREFIX.len() {
            prop_assert_eq!(sightings(&text), []);
        } else {
            prop_assert!(sightings(&text).iter().all(|found| *found == Sighting::Damaged));
        }
    }

    #[test]
    fn up_to_four_changed_digits_never_make_another_token(
        topic in 0..Token::TOPICS, seq in 1..=Token::LAST,
        changes in proptest::collection::vec((PREFIX.len()..TOKEN_LEN, 0..32_usize), 1..=4),
    ) {
        let whole = RUN.encode(token(topic, seq));
        let mut text = whole;
        for (at, value) in changes {
            text[at] = ALPHABET[value];
        }
        prop_assert_eq!(Mark::read(&text[PREFIX.len()..]).is_some(), text == whole);
    }

    #[test]
    fn no_escaping_changes_a_token(topic in 0..Token::TOPICS, seq in 1..=Token::LAST) {
        let text = text(topic, seq);
        prop_assert_eq!(serde_json::to_string(&text).unwrap(), format!("\"{text}\""));
        prop_assert_eq!(quick_xml::escape::escape(text.as_str()), text.as_str());
        prop_assert_eq!(percent_encoded(&text), text.as_str());
        let message = serde_json::json!({"a<&\">": format!("{text} é\n\"'<&>")}).to_string();
        let twice = serde_json::to_string(&message).unwrap();
        for escaped in [percent_encoded(&twice), quick_xml::escape::escape(&twice).into_owned(), twice] {
            prop_assert_eq!(sightings(escaped.as_bytes()), events(&[(topic, seq)]));
        }
    }

    #[test]
    fn any_bytes_are_scanned_without_a_false_event(bytes: Vec<u8>, body in "[0-9a-zA-Z]{0,30}") {
        prop_assert_eq!(sightings(&bytes), []);
        let text = format!("Q947U{body}");
        prop_assert!(sightings(text.as_bytes()).iter().all(|found| *found == Sighting::Damaged));
    }
}
