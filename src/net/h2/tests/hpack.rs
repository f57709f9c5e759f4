//! RFC 7541: the examples of appendix C, and what must be refused.

use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE,
};
use proptest::prelude::*;

use super::super::decoder::{Decoder, Undecodable, integer};
use super::super::encoder::{Encoder, Pseudo, put_integer};
use super::super::huffman;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let octet = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(octet).collect()
}

#[test]
fn integers_of_appendix_c_1() {
    for (bits, value, coded) in
        [(5, 10, &[10][..]), (5, 1337, &[31, 154, 10]), (8, 42, &[42]), (7, 127, &[127, 0])]
    {
        let mut out = Vec::new();
        put_integer(&mut out, 0, bits, value);
        assert_eq!(out, coded, "{value}");
        let mut rest = coded;
        assert_eq!((integer(&mut rest, bits), rest.len()), (Ok(value), 0), "{value}");
    }
    for bad in [&[][..], &[31], &[31, 0x80], &[31, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
        assert_eq!(integer(&mut &*bad, 5), Err(Undecodable), "{bad:?}");
    }
}

#[test]
fn requests_of_appendix_c_4_are_encoded_to_the_octet() {
    let mut encoder = Encoder::default();
    for (scheme, path, field, coded) in [
        (&b"http"[..], &b"/"[..], None, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"),
        (b"http", b"/", Some(("cache-control", "no-cache")), "8286 84be 5886 a8eb 1064 9cbf"),
        (
            b"https",
            b"/index.html",
            Some(("custom-key", "custom-value")),
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ),
    ] {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        encoder.pseudo(Pseudo::Method, b"GET", &mut out);
        encoder.pseudo(Pseudo::Scheme, scheme, &mut out);
        encoder.pseudo(Pseudo::Path, path, &mut out);
        encoder.pseudo(Pseudo::Authority, b"www.example.com", &mut out);
        if let Some((name, value)) = field {
            encoder.field(
                &HeaderName::from_static(name),
                &HeaderValue::from_static(value),
                &mut out,
            );
        }
        assert_eq!(out, hex(coded), "{coded}");
    }
}

/// The answers of appendices C.5 and C.6, whose tables are of 256 octets, with the size of the table after each.
#[test]
fn answers_of_appendices_c_5_and_c_6_are_decoded() {
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a
         3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04
         677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49
         553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    ];
    let coded = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e
         919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7
         821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed
         4ee5 b106 3d50 07",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder { max: 256, ..Decoder::default() };
        let expected = [(302, 21, 4, 222), (307, 21, 4, 222), (200, 22, 3, 215)];
        for (block, (status, second, entries, size)) in blocks.iter().zip(expected) {
            let head = decoder.decode(&hex(block)).unwrap();
            let get = |name: &HeaderName| head.headers[name].to_str().unwrap().to_owned();
            assert_eq!(head.status.unwrap().as_u16(), status);
            assert_eq!(get(&CACHE_CONTROL), "private");
            assert_eq!(get(&DATE), format!("Mon, 21 Oct 2013 20:13:{second} GMT"));
            assert_eq!(get(&LOCATION), "https://www.example.com");
            assert_eq!((decoder.table.len(), decoder.size), (entries, size), "{status}");
            assert_eq!((head.malformed, head.oversized), (None, false));
            if status == 200 {
                assert_eq!(get(&CONTENT_ENCODING), "gzip");
                let cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
                assert_eq!(get(&SET_COOKIE), cookie);
            }
        }
    }
}

#[test]
fn what_is_no_block_is_refused() {
    for (name, block) in [
        ("index 0 (6.1)", "80"),
        ("an index beyond both tables (2.3.3)", "be"),
        ("a name's index beyond both tables", "7f00 0161"),
        ("a literal without its value (6.2)", "4003 6162 63"),
        ("a string longer than the block (5.2)", "0005 6162"),
        ("a table larger than was allowed (6.3)", "3fe2 1f"),
        ("a change of the table's size after a field (4.2)", "88 20"),
        ("padding of a whole octet (5.2)", "0882 07ff"),
        ("padding that is not of ones (5.2)", "0881 00"),
        ("EOS in a string (5.2)", "0884 ffff ffff"),
        ("an integer without an end (5.1)", "ffff ffff ffff ff7f"),
    ] {
        let found = Decoder::default().decode(&hex(block));
        assert_eq!(found, Err(Undecodable), "{name}");
    }
}

#[test]
fn a_malformed_head_is_named_and_its_fields_still_enter_the_table() {
    for (name, block) in [
        (":status twice", "8888"),
        ("a request's field", "82"),
        ("a field before :status", "0f0d 0130 88"),
        ("a status that is none", "0802 3230"),
        ("upper case", "88 4001 4101 61"),
        ("a space at the end of a value", "88 4001 6102 6120"),
        ("a line's end in a value", "88 4001 6102 610a"),
        ("connection", "88 400a 636f 6e6e 6563 7469 6f6e 0161"),
        ("transfer-encoding", "88 7901 61"),
    ] {
        let mut decoder = Decoder::default();
        let head = decoder.decode(&hex(block)).unwrap();
        assert!(head.malformed.is_some(), "{name}");
        let kept = usize::from(block.contains("40") || block.contains("79"));
        assert_eq!(decoder.table.len(), kept, "{name}");
    }
    let mut trailers = Decoder::default();
    assert_eq!(trailers.decode(&hex("4001 6101 62")).unwrap().malformed, None);
}

