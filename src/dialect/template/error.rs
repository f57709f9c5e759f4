//! Why a text cannot be compiled, or not be rendered.

/// Longest piece of a text that a message quotes, in letters.
const QUOTED: usize = 48;

/// What is wrong with a text, where, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}'{piece}': {message}", place(*.line, *.column))]
pub struct TemplateError {
    /// The line of the text, from 1.
    pub line: u32,
    /// The letter of the line, from 1.
    pub column: u32,
    /// The piece of the text.
    pub piece: String,
    /// What is wrong with it, and the remedy.
    pub message: String,
}

impl TemplateError {
    /// An error of `source[from..to]`.
    pub(super) fn new(source: &str, from: usize, to: usize, message: impl Into<String>) -> Self {
        let before = &source[..from];
        let line = before.matches('\n').count() as u32 + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
        let mut piece: String = source[from..to].chars().take(QUOTED).collect();
        if piece.len() < to - from {
            piece.push('…');
        }
        Self { line, column, piece, message: message.into() }
    }
}

fn place(line: u32, column: u32) -> String {
    if line == 1 { format!("column {column}, ") } else { format!("line {line}, column {column}, ") }
}

/// Why a text could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The scope has no such value.
    #[error("{{{{{0}}}}} has no value here")]
    NoValue(&'static str),
    /// Nothing of that name was captured.
    #[error(
        "{{{{{0}}}}} has no value: nothing was captured under this name. Check the step that captures it"
    )]
    NotCaptured(Box<str>),
    /// The value is not the text that is wanted where it is named.
    #[error("{{{{{0}}}}} is not UTF-8, so that no other text can hold it")]
    NotText(&'static str),
    /// The environment has no such variable.
    #[error("{{{{secret:{0}}}}}: the environment variable {0} is not set. Set it before the run")]
    NoSecret(Box<str>),
    /// Only what is sent before the load knows the ports of a launch.
    #[error("{{{{port:{0}}}}} has no value here: no launched server has reserved it")]
    NoPort(Box<str>),
    /// The file was not read, or has no rows.
    #[error("{{{{file:{0}}}}}: the file was not read")]
    NotLoaded(Box<str>),
    /// The contents of a block are longer than its prefix can say.
    #[error("{{{{{block}:…}}}} holds {bytes} bytes, and its prefix counts at most {most}")]
    TooLong {
        /// The block's name.
        block: &'static str,
        /// The length of its contents.
        bytes: usize,
        /// The longest that it can hold.
        most: usize,
    },
    /// What should be decoded is not so encoded.
    #[error("|{filter}: the text is not valid {encoding}")]
    NotEncoded {
        /// The filter's name.
        filter: &'static str,
        /// What it takes.
        encoding: &'static str,
    },
}
