//! Running text for people: wrapped to a width, and in the letters that their terminal can show.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// Text is never wrapped narrower than this: what is narrower shows nothing that can be read.
const NARROWEST: usize = 20;
/// Further lines are indented like the first one's text, but by no more than this share of the width.
const INDENT_SHARE: usize = 3;

/// Appends `lead` and `text` in lines of at most `columns`, further ones indented by `indent`. Every whitespace character counts
/// as a space, a unit stays with its number, and a word that fits no line is broken.
pub fn wrap(out: &mut String, lead: &str, text: &str, indent: usize, columns: usize) {
    let columns = columns.max(NARROWEST);
    let whole = glue(&format!("{lead}{text}"));
    let first = whole.len() - whole.trim_start_matches(' ').len();
    let first = " ".repeat(first.min(columns / INDENT_SHARE));
    let further = " ".repeat(indent.min(columns / INDENT_SHARE));
    let options = Options::new(columns)
        .initial_indent(&first)
        .subsequent_indent(&further)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    for line in textwrap::wrap(whole.trim_start_matches(' '), options) {
        out.push_str(line.replace(GLUE, " ").trim_end());
        out.push('\n');
    }
}

/// Stands for a space where no line may end.
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

/// `text` without what moves the cursor or turns the direction of writing; line feeds stay.
pub fn harmless(text: &str) -> String {
    let harms = |letter: char| match letter {
        '\n' => false,
        // Marks, embeddings, overrides and isolates of direction.
        '\u{200e}'
        | '\u{200f}'
        | '\u{061c}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => true,
        letter => letter.is_control(),
    };
    let shown = |letter| match letter {
        '\t' => ' ',
        letter if harms(letter) => '?',
        letter => letter,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

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
    fn further_lines_stand_under_the_first_ones_text() {
        let out = wrapped("  block 1   ", &"17 ".repeat(40), 12, 98);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("            17"), "{out}");
        assert_eq!(wrapped("", "one\ntwo\tthree", 2, 80), "one two three\n");
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