#[test]
fn a_head_beyond_the_limit_is_left_out_and_what_follows_is_decoded() {
    let mut decoder = Decoder::default();
    let mut block = hex("88 4001 61");
    put_integer(&mut block, 0, 7, 100_000);
    block.extend(vec![b'x'; 100_000]);
    assert!(decoder.decode(&block).unwrap().oversized);
    // Larger than the table, which is empty then (4.4).
    assert_eq!(decoder.size, 0);
    assert_eq!(decoder.decode(&[0x88]).unwrap().status.unwrap().as_u16(), 200);
}

#[test]
fn a_smaller_table_of_the_server_is_announced_and_kept() {
    let mut encoder = Encoder::default();
    let field = |encoder: &mut Encoder| {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        encoder.field(&HeaderName::from_static("x-a"), &HeaderValue::from_static("b"), &mut out);
        out
    };
    let (first, second) = (field(&mut encoder), field(&mut encoder));
    assert!(first.len() > 1);
    assert_eq!(second, [0xbe]);
    // To nothing and back between two blocks: both are announced (4.2).
    encoder.allow(0);
    encoder.allow(10_000);
    let third = field(&mut encoder);
    assert_eq!(third[..4], [0x20, 0x3f, 0xe1, 0x1f]);
    assert_eq!(third[4..], first[..]);
    encoder.allow(0);
    assert_eq!(field(&mut encoder)[0], 0x20);
    assert_eq!(field(&mut encoder), first);
}

#[test]
fn a_secret_is_never_kept() {
    let mut encoder = Encoder::default();
    let mut value = HeaderValue::from_static("token");
    value.set_sensitive(true);
    for _ in 0..2 {
        let mut out = Vec::new();
        encoder.field(&HeaderName::from_static("x-key"), &value, &mut out);
        assert_eq!(out[0], 0x10);
    }
}

proptest! {
    #[test]
    fn any_octets_survive_the_code(text in proptest::collection::vec(any::<u8>(), 0..80)) {
        let (mut coded, mut back) = (Vec::new(), Vec::new());
        huffman::encode(&text, &mut coded);
        prop_assert_eq!(coded.len(), huffman::encoded_len(&text));
        prop_assert_eq!(huffman::decode(&coded, &mut back), Some(()));
        prop_assert_eq!(back, text);
    }

    #[test]
    fn any_octets_are_decoded_or_refused_without_a_panic(
        blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..5),
    ) {
        let mut decoder = Decoder::default();
        for block in &blocks {
            let _ = decoder.decode(block);
            let size: usize = decoder.table.iter().map(|field| field.size()).sum();
            prop_assert_eq!(size, decoder.size);
            prop_assert!(size <= 4096);
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_over_many_blocks(
        blocks in proptest::collection::vec(
            proptest::collection::vec(("[a-z]{1,8}", "[!-~]{0,600}"), 0..8),
            1..8,
        ),
        sizes in proptest::collection::vec(0_usize..5000, 8),
    ) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        for (fields, size) in blocks.iter().zip(sizes) {
            encoder.allow(size);
            let mut out = Vec::new();
            encoder.begin(&mut out);
            let mut expected = HeaderMap::new();
            for (name, value) in fields {
                let name = HeaderName::from_bytes(format!("x-{name}").as_bytes()).unwrap();
                let value = HeaderValue::from_str(value).unwrap();
                encoder.field(&name, &value, &mut out);
                expected.append(name, value);
            }
            let head = decoder.decode(&out).unwrap();
            prop_assert_eq!(&*head.headers, &expected);
            prop_assert_eq!(head.malformed, None);
        }
    }

    #[test]
    fn a_block_that_is_remembered_says_what_it_says_when_it_is_decoded_anew(
        picks in proptest::collection::vec(0..ALIKE.len(), 1..60),
    ) {
        let (mut remembering, mut anew) = (Decoder::default(), Decoder::default());
        for at in picks {
            let block = hex(ALIKE[at]);
            prop_assert_eq!(remembering.decode(&block), anew.decode_anew(&block), "{}", ALIKE[at]);
            prop_assert_eq!(&remembering.table, &anew.table);
            prop_assert_eq!((remembering.size, remembering.max), (anew.size, anew.max));
        }
    }
}

/// Blocks that mean the same until the table changes, and such as change it.
const ALIKE: [&str; 10] = [
    "88",
    "88 7e 0162",
    "88 4f 0134 5d 0162",
    "88 be",
    "88 bf",
    "88 0f0d 0134",
    "88 40 0161 0162",
    "88 40 0161 0163",
    "20 88",
    "3fe1 1f 88",
];
