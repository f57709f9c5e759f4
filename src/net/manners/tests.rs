use flate2::Compression;
use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};

use hyper::header::HeaderMap;

use super::*;
use crate::measure::ErrorKind;

fn all(mut encoder: impl io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut encoder, &mut bytes).unwrap();
    bytes
}

fn coded(coding: &str, plain: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" | "x-gzip" => all(GzEncoder::new(plain, Compression::fast())),
        "zlib" => all(ZlibEncoder::new(plain, Compression::fast())),
        "bare" => all(DeflateEncoder::new(plain, Compression::fast())),
        _ => plain.to_vec(),
    }
}

fn head(coding: &str) -> HeaderMap {
    let value = HeaderValue::from_str(coding).unwrap();
    [(CONTENT_ENCODING, value)].into_iter().collect()
}

#[test]
fn codings_that_were_asked_for_are_decoded_and_others_are_a_named_kind() {
    let plain: Vec<u8> = (0..100_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
    for (header, body, asked, decoded) in [
        ("gzip", coded("gzip", &plain), true, true),
        ("X-GZip", coded("gzip", &plain), true, true),
        ("deflate", coded("zlib", &plain), true, true),
        ("deflate", coded("bare", &plain), true, true),
        ("identity", plain.clone(), false, true),
        ("none", plain.clone(), false, true),
        ("gzip", coded("gzip", &plain), false, false),
        ("br", plain.clone(), true, false),
        ("gzip, gzip", coded("gzip", &plain), true, false),
        ("gzip", plain.clone(), true, false),
        ("gzip", coded("gzip", &plain)[..5000].to_vec(), true, false),
    ] {
        let mut manners = Manners::new(None, asked, false);
        manners.heard(&head(header));
        let outcome = manners.decoded(body.into());
        match outcome {
            Ok(body) => assert!(decoded && body == plain, "{header} asked {asked}"),
            Err(error) => {
                assert!(!decoded, "{header} asked {asked}: {error}");
                assert_eq!(error.kind(), ErrorKind::Encoding, "{header}");
            }
        }
    }
    let mut manners = Manners::new(None, false, false);
    manners.heard(&head("gzip"));
    assert!(manners.decoded(Bytes::new()).unwrap().is_empty(), "the answer to HEAD");
    manners.heard(&HeaderMap::new());
    assert_eq!(manners.decoded("plain".into()).unwrap(), "plain", "the next answer");
}

#[test]
fn a_stream_is_decoded_piece_by_piece() {
    for (header, coding) in [("gzip", "gzip"), ("deflate", "zlib"), ("deflate", "bare")] {
        let mut coding_state = Coding::named(header.as_bytes());
        let plain = b"data: one\n\ndata: two\n\n".repeat(50);
        let mut decoded = Vec::new();
        for piece in coded(coding, &plain).chunks(7) {
            let piece = Bytes::copy_from_slice(piece);
            decoded.extend_from_slice(&coding_state.decode(&piece, true).unwrap());
        }
        assert_eq!(decoded, plain, "{coding}");
    }
}

#[test]
fn compression_is_asked_for_only_where_it_is_wanted() {
    for wanted in [false, true] {
        let mut request = Request::new(Full::default());
        Manners::new(None, wanted, false).dress(&mut request);
        let asked = request.headers().get(ACCEPT_ENCODING).is_some();
        assert_eq!(asked, wanted);
        assert_eq!(request.headers().len(), usize::from(wanted));
    }
}
