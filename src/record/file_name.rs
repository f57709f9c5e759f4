//! File names from people's text: a scenario's name, a case's id, a host's name.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Most bytes of a name that [`file_name`] makes for a folder.
pub const FOLDER_BYTES: usize = 64;

/// Hexadecimal digits of the hash that distinguishes shortened or changed names.
const HASH_DIGITS: usize = 8;

/// Names that Windows reserves for devices, with any extension.
const RESERVED: [&str; 24] = [
    "con", "prn", "aux", "nul", "com0", "com1", "com2", "com3", "com4", "com5", "com6", "com7",
    "com8", "com9", "lpt0", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Returns a name of at most `most` bytes that every file system accepts, for a single text.
///
/// A text of ASCII letters, digits, `-`, `_`, `=` and inner dots is its own name. Any other has its characters replaced by
/// `_` and is followed by a hash of the whole text, so that similar texts stay distinct.
pub fn file_name(text: &str, most: usize) -> String {
    let slug = slug(text);
    let is_own = slug == text && (1..=most).contains(&slug.len());
    if is_own { slug } else { hashed(text, &slug, most, HASH_DIGITS) }
}

/// Returns the names of `texts` in one folder: different texts get names that differ in more than the case of their
/// letters.
///
/// A text gets a hash only if its name was shortened or is another's as well. The names depend on the set of texts alone,
/// not on their order.
pub fn file_names<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> BTreeMap<&'a str, String> {
    let mut names: BTreeMap<&str, String> =
        texts.into_iter().map(|text| (text, slug(text))).collect();
    for digits in [HASH_DIGITS, 16, 32, 64] {
        let mut owners: BTreeMap<String, usize> = BTreeMap::new();
        for name in names.values() {
            *owners.entry(name.to_ascii_lowercase()).or_default() += 1;
        }
        let taken = |name: &str| owners.get(&name.to_ascii_lowercase()).is_some_and(|n| *n > 1);
        let mut changed = false;
        for (text, name) in &mut names {
            if name.len() > most || name.is_empty() || is_reserved(name) || taken(name) {
                *name = hashed(text, &slug(text), most, digits);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    names
}

/// Returns the text with `_` for every character that some file system refuses, and without a forbidden start or end.
fn slug(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '=' | '.');
    let name: String = text.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    let name = name.trim_start_matches(['.', '-']).trim_end_matches('.');
    // A run of dots is harmless inside of a name, but alarms people who look for `..`.
    let mut slug = String::with_capacity(name.len());
    for c in name.chars() {
        if c != '.' || !slug.ends_with('.') {
            slug.push(c);
        }
    }
    let blank = slug.chars().all(|c| c == '_');
    if is_reserved(&slug) || blank { String::new() } else { slug }
}

fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    RESERVED.iter().any(|reserved| stem.eq_ignore_ascii_case(reserved))
}

/// The beginning of `slug` and a hash of `text`.
fn hashed(text: &str, slug: &str, most: usize, digits: usize) -> String {
    let mut hash = String::with_capacity(2 * 32);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hash, "{byte:02x}");
    }
    hash.truncate(digits.min(most.saturating_sub(2)));
    let mut head = slug.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("_");
    // A slug is ASCII: every byte is a letter.
    head.truncate(most.saturating_sub(hash.len() + 1));
    let head = head.trim_matches(['.', '-', '_']);
    let head = if head.is_empty() || is_reserved(head) { "x" } else { head };
    format!("{head}-{hash}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_text_is_its_own_name() {
        for text in ["quickstart", "my_scenario", "Quick-2.v3", "a.toml", "0", "a=1"] {
            assert_eq!(file_name(text, FOLDER_BYTES), text);
        }
    }

    #[test]
    fn any_other_text_keeps_what_can_be_kept_and_gets_a_hash() {
        let long = "x".repeat(300);
        for (text, head) in [
            ("../../etc", "etc"),
            ("<b>&x", "b_x"),
            ("..", "x"),
            (".", "x"),
            ("", "x"),
            (".hidden", "hidden"),
            ("-rf", "rf"),
            ("a b", "a_b"),
            ("a/b", "a_b"),
            ("a\\b", "a_b"),
            ("m\u{fc}sli", "m_sli"),
            ("测试", "x"),
            ("\u{1f680}", "x"),
            ("a\nb\0", "a_b"),
            ("a: b", "a_b"),
            ("/con.x", "x"),
            ("con", "x"),
            ("NUL.toml", "x"),
            ("dots.", "dots"),
            ("a..b", "a.b"),
            (&long, &long[..55]),
        ] {
            let name = file_name(text, FOLDER_BYTES);
            let (found, hash) = name.rsplit_once('-').unwrap();
            assert_eq!((found, hash.len()), (head, HASH_DIGITS), "{text:?}: {name}");
            assert!(name.len() <= FOLDER_BYTES);
        }
    }

    #[test]
    fn names_of_one_folder_get_a_hash_only_where_they_need_one() {
        let ids = ["sse:rate=5/s", "sse:rate=5_s", "sse:a=X", "sse:a=x", "sse:clients=1k", "con"];
        let names = file_names(ids, 120);
        assert_eq!(names["sse:clients=1k"], "sse_clients=1k");
        for id in ["sse:rate=5/s", "sse:rate=5_s", "sse:a=X", "sse:a=x"] {
            assert!(names[id].len() > id.len(), "{names:?}");
        }
        let one = file_names(["sse:rate=5/s"], 120);
        assert_eq!(one["sse:rate=5/s"], "sse_rate=5_s", "as files were named before");
        assert_eq!(names, file_names(ids.into_iter().rev(), 120), "whatever the order");
    }

    /// A text of letters that make trouble, so that collisions are frequent; or any text at all.
    fn texts() -> impl Strategy<Value = BTreeSet<String>> {
        let letter = prop::sample::select(vec![
            'a', 'A', 'b', '_', '-', '.', ':', '/', ' ', '\u{fc}', '\u{fd}', '\n', '\0', '\u{6d4b}',
        ]);
        let tricky = prop::collection::vec(letter, 0..6).prop_map(String::from_iter);
        let long = prop::collection::vec(any::<char>(), 0..400).prop_map(String::from_iter);
        let twin = prop::sample::select(vec!["con", "CON", "aux.x", "..", "", "x-e3b0c442"]);
        let text = prop_oneof![6 => tricky, 1 => long, 1 => twin.prop_map(str::to_owned)];
        prop::collection::btree_set(text, 0..40)
    }

    fn is_safe(name: &str, most: usize) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '=' | '.');
        (1..=most).contains(&name.len())
            && name.chars().all(plain)
            && !name.starts_with(['.', '-'])
            && !name.ends_with('.')
            && !name.contains("..")
            && !is_reserved(name)
    }

    proptest! {
        #[test]
        fn different_texts_never_share_a_name(texts in texts(), most in 80_usize..240) {
            let names = file_names(texts.iter().map(String::as_str), most);
            prop_assert_eq!(names.len(), texts.len());
            let folded: BTreeSet<String> =
                names.values().map(|name| name.to_ascii_lowercase()).collect();
            prop_assert_eq!(folded.len(), texts.len(), "{:?}", names);
            for (text, name) in &names {
                prop_assert!(is_safe(name, most), "{:?}: {}", text, name);
            }
        }

        #[test]
        fn a_name_alone_is_safe_and_tells_changed_texts_apart(texts in texts()) {
            let names: BTreeSet<String> =
                texts.iter().map(|text| file_name(text, FOLDER_BYTES)).collect();
            // `x-e3b0c442` is the name of the empty text: a person may choose it.
            prop_assert!(names.len() + 1 >= texts.len(), "{:?}", names);
            for name in &names {
                prop_assert!(is_safe(name, FOLDER_BYTES), "{}", name);
            }
        }
    }
}
