//! Running text for people: wrapped to a width, in the letters that their terminal can show, and words that they misspelt.

use std::fmt::Write as _;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};
use unicode_width::UnicodeWidthStr as _;

/// Least width for wrapping: narrower text is unreadable.
const NARROWEST: usize = 20;
/// The indent of continuation lines where the window has no room for more.
const LEAST_INDENT: usize = 4;

/// Appends `lead` and `text` in lines of at most `columns`, with continuation lines indented by `indent`. Whitespace counts
/// as a space, a unit stays with its number, and an overlong word is broken.
pub fn wrap(out: &mut String, lead: &str, text: &str, indent: usize, columns: usize) {
    lines(out, &format!("{lead}{text}"), indent, columns, true);
}

/// Returns `text` with its lines wrapped to `columns`. Overlong words are broken, or stay whole, so that a path can be
/// copied.
pub fn fit(text: &str, columns: usize, break_words: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches('\n');
        if bare.width() <= columns.max(NARROWEST) {
            out.push_str(line);
            continue;
        }
        lines(&mut out, bare, bare.len() - bare.trim_start().len() + 2, columns, break_words);
        if bare.len() == line.len() {
            out.truncate(out.trim_end_matches('\n').len());
        }
    }
    out
}

fn lines(out: &mut String, text: &str, indent: usize, columns: usize, break_words: bool) {
    let columns = columns.max(NARROWEST);
    let room = |indent: usize| if indent > columns / 3 { LEAST_INDENT } else { indent };
    let whole = glue(text);
    let bare = whole.trim_start_matches(' ');
    let first = " ".repeat(room(whole.len() - bare.len()));
    let further = " ".repeat(room(indent));
    let options = Options::new(columns)
        .initial_indent(&first)
        .subsequent_indent(&further)
        .break_words(break_words)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    for line in textwrap::wrap(bare, options) {
        out.push_str(line.replace(GLUE, " ").trim_end());
        out.push('\n');
    }
}

/// Replaces a space at which no line may end.
const GLUE: char = '\u{a0}';

/// `text` on one line, its units glued to their numbers.
fn glue(text: &str) -> String {
    let mut glued = String::with_capacity(text.len());
    for (n, word) in text.split(char::is_whitespace).enumerate() {
        let unit = word.trim_end_matches([',', '.', ';', ':', ')', ']']);
        let is_unit =
            matches!(unit, "%" | "ns" | "us" | "µs" | "ms" | "s" | "B" | "KiB" | "MiB" | "~");
        if n > 0 {
            glued.push(if is_unit { GLUE } else { ' ' });
        }
        glued.push_str(word);
    }
    glued
}

/// `text` in ASCII alone, for a locale that shows nothing else: signs as one writes them on a typewriter, and `?` for the rest.
pub fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\0'..='\x7f' => plain.push(letter),
            _ => plain.push_str(sign(letter)),
        }
    }
    plain
}

fn sign(letter: char) -> &'static str {
    match letter {
        'µ' | 'μ' => "u",
        '×' | '✗' | '✕' => "x",
        '÷' => "/",
        '−' | '–' | '—' | '─' | '‐' | '‑' => "-",
        '…' => "...",
        '→' => "->",
        '≤' => "<=",
        '≥' => ">=",
        '±' => "+-",
        '·' | '•' => "*",
        '²' => "^2",
        '‘' | '’' => "'",
        '“' | '”' | '„' => "\"",
        GLUE | '\u{202f}' | '\u{2009}' => " ",
        _ => "?",
    }
}

/// Returns `text` without control characters and changes of the writing direction; line feeds stay.
pub fn harmless(text: &str) -> String {
    let shown = |letter| match letter {
        '\t' => ' ',
        '\n' => '\n',
        letter if harms(letter) => '?',
        letter => letter,
    };
    text.chars().map(shown).collect()
}

/// Whether a letter moves a cursor or changes the writing direction: a control character, or a mark, embedding, override or
/// isolate of direction.
pub fn harms(letter: char) -> bool {
    let turns = matches!(
        letter,
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    turns || letter.is_control()
}

/// A document of JSON, as it was serialised, in which every letter that [`harms`] is an escape: the same to every reader, and
/// inert on a terminal.
pub fn inert_json(document: &str) -> String {
    let mut inert = String::with_capacity(document.len());
    for letter in document.chars() {
        // Line feeds stand between values; within one they are escapes already.
        if letter != '\n' && harms(letter) {
            let _ = write!(inert, "\\u{:04x}", u32::from(letter));
        } else {
            inert.push(letter);
        }
    }
    inert
}

/// The one of `known` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    known
        .into_iter()
        .map(|candidate| (alike(&word, &plain(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A word without case, its parts joined by underscores: `Payload-Kind` is `payload_kind`.
pub fn plain(word: &str) -> String {
    word.trim().replace(['-', ' '], "_").to_ascii_lowercase()
}

/// How alike two plain words are, 0 to 1.
pub fn alike(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

/// What to say of an unknown word: the nearest known one, or all of them.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("; did you mean '{near}'?"),
        None => format!("; known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(lead: &str, text: &str, indent: usize, columns: usize) -> String {
        let mut out = String::new();
        wrap(&mut out, lead, text, indent, columns);
        out
    }

    #[test]
    fn text_fits_every_width_and_loses_no_letter() {
        let texts = [
            "met     reach >= 1  [6 cases]".to_owned(),
            "a p50 of 5 ms, in every block before 310 B".to_owned(),
            "x".repeat(300),
            "新聞 ".repeat(40),
            String::new(),
        ];
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        for text in &texts {
            for lead in ["", "  ", "  block 1   ", "    F12  freshness  measure 10s, of cases "] {
                for columns in 20..130 {
                    let out = wrapped(lead, text, lead.len(), columns);
                    assert!(out.lines().all(|line| line.width() <= columns), "{columns}: {out}");
                    assert_eq!(letters(&out), letters(&format!("{lead}{text}")), "{columns}");
                    assert!(!out.contains("\nms") && !out.contains(" ms\u{a0}"), "{out}");
                }
            }
        }
    }

    #[test]
    fn continuation_lines_align_with_the_first_lines_text() {
        let out = wrapped("  block 1   ", &"17 ".repeat(40), 12, 98);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("            17"), "{out}");
        assert_eq!(wrapped("", "one\ntwo\tthree", 2, 80), "one two three\n");
    }

    #[test]
    fn lines_that_fit_stay_and_words_stay_whole() {
        let path = "/a/path/that/no/narrow/window/holds";
        let text = format!("short\n\n  wide: see {path} and so on\nno line feed at the end");
        let narrow = fit(&text, 20, false);
        assert!(narrow.starts_with("short\n\n  wide: see\n    /a/path/"), "{narrow}");
        assert!(narrow.contains(path) && narrow.ends_with("at the\n  end"), "{narrow}");
        assert_eq!(fit(&text, 200, false), text);
        assert!(fit(&text, 20, true).lines().all(|line| line.width() <= 20));
    }

    #[test]
    fn a_typewriter_has_every_sign() {
        assert_eq!(ascii("5 µs × 3 → 2…, −1 ≥ ±0 ✗ é"), "5 us x 3 -> 2..., -1 >= +-0 x ?");
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(harmless("a\x1b[2Jb\r\nc\t\u{202e}d\u{9b}"), "a?[2Jb?\nc ?d?");
    }
}
