//! A report before it is rendered: sections of sentences, tables, charts and definitions, as plain text.
//!
//! Renderers decide how a block looks, and escape what their format gives a meaning to; they choose and order nothing.

use super::chart::{Chart, Entry};

/// A whole report.
#[derive(Debug)]
pub(super) struct Document {
    /// Name of the scenario.
    pub title: String,
    /// Its question.
    pub question: String,
    /// The sections, in the order of reading.
    pub sections: Vec<Section>,
}

/// A part with a title.
#[derive(Debug)]
pub(super) struct Section {
    /// The title.
    pub title: &'static str,
    /// What it holds, in the order of reading; never empty.
    pub blocks: Vec<(Extent, Block)>,
}

/// Which extent of a report has a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every one.
    Always,
    /// Only one that fits a screen: a longer block of the full report says the same.
    Short,
    /// Only one that has room.
    Full,
}

impl Extent {
    /// Whether a reader who wants `this` extent is shown a block of that one.
    pub(super) fn includes(self, block: Self) -> bool {
        block == Self::Always || block == self
    }
}

/// A piece of a section.
#[derive(Debug)]
pub(super) enum Block {
    /// Sentences that stand each on a line of their own.
    Sentences(Vec<String>),
    /// Sentences that belong together.
    Paragraph(String),
    /// Words of the tables, each with its meaning.
    Terms(Vec<(&'static str, &'static str)>),
    /// A table with its footnotes.
    Table(Table),
    /// A chart.
    Chart(&'static Chart),
    /// A text to be copied: a command, or the content of a file.
    Code(String),
    /// Details under a title of their own, which a page unfolds.
    Fold(String, Vec<Block>),
    /// Files of the results folder, each with its content.
    Files(Vec<(&'static str, &'static str)>),
}

impl Block {
    fn is_empty(&self) -> bool {
        match self {
            Self::Sentences(sentences) => sentences.is_empty(),
            Self::Paragraph(text) | Self::Code(text) => text.is_empty(),
            Self::Terms(terms) => terms.is_empty(),
            Self::Table(table) => table.groups.iter().all(|group| group.rows.is_empty()),
            Self::Chart(_) => false,
            Self::Fold(_, blocks) => blocks.iter().all(Self::is_empty),
            Self::Files(files) => files.is_empty(),
        }
    }
}

/// Rows under one head, in groups, with footnotes.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// What tells it from the other tables of its section; empty where it is the only one.
    pub caption: &'static str,
    /// The head.
    pub head: Vec<Head>,
    /// The rows.
    pub groups: Vec<Group>,
    /// What its marks stand for, and what the reader must know.
    pub notes: Vec<Note>,
}

/// The head of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Two lines where there is room for narrow columns; one of them may be empty.
    pub lines: [&'static str; 2],
    /// How the cells below it are aligned.
    pub align: Align,
}

impl Head {
    /// The head in one line.
    pub(super) fn line(&self) -> String {
        self.lines.join(" ").trim().to_owned()
    }
}

/// How the cells of a column are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Text reads from the left.
    Left,
    /// Figures end at the right.
    Right,
}

/// Rows that are compared with one another.
#[derive(Debug)]
pub(super) struct Group {
    /// What they share; empty where there is one group.
    pub heading: String,
    /// Their cells, as many as the table has heads.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cell {
    /// Its text.
    pub text: String,
    /// Marks behind the text, each of which a note explains.
    pub marks: Vec<&'static str>,
    /// Whether the figure is not to be relied on.
    pub is_faint: bool,
    /// Its interval, for a page that has room for it; empty where there is none.
    pub interval: String,
    /// Whether it is the best of its group.
    pub lead: Option<Lead>,
    /// The series that the row is in charts.
    pub series: Option<Entry>,
}

/// How certain it is that a figure is the best of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// Shown at 95 % confidence, all comparisons of the run together.
    Shown,
    /// Ahead in every block, at the lower confidence that so few trials allow.
    Indicated,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

impl Cell {
    /// The text with its marks.
    pub(super) fn marked(&self) -> String {
        self.marks.iter().fold(self.text.clone(), |text, mark| text + mark)
    }
}

/// A footnote.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The mark that it explains.
    pub mark: Option<&'static str>,
    /// The note.
    pub text: String,
}

impl Note {
    /// A note without a mark.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { mark: None, text: text.into() }
    }

    /// What a mark stands for.
    pub(super) fn of(mark: &'static str, text: impl Into<String>) -> Self {
        Self { mark: Some(mark), text: text.into() }
    }

    /// The mark, if it has one, and the text.
    pub(super) fn line(&self) -> String {
        self.mark.map_or_else(|| self.text.clone(), |mark| format!("{mark} {}", self.text))
    }
}

/// A head over text.
pub(super) const fn left(line: &'static str) -> Head {
    Head { lines: ["", line], align: Align::Left }
}

/// A head over figures.
pub(super) const fn right(line: &'static str) -> Head {
    Head { lines: ["", line], align: Align::Right }
}

impl Table {
    /// A table in one group, without notes.
    pub(super) fn new(head: Vec<Head>, rows: Vec<Vec<Cell>>) -> Self {
        let groups = vec![Group { heading: String::new(), rows }];
        Self { head, groups, ..Self::default() }
    }

    /// A table whose first column names the case, and whose others hold figures.
    pub(super) fn of_cases(
        heads: impl IntoIterator<Item = &'static str>,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Self {
        let head = heads.into_iter().enumerate();
        let head = head.map(|(at, line)| if at == 0 { left(line) } else { right(line) });
        let rows = rows.into_iter().map(|row| row.into_iter().map(Cell::from).collect());
        Self::new(head.collect(), rows.collect())
    }
}

impl Section {
    /// A section of those blocks that say something; `None` where none does.
    pub(super) fn new(
        title: &'static str,
        blocks: impl IntoIterator<Item = (Extent, Block)>,
    ) -> Option<Self> {
        let blocks: Vec<_> = blocks.into_iter().filter(|(_, block)| !block.is_empty()).collect();
        (!blocks.is_empty()).then_some(Self { title, blocks })
    }

    /// The blocks of an extent.
    pub(super) fn of(&self, extent: Extent) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |(own, _)| extent.includes(*own)).map(|(_, block)| block)
    }
}
