//! How a target is spoken to: pure data and pure functions, no input or output.
//!
//! A *dialect* says what is sent to a server and what is awaited of it: requests and messages with placeholders
//! ([`template`]), what is taken out of answers ([`capture`]), what messages mean ([`matcher`]), and how an event is
//! recognised on arrival ([`token`]). [`launch`] says how such a server is started.
//! What must not be written anywhere is known to [`secrets`].

pub mod callback;
pub mod capture;
mod encoding;
pub mod framing;
pub mod launch;
pub mod matcher;
pub mod model;
mod pointer;
#[cfg(test)]
mod reference;
pub mod secrets;
pub mod signing;
pub mod template;
pub mod token;
pub mod word;

/// The text that is percent-encoded; what is not UTF-8 becomes U+FFFD. `None` where it is not so encoded.
pub fn url_decoded(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    encoding::url_decode(text, &mut out)?;
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// Percent-encodes what is not unreserved in a URL (RFC 3986, section 2.3).
pub fn url_encoded(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    encoding::url(bytes, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
