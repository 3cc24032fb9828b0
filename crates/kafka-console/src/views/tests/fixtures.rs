//! Every page as a file, which the front end's tests draw: so both sides hold the same contract. Written anew by
//! `UPDATE_GENERATED=1 cargo test --release -p kafka-console`.

use std::path::PathBuf;

use super::world::{HOSTILE, NOW_S, World, shop};
use super::*;

/// The pages of a busy mesh, and what a console shows that has nothing to show.
#[tokio::test]
async fn the_fixtures_are_the_pages() {
    let mut wrong = Vec::new();
    let shop = shop().source();
    let keyed = |key| vec![("key", key)];
    for (file, name, given) in [
        ("map", "map", vec![]),
        ("topics", "topics", vec![]),
        ("topic", "topic", keyed("orders")),
        ("clients", "clients", vec![]),
        ("client", "client", keyed("from-2015")),
        ("client_hostile", "client", keyed(HOSTILE)),
        ("groups", "groups", vec![]),
        ("group", "group", keyed("billing")),
        ("requests", "requests", vec![]),
        ("readiness", "readiness", vec![]),
        ("health", "health", vec![]),
    ] {
        let page =
            page(&shop, Some("https://prometheus.example"), &asked(&shop, name, &given)).await;
        check(file, page, &mut wrong);
    }
    let empty = World::empty().source();
    check("empty", page(&empty, None, &asked(&empty, "map", &[])).await, &mut wrong);
    assert!(
        wrong.is_empty(),
        "{} differ from what the server sends: UPDATE_GENERATED=1 cargo test --release -p kafka-console --lib fixtures",
        wrong.join(", ")
    );
}

fn check(file: &str, mut page: Page, wrong: &mut Vec<String>) {
    // What depends on when the test runs.
    page.at = NOW_S + 1;
    page.source.age_seconds = page.source.age_seconds.map(|_| 1.0);
    for panel in &mut page.panels {
        if let Panel::Table(table) = panel
            && let Some(at) = table.columns.iter().position(|column| column.key == "age")
        {
            for row in &mut table.rows {
                if let Some(Cell::Number(age)) = row.get_mut(at) {
                    *age = 1.0;
                }
            }
        }
    }
    let mut text = serde_json::to_string_pretty(&page).unwrap();
    text.push('\n');
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("web/src/fixtures/{file}.json"));
    // How it is laid out is the front end's business.
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let known = std::fs::read_to_string(&path).ok();
    if known.is_some_and(|known| parsed(&known) == parsed(&text)) {
        return;
    }
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    } else {
        wrong.push(format!("web/src/fixtures/{file}.json"));
    }
}
