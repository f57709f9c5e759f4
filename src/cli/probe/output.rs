//! What a probe prints.

/// Flags on what is printed.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct Options {
    /// Print no progress to stderr
    #[arg(long)]
    pub quiet: bool,
}
