//! A whole answer, and when it came.

use bytes::Bytes;
use hyper::StatusCode;

use super::h1::Fields;
use super::sample::{Sample, Told};

/// A whole answer.
#[derive(Debug)]
pub struct StampedResponse {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: Fields,
    /// Its body.
    pub body: Bytes,
    /// First write of the request, in monotonic nanoseconds.
    pub sent_ns: u64,
    /// First byte of the answer, in monotonic nanoseconds.
    pub first_ns: u64,
    /// Last byte of the answer, in monotonic nanoseconds.
    pub done_ns: u64,
}

impl StampedResponse {
    /// What the answer says, for people to read where it was not expected.
    pub fn told(&self) -> Told {
        Told::of(self.status, &self.headers.to_map(), Sample::of(&self.body))
    }
}
