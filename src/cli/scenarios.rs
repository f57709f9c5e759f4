//! `tidings scenarios` and `tidings new`: the scenarios embedded in the binary.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::bail;
use tidings::prose::wrap;
use tidings::scenario::{EXTERNAL, PAPERS, SHIPPED, Shipped};

use super::{output, screen};

/// Arguments of `tidings scenarios`.
#[derive(Debug, clap::Args)]
pub(super) struct ListArguments {
    /// Print the file of this scenario instead of the list
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Arguments of `tidings new`.
#[derive(Debug, clap::Args)]
pub(super) struct NewArguments {
    /// File to write; must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Built-in scenario to copy; `tidings scenarios` lists them
    #[arg(long, value_name = "NAME", default_value = "quickstart")]
    from: String,
}

/// Carries out `tidings scenarios`: lists them with their questions, or prints one.
pub(super) fn list(arguments: &ListArguments) -> anyhow::Result<u8> {
    if let Some(name) = &arguments.name {
        output::print_exactly(find(name)?.text);
        return Ok(0);
    }
    let all = SHIPPED.iter().chain(EXTERNAL).chain(PAPERS);
    let width = all.map(|shipped| shipped.name.len()).max().unwrap_or(0);
    // One line each if the width is unknown.
    let columns = screen::columns_of_stdout();
    let mut text = String::new();
    let list = |text: &mut String, scenarios: &[Shipped]| {
        for shipped in scenarios {
            let name = format!("{:width$}  ", shipped.name);
            wrap(text, &name, &shipped.question(), width + 2, columns);
        }
    };
    list(&mut text, SHIPPED);
    text.push('\n');
    wrap(&mut text, "", "Servers by others, which must be installed:", 0, columns);
    list(&mut text, EXTERNAL);
    text.push('\n');
    wrap(&mut text, "", "Published tables, measured again:", 0, columns);
    list(&mut text, PAPERS);
    let next = "Run one: tidings run NAME. Copy one to edit: tidings new my.toml --from NAME.";
    text.push('\n');
    wrap(&mut text, "", next, 2, columns);
    output::print(text);
    Ok(0)
}

/// Carries out `tidings new`: writes a shipped scenario to a file of the user's.
pub(super) fn new(arguments: &NewArguments) -> anyhow::Result<u8> {
    let shipped = find(&arguments.from)?;
    let file = &arguments.file;
    write_new(file, shipped.text).map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AlreadyExists => {
                "already exists; choose another name, or remove it first".to_owned()
            }
            ErrorKind::NotFound => "the folder does not exist; create it first".to_owned(),
            _ => format!("cannot be written: {error}"),
        };
        anyhow::anyhow!("{}: {remedy}", file.display())
    })?;
    let name = file.display();
    let told = format!(
        "{name} is a copy of {}. Edit it, check it with `tidings plan {name}`, run it with `tidings run {name}`.",
        shipped.name
    );
    let mut text = String::new();
    wrap(&mut text, "", &told, 2, screen::columns_of_stdout());
    output::print(text);
    Ok(0)
}

fn write_new(file: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(file)?.write_all(text.as_bytes())
}

fn find(name: &str) -> anyhow::Result<Shipped> {
    match Shipped::named(name) {
        Some(shipped) => Ok(shipped),
        None => match Shipped::nearest(name) {
            Some(near) => {
                bail!("no shipped scenario is called '{name}'; did you mean {}?", near.name)
            }
            None => bail!("no shipped scenario is called '{name}'; `tidings scenarios` lists them"),
        },
    }
}
