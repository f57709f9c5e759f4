//! The `tidings` command: parse, dispatch, exit status.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
