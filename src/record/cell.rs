//! Cells that other programs read as what they are: numbers without a sign that no number has, texts that are inert.

use std::borrow::Cow;

use crate::prose::harms;

/// Stands between the sentences of a list's cell.
pub(super) const BETWEEN: &str = " | ";

/// The column that holds the bounds of those figures of a row of which nothing else is known: `freshness_ns_p99>1234`.
///
/// The figures themselves are infinite there: to readers of numbers `>1234` is a text, which makes a text of the whole column.
/// Infinity is a number to all of them, and sorts above all others, as such a figure does.
pub(crate) const BOUNDS: &str = "bounds";

/// A figure of which only a bound is known.
const BEYOND: &str = "inf";

/// The bounds of a row while it is written.
#[derive(Debug, Default)]
pub(crate) struct Bounds(Vec<String>);

impl Bounds {
    /// The cell of a figure in a column: `12.5` as it is, of `>12.5` only that it is beyond all numbers.
    ///
    /// A whole number has a fraction: a reader that takes the type of a column from its first rows would else take it for one
    /// of whole numbers, and refuse what follows.
    pub(crate) fn cell(&mut self, column: &str, figure: String) -> String {
        if figure.starts_with('>') {
            self.0.push(format!("{column}{figure}"));
            return BEYOND.to_owned();
        }
        let is_whole = figure.parse::<i64>().is_ok();
        if is_whole { figure + ".0" } else { figure }
    }

    /// The cell of [`BOUNDS`].
    pub(crate) fn list(&self) -> String {
        self.0.join(BETWEEN)
    }
}

/// The figure that a cell of a column stands for, in a row with this cell of [`BOUNDS`].
pub(super) fn figure<'a>(column: &str, cell: &'a str, bounds: &'a str) -> &'a str {
    if cell != BEYOND {
        return cell;
    }
    let of = |bound: &'a str| bound.strip_prefix(column).filter(|rest| rest.starts_with('>'));
    bounds.split(BETWEEN).find_map(of).unwrap_or(cell)
}

/// The signs that begin a formula in a spreadsheet, in either width.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// What begins an escaped letter, `\u{1b}`.
const ESCAPE: &str = "\\u{";

/// A text as a cell that is inert: letters that move a cursor or change the writing direction are escaped as `\u{1b}`, and so is
/// the backslash of what looks like an escape; what a spreadsheet would take for a formula has `'` before it.
pub(super) fn guarded(text: &str) -> Cow<'_, str> {
    let mut cell = Cow::from(text);
    if text.contains(harms) || text.contains(ESCAPE) {
        cell = escaped(text).into();
    }
    let is_number = cell.parse().is_ok_and(f64::is_finite);
    if cell.trim_start_matches('\'').starts_with(SIGNS) && !is_number {
        cell = format!("'{cell}").into();
    }
    cell
}

fn escaped(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if harms(letter) || text[at..].starts_with(ESCAPE) {
            cell.extend(letter.escape_unicode());
        } else {
            cell.push(letter);
        }
    }
    cell
}

/// The text that [`guarded`] made a cell of.
pub(super) fn unguarded(cell: &str) -> Cow<'_, str> {
    let is_guarded = |text: &&str| {
        text.trim_start_matches('\'').starts_with(SIGNS) && !text.parse().is_ok_and(f64::is_finite)
    };
    let cell = cell.strip_prefix('\'').filter(is_guarded).unwrap_or(cell);
    if !cell.contains(ESCAPE) {
        return cell.into();
    }
    let mut parts = cell.split(ESCAPE);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let letter = part.split_once('}').and_then(|(code, rest)| {
            Some((char::from_u32(u32::from_str_radix(code, 16).ok()?)?, rest))
        });
        if let Some((letter, rest)) = letter {
            text.push(letter);
            text.push_str(rest);
        } else {
            // No escape, and not written by this program.
            text.push_str(ESCAPE);
            text.push_str(part);
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_that_would_be_a_formula_is_none_and_numbers_stay() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2+3", "'-2+3"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("\t=1", "\\u{9}=1"),
            ("a\u{1b}[2J\r\nb", "a\\u{1b}[2J\\u{d}\\u{a}b"),
            ("\u{202e}x", "\\u{202e}x"),
            ("\\u{1b}", "\\u{5c}u{1b}"),
            ("a\\b\\", "a\\b\\"),
            ("－1－1", "'－1－1"),
            ("-inf", "'-inf"),
            ("'=1", "''=1"),
            ("-5", "-5"),
            ("+1e3", "+1e3"),
            ("'quoted'", "'quoted'"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!((guarded(text).as_ref(), unguarded(cell).as_ref()), (cell, text));
        }
    }

    #[test]
    fn a_bound_is_found_by_its_column() {
        let mut bounds = Bounds::default();
        let cells = [("p99", ">12.5"), ("p999", ">40"), ("p50", "3")]
            .map(|(column, figure)| bounds.cell(column, figure.to_owned()));
        assert_eq!(cells, ["inf", "inf", "3.0"]);
        let list = bounds.list();
        assert_eq!(list, "p99>12.5 | p999>40");
        for (column, cell, expected) in [
            ("p99", "inf", ">12.5"),
            ("p999", "inf", ">40"),
            ("p50", "3", "3"),
            ("p9", "inf", "inf"),
        ] {
            assert_eq!(figure(column, cell, &list), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_inert_and_begins_no_formula(
            text in "(['=+@\t\r\n 0-9a-zé＝\u{1b}\u{9b}\u{202e}\\\\{}u-]|\\\\u\\{){0,8}",
        ) {
            let cell = guarded(&text).into_owned();
            prop_assert_eq!(unguarded(&cell), text.as_str());
            prop_assert!(!cell.contains(harms), "{}", cell);
            prop_assert!(!cell.starts_with(SIGNS) || cell.parse::<f64>().is_ok_and(f64::is_finite));
        }
    }
}
