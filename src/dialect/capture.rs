//! stub
use serde::{Deserialize, Serialize};

/// Where a value stands in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capture(String);
/// x
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// x
    pub status: u16,
    /// x
    pub body: &'a [u8],
    /// x
    pub event: Option<&'a str>,
}
impl Capture {
    /// x
    pub fn of(&self, _: &Answer<'_>) -> Option<String> {
        None
    }
}
/// How a message is decoded before it is searched for events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decode(String);
impl Decode {
    /// x
    pub fn decode(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
/// x
pub fn each(_: &[u8], _: &str, _: &mut dyn FnMut(&[u8])) {}
