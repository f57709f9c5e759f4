//! The end of a page as an opaque cursor, so that its content may change.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::server::request::whole;

/// Tells a cursor from other base64.
const PREFIX: &str = "items>";

/// A parsed cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoded {
    /// Continues after this item.
    After(u64),
    /// From an earlier life of the store, whose items are gone.
    Elsewhere,
    /// Not a cursor of this target.
    Foreign,
}

/// The cursor after item `id`, in the life `epoch` of the store.
pub(super) fn encode(epoch: u64, id: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{PREFIX}{epoch:x}>{id}"))
}

/// Parses `cursor` in the life `epoch` of the store.
pub(super) fn decode(epoch: u64, cursor: &str) -> Decoded {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (life, id) = std::str::from_utf8(&bytes).ok()?.strip_prefix(PREFIX)?.split_once('>')?;
        let (life, id) = (u64::from_str_radix(life, 16).ok()?, whole(id)?);
        // One item has one cursor.
        (encode(life, id) == cursor).then_some((life, id))
    };
    match read() {
        Some((life, id)) if life == epoch => Decoded::After(id),
        Some(_) => Decoded::Elsewhere,
        None => Decoded::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_come_back(epoch: u64, other: u64, id: u64) {
            let cursor = encode(epoch, id);
            prop_assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
            prop_assert_eq!(decode(epoch, &cursor), Decoded::After(id));
            let expected = if other == epoch { Decoded::After(id) } else { Decoded::Elsewhere };
            prop_assert_eq!(decode(other, &cursor), expected);
        }

        #[test]
        fn anything_else_is_refused(text in ".{0,40}") {
            if let Decoded::After(id) = decode(1, &text) {
                prop_assert_eq!(encode(1, id), text);
            }
        }
    }

    #[test]
    fn an_invalid_cursor_is_refused() {
        for text in ["", "0", "17", "aXRlbXM-", "aXRlbXM-MDE", "aXRlbXM-LTE", "%"] {
            assert_eq!(decode(1, text), Decoded::Foreign, "{text}");
        }
    }
}
