//! What a probe prints.

/// Flags on what is printed.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct Options {
    /// What to print on stdout
    #[arg(short = 'o', long = "output", value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Format,
    /// Print no progress to stderr
    #[arg(long)]
    pub quiet: bool,
}

/// What stdout is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Format {
    /// A table for people
    #[default]
    Text,
    /// One JSON document, described in FORMAT.md
    Json,
    /// The columns of trials.csv, a row per trial
    Csv,
}
