//! Where a page ends: opaque to the asker, so that what stands behind it may change.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::server::request::whole;

/// Tells a cursor from other base64.
const PREFIX: &str = "items>";

/// The cursor of what comes after item `id`.
pub fn encode(id: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{PREFIX}{id}"))
}

/// The item that `cursor` stands behind; `None` where it is no cursor of ours.
pub fn decode(cursor: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let id = whole(std::str::from_utf8(&bytes).ok()?.strip_prefix(PREFIX)?)?;
    // One item has one cursor.
    (encode(id) == cursor).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_come_back(id: u64) {
            let cursor = encode(id);
            prop_assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
            prop_assert_eq!(decode(&cursor), Some(id));
        }

        #[test]
        fn anything_else_is_refused(text in ".{0,40}") {
            prop_assert!(decode(&text).is_none_or(|id| encode(id) == text));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "0", "17", "aXRlbXM-", "aXRlbXM-MDE", "aXRlbXM-LTE", "%"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
