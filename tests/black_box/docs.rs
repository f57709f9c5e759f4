//! Every Markdown page of the repository: its links lead somewhere, and its commands are those of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::external_support::root;
use crate::support::text;

/// Whether a file's name ends as those of a kind do.
fn is(name: &str, kind: &str) -> bool {
    Path::new(name).extension().is_some_and(|own| own == kind)
}

/// Markdown files of the repository, those of builds and of runs left out.
pub(crate) fn pages() -> Vec<PathBuf> {
    fn add(folder: &Path, pages: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if path.is_dir() {
                let is_ours = !name.starts_with('.') || name == ".github";
                if is_ours && !["target", "node_modules", "proptest-regressions"].contains(&&*name)
                {
                    add(&path, pages);
                }
            } else if is(&name, "md") {
                pages.push(path);
            }
        }
    }
    let mut pages = Vec::new();
    for entry in fs::read_dir(root()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if name == "results" {
            // Runs that were made here are beside the reference.
            add(&root().join("results/reference"), &mut pages);
        } else if entry.path().is_dir() && name != "target" && !name.starts_with('.') {
            add(&entry.path(), &mut pages);
        } else if is(&name, "md") {
            pages.push(entry.path());
        }
    }
    pages.sort();
    pages
}

fn named(page: &Path) -> String {
    page.strip_prefix(root()).unwrap().display().to_string()
}

/// Lines of a page, each with the language of the block that it is in, if any.
fn lines(page: &str) -> Vec<(Option<&str>, &str)> {
    let mut within: Option<(&str, &str)> = None;
    let mut lines = Vec::new();
    for line in page.lines() {
        let fence = line.trim_start();
        let ticks = &fence[..fence.len() - fence.trim_start_matches('`').len()];
        match within {
            None if ticks.len() >= 3 => within = Some((ticks, fence[ticks.len()..].trim())),
            Some((open, _)) if ticks == open && fence.trim_end() == open => within = None,
            _ => lines.push((within.map(|(_, language)| language), line)),
        }
    }
    assert_eq!(within, None, "a block that does not end");
    lines
}

/// A line without what is between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// What links of a page name: `[…](here)`, and `[…]: here`.
fn links(page: &str) -> Vec<String> {
    let prose = lines(page).into_iter().filter(|(language, _)| language.is_none());
    let prose: Vec<String> = prose.map(|(_, line)| without_code(line)).collect();
    let inline = prose.iter().flat_map(|line| line.split("](").skip(1));
    let inline = inline.filter_map(|rest| rest.split(')').next()).map(str::to_owned);
    let defined = prose.iter().filter(|line| line.starts_with('[')).filter_map(|line| {
        let (_, address) = line.split_once("]: ")?;
        Some(address.trim().to_owned())
    });
    inline.chain(defined).filter(|link| !link.contains("://")).collect()
}

/// The anchors that GitHub gives to the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = lines(page).into_iter().filter(|(language, line)| {
        language.is_none() && line.starts_with('#') && line.trim_start_matches('#').starts_with(' ')
    });
    headings
        .map(|(_, line)| {
            let mut title = line.trim_start_matches('#').trim().to_owned();
            while let Some((before, rest)) = title.split_once("](") {
                let after = rest.split_once(')').map_or("", |(_, after)| after);
                title = format!("{before}{after}");
            }
            let letters = title.to_lowercase();
            let kept = letters.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
            let times = seen.entry(slug.clone()).and_modify(|times| *times += 1).or_insert(0);
            if *times == 0 { slug } else { format!("{slug}-{times}") }
        })
        .collect()
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let mut broken = Vec::new();
    let mut followed = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for link in links(&page) {
            followed += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let is_there = target.exists();
            let has_anchor = anchor.is_empty()
                || (is_there
                    && target.extension().is_some_and(|kind| kind == "md")
                    && anchors(&fs::read_to_string(&target).unwrap()).contains(anchor));
            if !is_there || !has_anchor {
                broken.push(format!("{}: {link}", named(&path)));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(followed > 150, "{followed} links were followed");
}

#[test]
fn anchors_are_those_of_github() {
    let page = "# The `--set` flag: it's *here*\n```sh\n# no heading\n```\n## A\n## A\n## See [b](c.md)\n#none\n";
    let wanted = ["the---set-flag-its-here", "a", "a-1", "see-b"].map(str::to_owned);
    assert_eq!(anchors(page), BTreeSet::from(wanted));
    assert_eq!(
        links("[a](b.md#c) `[x](y)` <https://z>\n```\n[n](o)\n```\n[p]: q.md\n"),
        ["b.md#c", "q.md"]
    );
}

/// The words of a command as a shell reads them, up to what ends it there: a comment, a pipe, a redirection, another command.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, '#') if word.is_none() => break,
            (None, '|' | '&' | ';' | '<' | '>') => break,
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The calls of the program on a page, in blocks for shells, for CI and with a prompt: their words without the program's name.
fn calls(page: &str) -> Vec<Vec<String>> {
    let mut joined: Vec<(&str, String)> = Vec::new();
    for (language, line) in lines(page) {
        let Some(language) = language else { continue };
        match joined.last_mut() {
            Some((_, before)) if before.ends_with('\\') => {
                before.pop();
                before.push_str(line.trim_start());
            }
            _ => joined.push((language, line.to_owned())),
        }
    }
    let calls = joined.iter().flat_map(|(language, line)| {
        let line = line.trim();
        let line = match *language {
            "sh" | "bash" => line,
            "yaml" | "yml" => line.trim_start_matches("- ").trim_start_matches("run: "),
            "text" | "console" => line.strip_prefix("$ ").unwrap_or(""),
            _ => "",
        };
        line.split("&& ").map(words).collect::<Vec<_>>()
    });
    calls
        .filter_map(|words| {
            let is_setting = |word: &&String| word.contains('=') && !word.starts_with('-');
            let set = words.iter().take_while(is_setting).count();
            (words.get(set)? == "tidings").then(|| words[set + 1..].to_vec())
        })
        .collect()
}

fn tidings(arguments: &[String], more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).args(more).current_dir(root()).output().unwrap()
}

