//! Values that are written nowhere: secrets of the environment, captured logins, signed addresses.
//!
//! [`Secrets::redact`] finds every occurrence of a registered value in a text: as it is; behind percent-encoding, the escapes of
//! JSON, JSON within JSON, and XML, whatever an encoder chose to escape; in base64, also where other text was encoded before and
//! behind it; in hexadecimal; in lower and upper case. Not found are a value's digests, compressed texts, and a value of which only
//! a part was written: a text is redacted before it is cut. And a text is redacted before it becomes part of a record: a secret of
//! digits would be found in the record's numbers.
//!
//! A value of less than [`LEAST`] bytes would be found everywhere. It is replaced only where it stands alone, without a letter or
//! digit beside it, and not in base64, hexadecimal or another case. An empty value is no secret.

#[cfg(test)]
mod tests;
mod view;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

use memchr::memmem;

use self::view::View;
use super::encoding;

/// The length of the shortest value that is found within other text, in bytes.
pub const LEAST: usize = 4;

/// The registered values: shared by all that write something.
///
/// Kept are hashes of the values and their first bytes, not the values: thousands of captured logins take little memory, and a
/// printed registry shows none.
#[derive(Default)]
pub struct Secrets(RwLock<Registry>);

#[derive(Default)]
struct Registry {
    hasher: RandomState,
    names: Vec<Box<str>>,
    /// By the hash of all their bytes.
    forms: HashMap<u64, Form>,
    /// The lengths of the forms that begin with these bytes, longest first.
    lengths: HashMap<Box<[u8]>, Vec<usize>>,
    /// Values of less than `LEAST` bytes, and the numbers of their names.
    short: Vec<(Box<[u8]>, usize)>,
}

/// One way to write a value.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// The number of the name.
    name: usize,
    /// In base64 the digits before and behind may hold a few bits of the value.
    shares: [bool; 2],
}

/// A place in a text that is to be replaced.
#[derive(Debug)]
struct Found {
    range: Range<usize>,
    /// Of several that overlap, the longest gives the name.
    length: usize,
    name: usize,
}

impl Secrets {
    /// A registry without values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value, which will be shown as `[secret NAME]`. Of two names for one value the first stays.
    pub fn register(&self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.write().unwrap_or_else(PoisonError::into_inner).add(name, value);
        }
    }

    /// Whether nothing was registered.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).names.is_empty()
    }

    /// `text` with every registered value replaced by `[secret NAME]`. Values that overlap are replaced together, under the name
    /// of the longest.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Values are texts, so that what is left is one.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// As [`Secrets::redact`], for bytes.
    pub fn redact_bytes<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let registry = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if registry.names.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut found = Vec::new();
        registry.search(&View::of(text), 0, &mut found);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut redacted = Vec::with_capacity(text.len());
        let mut at = 0;
        for place in joined(found) {
            redacted.extend_from_slice(&text[at..place.range.start]);
            redacted.extend_from_slice(b"[secret ");
            redacted.extend_from_slice(registry.names[place.name].as_bytes());
            redacted.push(b']');
            at = place.range.end;
        }
        redacted.extend_from_slice(&text[at..]);
        Cow::Owned(redacted)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registry = self.0.read().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Secrets({} names)", registry.names.len())
    }
}

/// Joins places that overlap.
fn joined(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|place| (place.range.start, usize::MAX - place.length));
    let mut joined: Vec<Found> = Vec::new();
    for place in found {
        match joined.last_mut() {
            Some(last) if place.range.start < last.range.end => {
                last.range.end = last.range.end.max(place.range.end);
                if place.length > last.length {
                    (last.length, last.name) = (place.length, place.name);
                }
            }
            _ => joined.push(place),
        }
    }
    joined
}

