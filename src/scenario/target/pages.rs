//! The page that a `[target]` starts from: a shipped one by its name, or a file.

use std::path::Path;
use std::sync::Arc;

use super::super::aliases;
use super::super::dialects::{PAGES, Page};
use super::super::error::{ScenarioError, suggestion};
use super::super::keys::{self, TARGET};
use super::super::read::{known, refused};
use super::super::source;
use super::super::substitute::{Substituted, substitute};
use super::super::tree::{self, Table, Value};
use super::{NAME, files, merge, written};
use crate::dialect::model::Dialect;

/// `own` over the page that it names, if it names one.
pub(super) fn under(file: &str, base: &Path, own: Table) -> Result<Table, ScenarioError> {
    let Some(node) = own.get("dialect") else { return Ok(own) };
    let Value::Text(name) = &node.value else { return Ok(own) };
    let page = if is_file(name) {
        let path = base.join(name);
        let shown = path.display().to_string();
        let text = source::text_of(&path).map_err(|reason| {
            refused(file, "target.dialect", node, &format!("{shown}: {reason}"))
        })?;
        let text =
            substitute(&text, &|name| std::env::var(name).ok()).map_err(|(line, fault)| {
                ScenarioError::refused(&shown, &tree::Place::Line(line), fault)
            })?;
        let page = read(&shown, &text)?;
        resolved(&shown, path.parent().unwrap_or(base), page)?
    } else {
        let Some(page) = PAGES.iter().find(|page| page.name == name) else {
            return Err(refused(file, "target.dialect", node, &unknown(name)));
        };
        let (shown, text) = embedded(page)?;
        resolved(&shown, base, read(&shown, &text)?)?
    };
    Ok(merge::over(TARGET.keys, page, own))
}

fn resolved(shown: &str, base: &Path, mut page: Table) -> Result<Table, ScenarioError> {
    files::resolve(shown, NAME, base, TARGET.keys, &mut page)?;
    Ok(page.of_page(&Arc::from(shown)))
}

/// Whether a dialect is meant as a file, and not by its name.
fn is_file(name: &str) -> bool {
    name.contains(['/', '\\']) || Path::new(name).extension().is_some_and(|it| it == "toml")
}

fn unknown(name: &str) -> String {
    let names: Vec<&str> = PAGES.iter().map(|page| page.name).collect();
    let hint = suggestion(name, &names);
    format!(
        "no dialect is called '{name}'{hint}; a page of your own is a file: dialect = \"./{name}.toml\""
    )
}

fn embedded(page: &Page) -> Result<(String, Substituted), ScenarioError> {
    let shown = format!("dialect {}", page.name);
    // A page has no variables of the environment: secrets are placeholders, resolved where they are sent.
    let text = substitute(page.text, &|_| None)
        .map_err(|(line, fault)| ScenarioError::refused(&shown, &tree::Place::Line(line), fault))?;
    Ok((shown, text))
}

/// The `[target]` of a page, checked by itself, in the one form that it is merged in.
fn read(shown: &str, text: &Substituted) -> Result<Table, ScenarioError> {
    let mut root = tree::parse(shown, text)?;
    aliases::canonical(shown, &mut root)?;
    known(shown, "", &[NAME], &root)?;
    let Some(node) = root.get(NAME) else {
        let fault = "a page of a dialect holds a [target] table, and this has none";
        return Err(ScenarioError::refused(shown, &tree::Place::File, fault));
    };
    let Value::Table(mut page) = node.value.clone() else {
        return Err(refused(shown, NAME, node, "is a table; write [target]"));
    };
    for key in ["dialect", "permission", "builtin"] {
        if let Some(node) = page.get(key) {
            let fault =
                "belongs into a scenario, and not into the page of a dialect; move it there";
            return Err(refused(shown, &format!("target.{key}"), node, fault));
        }
    }
    keys::shape(shown, NAME, TARGET.keys, &page)?;
    keys::check(&TARGET, &page).map_err(|refusal| {
        let inner = refusal.key.strip_prefix("target.").unwrap_or(&refusal.key);
        ScenarioError::refused(shown, &page.place(inner), refusal.message)
    })?;
    written::normal(shown, NAME, TARGET.keys, &mut page)?;
    Ok(page)
}

/// The dialect of an embedded page, by itself.
pub(in crate::scenario) fn dialect_of_page(page: &Page) -> Result<Dialect, ScenarioError> {
    let (shown, text) = embedded(page)?;
    let page = read(&shown, &text)?;
    super::dialect(&shown, &page)
}
