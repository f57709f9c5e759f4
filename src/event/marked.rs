//! Payloads that carry a mark.

use super::PayloadKind;

/// The payload of every event of a case, with a place for its mark.
#[derive(Debug, Clone)]
pub struct TokenPayload {
    bytes: Vec<u8>,
}

impl TokenPayload {
    /// stub
    pub fn new(_kind: PayloadKind, size: usize) -> Result<Self, String> {
        let mut bytes = vec![b'x'; size.max(26)];
        bytes[0] = b'"';
        if let Some(last) = bytes.last_mut() {
            *last = b'"';
        }
        Ok(Self { bytes })
    }

    /// stub
    pub fn bytes(&mut self, token: &[u8; 24]) -> &[u8] {
        self.bytes[1..25].copy_from_slice(token);
        &self.bytes
    }
}