impl Registry {
    fn add(&mut self, name: &str, value: &str) {
        let known = self.names.iter().position(|known| **known == *name);
        let name = known.unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        });
        let bytes = value.as_bytes();
        if bytes.len() < LEAST {
            if self.short.iter().all(|(known, _)| **known != *bytes) {
                self.short.push((bytes.into(), name));
            }
            return;
        }
        self.add_form(bytes, name, [false; 2]);
        for change in [encoding::lower, encoding::upper, encoding::hex] {
            let mut form = Vec::new();
            change(bytes, &mut form);
            self.add_form(&form, name, [false; 2]);
        }
        let mut digits = Vec::new();
        encoding::hex(bytes, &mut digits);
        self.add_form(&digits.to_ascii_uppercase(), name, [false; 2]);
        for before in 0..3 {
            for encode in [encoding::base64, encoding::base64url] {
                let (form, shares) = within_base64(bytes, before, encode);
                self.add_form(&form, name, shares);
            }
        }
    }

    fn add_form(&mut self, form: &[u8], name: usize, shares: [bool; 2]) {
        let Some(first) = form.get(..LEAST) else { return };
        let hash = self.hasher.hash_one(form);
        self.forms.entry(hash).or_insert(Form { name, shares });
        let lengths = self.lengths.entry(first.into()).or_default();
        if let Err(at) = lengths.binary_search_by(|length| form.len().cmp(length)) {
            lengths.insert(at, form.len());
        }
    }

    /// Adds the places of `view`, and of what it says when it is decoded, to `found`.
    fn search(&self, view: &View<'_>, depth: usize, found: &mut Vec<Found>) {
        /// JSON within JSON, or within a form.
        const DEEPEST: usize = 2;
        self.search_forms(view, found);
        self.search_short(view, found);
        if depth < DEEPEST {
            for decoded in view.decoded() {
                self.search(&decoded, depth + 1, found);
            }
        }
    }

    fn search_forms(&self, view: &View<'_>, found: &mut Vec<Found>) {
        let bytes = view.bytes();
        for (at, first) in bytes.windows(LEAST).enumerate() {
            let Some(lengths) = self.lengths.get(first) else { continue };
            let candidates = lengths.iter().filter_map(|length| {
                let form = self.forms.get(&self.hasher.hash_one(bytes.get(at..at + length)?))?;
                Some((*length, form))
            });
            // The longest is enough: shorter ones lie within.
            if let Some((length, form)) = candidates.into_iter().next() {
                let (start, end) = widened(bytes, at, at + length, form.shares);
                found.push(Found { range: view.range(start..end), length, name: form.name });
            }
        }
    }

    fn search_short(&self, view: &View<'_>, found: &mut Vec<Found>) {
        let bytes = view.bytes();
        let joins = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte > 0x7f)
        };
        for (value, name) in &self.short {
            for at in memmem::find_iter(bytes, value) {
                let end = at + value.len();
                let before = at.checked_sub(1).and_then(|before| bytes.get(before));
                if !joins(before) && !joins(bytes.get(end)) {
                    let range = view.range(at..end);
                    found.push(Found { range, length: value.len(), name: *name });
                }
            }
        }
    }
}

/// The digits of base64 that depend on nothing but `value`, where `before` bytes, modulo three, are encoded before it; and
/// whether the digits beside them hold bits of it.
fn within_base64(
    value: &[u8],
    before: usize,
    encode: fn(&[u8], &mut Vec<u8>),
) -> (Vec<u8>, [bool; 2]) {
    let mut padded = vec![0; before];
    padded.extend_from_slice(value);
    let (first, last) = ((8 * before).div_ceil(6), 8 * padded.len() / 6);
    let shares = [before > 0, !(8 * padded.len()).is_multiple_of(6)];
    let mut digits = Vec::new();
    encode(&padded, &mut digits);
    (digits[first..last].to_vec(), shares)
}

/// The place with the digits beside it that share bits with the value.
fn widened(bytes: &[u8], start: usize, end: usize, shares: [bool; 2]) -> (usize, usize) {
    let is_digit = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte))
    };
    let before = start.checked_sub(1).filter(|before| shares[0] && is_digit(bytes.get(*before)));
    let behind = usize::from(shares[1] && is_digit(bytes.get(end)));
    (before.unwrap_or(start), end + behind)
}
