//! Payloads of a given size, for events and items of which only the cost matters.

use serde::{Deserialize, Serialize};

use super::TOKEN_LEN;

/// The content of a payload.
///
/// All kinds have equally many bytes on the wire, but differ in the cost of checking, parsing and re-encoding them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PayloadKind {
    /// One JSON string of plain letters and digits.
    #[default]
    Text,
    /// A JSON object with an array of records: numbers, short strings, booleans, nulls, as most APIs send them.
    Records,
    /// One JSON string of letters that take three bytes each in UTF-8.
    Unicode,
}

impl PayloadKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Text, Self::Records, Self::Unicode];

    /// The name in scenarios and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Records => "records",
            Self::Unicode => "unicode",
        }
    }

    /// The smallest payload of this kind, in bytes.
    pub const fn least(self) -> usize {
        match self {
            Self::Text | Self::Unicode => 2,
            Self::Records => RECORDS.0.len() + RECORDS.1.len() + RECORDS.2.len(),
        }
    }

    /// A payload of exactly `bytes` bytes, but at least [`PayloadKind::least`]: one JSON value in one line.
    pub fn payload(self, bytes: usize) -> Vec<u8> {
        let bytes = bytes.max(self.least());
        match self {
            Self::Text => string(bytes),
            Self::Records => records(bytes),
            Self::Unicode => unicode(bytes),
        }
    }
}

/// The JSON around the records, and around the padding.
const RECORDS: (&str, &str, &str) = ("{\"items\":[", "],\"note\":\"", "\"}");

/// The same with the note first.
pub(super) const RECORDS_AFTER_NOTE: (&str, &str, &str) = ("{\"note\":\"", "\",\"items\":[", "]}");

fn letters() -> impl Iterator<Item = u8> {
    b"abcdefghijklmnopqrstuvwxyz0123456789".iter().copied().cycle()
}

fn string(bytes: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(bytes);
    data.push(b'"');
    data.extend(letters().take(bytes - 2));
    data.push(b'"');
    data
}

pub(super) fn unicode(bytes: usize) -> Vec<u8> {
    // Greek, Cyrillic and most of the Near East take two bytes; these are of the many that take three.
    let mut text = "消息推送轮询订阅发布延迟带宽".chars().cycle();
    let mut data = String::with_capacity(bytes);
    data.push('"');
    while data.len() + 3 < bytes
        && let Some(letter) = text.next()
    {
        data.push(letter);
    }
    while data.len() + 1 < bytes {
        data.push('.');
    }
    data.push('"');
    data.into_bytes()
}

fn records(bytes: usize) -> Vec<u8> {
    let (head, middle, tail) = RECORDS;
    let room = bytes - PayloadKind::Records.least();
    let items = items(room);
    let mut data = [head, &items, middle].concat().into_bytes();
    data.extend(letters().take(room - items.len()));
    data.extend_from_slice(tail.as_bytes());
    data
}

/// The same with the note first, and room for a token in it.
pub(super) fn records_after_note(bytes: usize) -> Vec<u8> {
    let (head, middle, tail) = RECORDS_AFTER_NOTE;
    let room = bytes - PayloadKind::Records.least();
    let items = items(room - TOKEN_LEN);
    let mut data = head.as_bytes().to_vec();
    data.extend(letters().take(room - items.len()));
    data.extend_from_slice([middle, &items, tail].concat().as_bytes());
    data
}

/// As many records as `room` bytes hold.
fn items(room: usize) -> String {
    let mut items = String::new();
    for n in 0u64.. {
        let comma = if n == 0 { "" } else { "," };
        // No two records are alike, so nothing can be cached.
        let (id, cents, stock) = (1_000 + n * 37, n * 13 % 100, n % 3 == 0);
        let record = format!(
            "{comma}{{\"id\":{id},\"name\":\"item {n}\",\"price\":{n}.{cents:02},\"in_stock\":{stock},\
             \"tags\":[\"new\",\"t{n}\"],\"supplier\":null}}"
        );
        if items.len() + record.len() > room {
            break;
        }
        items.push_str(&record);
    }
    items
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_payload_has_the_configured_size_and_kind() {
        for kind in PayloadKind::ALL {
            for bytes in (kind.least()..400).chain([1_000, 262_144]) {
                let data = kind.payload(bytes);
                assert_eq!(data.len(), bytes, "{kind:?}");
                assert!(!data.contains(&b'\n'));
                let value: Value = serde_json::from_slice(&data).unwrap();
                match kind {
                    PayloadKind::Text => assert!(value.as_str().unwrap().is_ascii()),
                    PayloadKind::Unicode => {
                        let text = value.as_str().unwrap();
                        let wide = text.chars().filter(|c| c.len_utf8() == 3).count();
                        assert_eq!(wide, (bytes - 2) / 3);
                    }
                    PayloadKind::Records => {
                        let items = value["items"].as_array().unwrap();
                        assert!(
                            items.iter().all(|item| item["id"].is_u64() && item["price"].is_f64())
                        );
                        assert!(items.len() + 1 >= bytes / 110, "{}", items.len());
                    }
                }
            }
            assert_eq!(kind.payload(0).len(), kind.least());
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
