//! The reference page is that of the code.

use super::word::Word;
use super::{capture, matcher, template};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/dialects/README.md");

fn tables() -> [(&'static str, Vec<Word>); 4] {
    [
        ("placeholders", template::placeholders().collect()),
        ("filters", template::filters().collect()),
        ("captures", capture::captures().collect()),
        ("matches", matcher::matchers().collect()),
    ]
}

fn table(words: &[Word]) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let rows = words.iter().map(|word| {
        let Word { form, meaning, example, gives, .. } = word;
        let [form, example, gives] = [form, example, gives].map(|text| cell(text));
        format!("| `{form}` | {} | `{example}` → `{gives}` |\n", cell(meaning))
    });
    format!(
        "| write | meaning | example |\n| --- | --- | --- |\n{}",
        rows.collect::<Vec<_>>().concat()
    )
}

#[test]
fn every_word_of_the_code_is_in_the_reference_page() {
    let written = std::fs::read_to_string(PAGE).unwrap();
    let mut made = written.clone();
    for (name, words) in tables() {
        let marker = format!("<!-- words: {name} -->\n");
        let start = made.find(&marker).unwrap_or_else(|| panic!("no {marker}")) + marker.len();
        let end = start + made[start..].find("<!-- end -->").unwrap();
        made.replace_range(start..end, &table(&words));
    }
    if std::env::var_os("UPDATE_SCENARIOS").is_some() {
        std::fs::write(PAGE, &made).unwrap();
        return;
    }
    assert!(
        made == written,
        "scenarios/dialects/README.md is out of date; write it anew with UPDATE_SCENARIOS=1 cargo nextest run reference_page"
    );
}

#[test]
fn the_texts_of_the_page_are_texts() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let blocks = page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut texts = 0;
    for block in blocks {
        let values: toml::Table = block.parse().unwrap();
        for value in values.values().flat_map(|value| match value {
            toml::Value::Table(table) => table.values().cloned().collect(),
            value => vec![value.clone()],
        }) {
            let text = value.as_str().unwrap();
            template::Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            texts += 1;
        }
    }
    assert_eq!(texts, 10);
}