/// Why a call is not one that the program would take; its help is asked for, so that it does nothing.
fn fault(call: &[String]) -> Option<String> {
    // What follows `--` is for others.
    let own: Vec<String> = call.iter().take_while(|word| *word != "--").cloned().collect();
    let parsed = tidings(&own, &["--help"]);
    if !parsed.status.success() {
        return Some(text(&parsed.stderr));
    }
    let [verb, scenario, rest @ ..] = &own[..] else { return None };
    let is_file = is(scenario, "toml") || scenario == "-";
    match verb.as_str() {
        "run" | "plan" | "gate" if !scenario.starts_with('-') && !is_file => {
            // A scenario that is shipped, with the settings that the call has.
            let settings =
                rest.windows(2).filter(|pair| ["--set", "--trials"].contains(&&*pair[0]));
            let settings: Vec<&str> = settings.flatten().map(String::as_str).collect();
            let planned = tidings(&["plan".to_owned(), scenario.clone()], &settings);
            (!planned.status.success()).then(|| text(&planned.stderr))
        }
        "run" | "plan" | "gate" | "try" if is_file && scenario.contains('/') => {
            (!root().join(scenario).exists()).then(|| format!("no file {scenario}"))
        }
        _ => None,
    }
}

#[test]
fn every_command_of_every_page_is_one_of_the_program() {
    let mut faults = Vec::new();
    let mut verbs = BTreeSet::new();
    let mut tried = BTreeSet::new();
    for path in pages() {
        if named(&path) == "CHANGELOG.md" {
            continue; // what earlier versions took
        }
        for call in calls(&fs::read_to_string(&path).unwrap()) {
            verbs.extend(call.first().cloned());
            if tried.insert(call.clone())
                && let Some(fault) = fault(&call)
            {
                faults.push(format!("{}: tidings {}: {fault}", named(&path), call.join(" ")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried.len() > 50, "{} commands were tried", tried.len());
    for verb in
        ["run", "plan", "new", "probe", "try", "report", "compare", "gate", "history", "serve"]
    {
        assert!(verbs.contains(verb), "{verb}: {verbs:?}");
    }
}

#[test]
fn a_mistyped_flag_a_missing_scenario_and_an_unknown_key_are_found() {
    for wrong in [
        "tidings run quickstart --trails 3",
        "tidings run quikstart",
        "tidings rnu quickstart",
        "tidings run quickstart --set workload.cleints=3",
        "tidings run scenarios/none.toml",
        "tidings probe http://localhost:8080/ --polls 1s",
    ] {
        let page = format!("```sh\nA=b {wrong} # comment --no-flag\n```\n");
        let found = calls(&page);
        assert!(found.len() == 1 && fault(&found[0]).is_some(), "{wrong}: {found:?}");
    }
    let page = "```yaml\n- run: tidings run ci-smoke --junit out.xml | tee log\n```\n\
                ```sh\ncd x && tidings run quickstart \\\n  --trials 8\n```\ntidings nothing\n";
    let found = calls(page);
    assert_eq!(
        found,
        [vec!["run", "ci-smoke", "--junit", "out.xml"], vec!["run", "quickstart", "--trials", "8"]]
    );
    assert!(found.iter().all(|call| fault(call).is_none()));
}
