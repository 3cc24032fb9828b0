//! The table of keys in docs/configuration.md, and that what its text shows is so.

// The page is read from the source tree, as in generated.rs.
#![cfg(not(target_family = "wasm"))]

use std::fmt::Write as _;

use kafka_filter::config::{Config, KEYS, PATTERN_SIZE_MAX, PATTERNS_MAX, VALUE_SIZE_MAX};

const PAGE: &str = "docs/configuration.md";

/// One row for each key.
pub(crate) fn table() -> String {
    let mut out = String::from("\n| key | default | accepts | what it does |\n|---|---|---|---|\n");
    for key in KEYS {
        writeln!(
            out,
            "| `{}` | `{}` | {} | {} |",
            key.path,
            key.default_text(),
            key.accepts(),
            // An alternative of a pattern would end the cell.
            key.help.replace('|', "\\|")
        )
        .expect("a String takes everything");
    }
    out.push('\n');
    out
}

#[test]
fn every_example_of_the_page_is_a_configuration() {
    let page = super::read(PAGE);
    let examples = examples(&page);
    assert!(examples.len() >= 4, "{} examples in {PAGE}", examples.len());
    for example in examples {
        if let Err(error) = Config::parse(example.as_bytes()) {
            panic!("{PAGE} shows what is refused: {error}\n{example}");
        }
    }
}

#[test]
fn the_page_names_the_bounds_of_patterns() {
    let page = super::read(PAGE);
    for bound in [
        format!("Up to {PATTERNS_MAX} patterns or rules in a list, {PATTERN_SIZE_MAX} bytes and"),
        format!("values of more than {VALUE_SIZE_MAX} bytes are not matched"),
    ] {
        assert!(page.contains(&bound), "{PAGE} does not say: {bound}");
    }
    // What is well below the size of one that is compiled, and what is not.
    let parse = |pattern: &str| {
        Config::parse(
            format!("{{\"labels\": {{\"topic\": {{\"allow\": [\"{pattern}\"]}}}}}}").as_bytes(),
        )
    };
    assert!(page.contains("`.{1,255}` is well below, `(.{1,255}){9}` is not"));
    assert!(parse(".{1,255}").is_ok() && parse("(.{1,255}){9}").is_err());
}

/// Client ids in the first column, what the recipe makes of them in the second.
#[test]
fn the_recipe_for_client_ids_does_what_its_table_says() {
    let page = super::read(PAGE);
    let (_, section) =
        page.split_once("### Client ids with the name of a host").expect("the recipe");
    let recipe = examples(section).first().copied().expect("an example");
    let rewrites = Config::parse(recipe.as_bytes()).expect("a configuration").rewrites;
    let (_, table) = section.split_once("|---|---|\n").expect("a table");
    let rows: Vec<(&str, &str)> = table
        .lines()
        .map_while(|line| line.strip_prefix("| `")?.strip_suffix("` |")?.split_once("` | `"))
        .collect();
    assert!(rows.len() >= 5, "{} rows", rows.len());
    for (client_id, counted_as) in rows {
        let rewritten = rewrites.apply(client_id.as_bytes());
        assert_eq!(String::from_utf8_lossy(&rewritten), counted_as, "{client_id}");
    }
}

/// The messages that the page shows are those that are logged.
#[test]
fn the_refusals_of_the_page_are_those_of_the_filter() {
    let page = super::read(PAGE);
    let shown: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("    configuration: ")).collect();
    let texts = [
        r#"{"limits": {"in_flight_max": 0}}"#,
        r#"{"metrics": {"client": false}}"#,
        r#"{"labels": {"client_id": {"rewrite": [{"match": "(.+-[0-9]+", "replace": "$1"}]}}}"#,
    ];
    let refusals: Vec<String> = texts
        .iter()
        .map(|text| Config::parse(text.as_bytes()).expect_err(text).to_string())
        .map(|message| message.replacen("configuration: ", "", 1))
        .collect();
    assert_eq!(shown, refusals);
}

/// The JSON of the fenced blocks.
fn examples(page: &str) -> Vec<&str> {
    let blocks = page.split("```json\n").skip(1);
    blocks.map(|block| block.split_once("```").expect("the end of a block").0).collect()
}
