use super::*;
use crate::page::{Cell, LinesPanel, TablePanel, Tone};
use crate::source::Source;
use asked::Limits;
use world::{HOSTILE, NOW_S, World, long_topic, shop};

mod fixtures;
mod health;
mod lines;
mod map;
mod readiness;
mod trouble;
mod world;

fn asked(source: &Source, page: &str, given: &[(&str, &str)]) -> Asked {
    let given: Vec<_> =
        given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Asked::new(page, &given, Limits::of(&source.state())).unwrap()
}

async fn page_of(world: &World, name: &str, given: &[(&str, &str)]) -> Page {
    let source = world.source();
    let asked = asked(&source, name, given);
    let page = page(&source, None, &asked).await;
    let failed: Vec<_> = page.notes.iter().filter(|note| note.tone == NoteTone::Error).collect();
    assert!(failed.is_empty(), "{failed:?}");
    page
}

fn tile(page: &Page, title: &str) -> f64 {
    let tile = page.tiles.iter().find(|tile| tile.title == title);
    let tile = tile.unwrap_or_else(|| panic!("no tile {title}"));
    tile.value.unwrap_or_else(|| panic!("the tile {title} is empty"))
}

fn has_remedy(page: &Page, words: &str) -> bool {
    page.notes.iter().filter_map(|note| note.remedy.as_deref()).any(|remedy| remedy.contains(words))
}

fn table<'a>(page: &'a Page, id: &str) -> &'a TablePanel {
    let found = page.panels.iter().find_map(|panel| match panel {
        Panel::Table(table) if table.id == id => Some(table),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no table {id}"))
}

fn lines<'a>(page: &'a Page, id: &str) -> &'a LinesPanel {
    let found = page.panels.iter().find_map(|panel| match panel {
        Panel::Lines(lines) if lines.id == id => Some(lines),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no lines {id}"))
}

/// A cell by the row's first text and the column's key.
fn cell(table: &TablePanel, row: &str, column: &str) -> Cell {
    let at = table.columns.iter().position(|known| known.key == column);
    let at = at.unwrap_or_else(|| panic!("no column {column}"));
    let found = table.rows.iter().find(|cells| cells[0] == Cell::Text(row.to_owned()));
    found.unwrap_or_else(|| panic!("no row {row}"))[at].clone()
}

fn number(table: &TablePanel, row: &str, column: &str) -> f64 {
    match cell(table, row, column) {
        Cell::Number(number) => number,
        other => panic!("{row} {column}: {other:?}"),
    }
}

fn firsts(table: &TablePanel) -> Vec<String> {
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    table.rows.iter().map(|row| text(&row[0])).collect()
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() <= right.abs() * 1e-9 + 1e-9
}

#[track_caller]
fn assert_near(left: f64, right: f64) {
    assert!(near(left, right), "{left} is not {right}");
}

#[tokio::test]
async fn topics_are_sorted_by_errors_and_then_by_bytes() {
    let page = page_of(&shop(), "topics", &[]).await;
    let table = table(&page, "topics");
    assert_eq!(firsts(table), ["orders", "clicks", long_topic().as_str()]);
    assert_near(number(table, "orders", "errors"), 0.5);
    assert_eq!(
        cell(table, "orders", "error"),
        Cell::Toned { text: "MESSAGE_TOO_LARGE".to_owned(), tone: Tone::Error }
    );
    assert_near(number(table, "orders", "written_bytes"), 3_000.0);
    assert_near(number(table, "orders", "read_records"), 33.0);
    // Half of the samples lie below 1 ms, the last hundredth at the end of the bucket to 100 ms.
    assert_near(number(table, "orders", "produce_p50"), 0.001);
    assert_near(number(table, "orders", "produce_p99"), 0.005 + 0.095 * 0.9);
    assert_eq!(cell(table, "orders", "fetch_p99"), Cell::None);
    assert_near(number(table, "orders", "batch_records"), 10.0);
    assert_eq!(cell(table, "orders", "compression"), Cell::Text("zstd".to_owned()));
    assert_eq!(cell(table, "clicks", "compression"), Cell::Text("lz4 80 %".to_owned()));
    assert_near(number(table, "orders", "writers"), 2.0);
    assert_near(number(table, "orders", "group_lag"), 60.0);
    assert_eq!(cell(table, "clicks", "errors"), Cell::None);
    let column = table.columns.iter().find(|column| column.key == "produce_p99").unwrap();
    assert_eq!(
        column.promql.as_deref(),
        Some(
            "histogram_quantile(0.99, sum by (topic, le) \
             (rate(kafka_filter_topic_request_duration_microseconds_bucket{reporter=~\"source|proxy\", \
             request=\"Produce\", topic=\"$row\"}[1m]))) * 0.000001"
        )
    );
    let written = lines(&page, "written");
    assert_eq!(
        written.lines.iter().map(|line| line.name.as_str()).collect::<Vec<_>>()[..2],
        ["clicks", "orders"]
    );
    assert_eq!(written.times.last(), Some(&NOW_S));
    assert_near(written.lines[1].points.last().unwrap().unwrap(), 3_000.0);
}

#[tokio::test]
async fn rows_beyond_the_limit_are_counted() {
    let mut world = World::empty();
    for topic in 0..1_203 {
        let name = format!("t{topic:04}");
        world.add("kafka_filter_topic_fetch_lag_records", &[("topic", &name)], 1.0);
    }
    let page = page_of(&world, "topics", &[]).await;
    assert_eq!((table(&page, "topics").rows.len(), table(&page, "topics").left_out), (1_000, 203));
    let page = page_of(&world, "topics", &[("search", "T120")]).await;
    assert_eq!(firsts(table(&page, "topics")), ["t1200", "t1201", "t1202"]);
}

#[tokio::test]
async fn other_reporters_have_their_own_numbers() {
    let page = page_of(&shop(), "topics", &[("reporter", "destination")]).await;
    assert_near(tile(&page, "Written"), 2_950.0);
    assert_eq!(page.reporter, "destination");
    assert_near(number(table(&page, "topics"), "orders", "written_bytes"), 2_950.0);
}

#[tokio::test]
async fn a_topic_has_its_clients_groups_and_errors() {
    let page = page_of(&shop(), "topic", &[("key", "orders")]).await;
    assert_eq!((page.title.as_str(), page.key.as_deref()), ("Topic orders", Some("orders")));
    assert_near(tile(&page, "Records written"), 30.0);
    assert_near(tile(&page, "Records a batch"), 10.0);
    let writers = table(&page, "writers");
    assert_eq!(firsts(writers), ["orders-service", "bulk-load"]);
    assert_near(number(writers, "bulk-load", "share"), 1.0 / 3.0);
    assert_eq!(firsts(table(&page, "readers")), ["billing", "from-2015"]);
    // 60 records at 30 a second.
    assert_near(number(table(&page, "groups"), "billing", "behind"), 2.0);
    let errors = table(&page, "errors");
    assert_near(number(errors, "Produce", "now"), 0.5);
    assert_near(number(errors, "Produce", "in_range"), 450.0);
    let bars = page.panels.iter().find_map(|panel| match panel {
        Panel::Bars(bars) if bars.id == "produce_times" => Some(bars),
        _ => None,
    });
    let bars = bars.unwrap();
    let counts: Vec<_> = bars.bars.iter().map(|bar| (bar.label.as_str(), bar.count)).collect();
    assert_eq!(
        counts,
        [
            ("0 to 1 ms", 4_500.0),
            ("1 ms to 5 ms", 3_600.0),
            ("5 ms to 100 ms", 900.0),
            ("over 100 ms", 0.0)
        ]
    );
    let bucket = |le: &str| {
        format!(
            "sum (increase(kafka_filter_topic_request_duration_microseconds_bucket{{reporter=~\"source|proxy\", \
             topic=\"orders\", request=\"Produce\", le=\"{le}\"}}[15m]))"
        )
    };
    // The bounds as the label has them.
    let between = |from, to| format!("clamp_min({} - {}, 0)", bucket(to), bucket(from));
    let queries: Vec<_> = bars.bars.iter().map(|bar| bar.promql.clone()).collect();
    assert_eq!(
        queries,
        [
            bucket("1000"),
            between("1000", "5000"),
            between("5000", "100000"),
            between("100000", "+Inf")
        ]
    );
    let unknown = page_of(&shop(), "topic", &[("key", "nothing")]).await;
    assert!(
        unknown.notes[0].text.starts_with("Nothing was seen of this topic"),
        "{:?}",
        unknown.notes
    );
}

#[tokio::test]
async fn clients_have_what_they_write_and_read() {
    let page = page_of(&shop(), "clients", &[]).await;
    let table_of = table(&page, "clients");
    assert_eq!(firsts(table_of)[..3], ["clicks-service", "orders-service", "bulk-load"]);
    assert_near(number(table_of, "billing", "read_bytes"), 3_000.0);
    assert_near(number(table_of, "billing", "read_topics"), 1.0);
    assert_near(number(table_of, "from-2015", "refused"), 920.0);
    // 0.15 of 0.2 connections a second.
    assert_near(tile(&page, "Told their library"), 0.75);
    let software = table(&page, "software");
    assert_near(number(software, "apache-kafka-java", "connections"), 90.0);
    assert_eq!(
        cell(software, "librdkafka", "kafka_4"),
        Cell::Toned { text: "upgrade to 1.8.2 or newer".to_owned(), tone: Tone::Warning }
    );
}

#[tokio::test]
async fn a_client_that_would_be_refused_is_told_what_to_do() {
    let page = page_of(&shop(), "client", &[("key", "from-2015")]).await;
    assert_eq!(page.notes[0].text, "This client speaks versions that brokers of Kafka 4 refuse.");
    assert_near(tile(&page, "Read"), 300.0);
    assert_near(number(table(&page, "read_topics"), "orders", "share"), 300.0 / 3_300.0);
    assert_near(number(table(&page, "refused"), "FetchConsumer", "now"), 2.0);
}

#[tokio::test]
async fn a_hostile_name_is_text_and_stays_inside_its_quotes() {
    let page = page_of(&shop(), "client", &[("key", HOSTILE)]).await;
    assert_eq!(page.title, format!("Client {HOSTILE}"));
    assert_near(tile(&page, "Written"), 10.0);
    let promql = &page.tiles[0].promql;
    assert!(promql.contains(r#"client_id="\"><img src=x onerror=alert(1)>"#), "{promql}");
    let clients = page_of(&shop(), "clients", &[]).await;
    assert!(firsts(table(&clients, "clients")).contains(&HOSTILE.to_owned()));
}

#[tokio::test]
async fn groups_are_sorted_by_how_far_they_are_behind() {
    let page = page_of(&shop(), "groups", &[]).await;
    let groups = table(&page, "groups");
    assert_eq!(firsts(groups), ["search", "billing"]);
    // 5,050 records at 101 a second.
    assert_near(number(groups, "search", "behind"), 50.0);
    assert_near(number(groups, "billing", "rebalances"), 9.0);
    assert_near(number(groups, "billing", "errors"), 0.1);
    assert_eq!(
        cell(groups, "billing", "error"),
        Cell::Toned { text: "UNKNOWN_MEMBER_ID".to_owned(), tone: Tone::Error }
    );
    assert_near(number(groups, "billing", "requests"), 2.0);
    assert_eq!(cell(groups, "billing", "state"), Cell::Text("works".to_owned()));
    let one = page_of(&shop(), "group", &[("key", "billing")]).await;
    assert_near(tile(&one, "Lag"), 60.0);
    assert_near(number(table(&one, "lag"), "orders", "behind"), 2.0);
    assert_eq!(table(&one, "lag").rows.len(), 1, "topics of other groups are not in it");
    assert_near(number(table(&one, "errors"), "JoinGroup", "in_range"), 90.0);
}

#[tokio::test]
async fn requests_have_versions_latency_and_errors() {
    let page = page_of(&shop(), "requests", &[]).await;
    assert_near(tile(&page, "Throttled"), 2.0 / 34.0);
    assert_near(tile(&page, "Bytes in flight"), 4_096.0);
    let heat = page.panels.iter().find_map(|panel| match panel {
        Panel::Heat(heat) => Some(heat),
        _ => None,
    });
    let heat = heat.unwrap();
    assert_eq!(heat.rows, ["Produce", "FetchConsumer", "Heartbeat", "Metadata"]);
    assert_eq!(heat.columns, ["1", "4", "13", "18"]);
    assert_eq!(heat.values[1], [Some(2.0), None, None, Some(8.0)]);
    assert_eq!(heat.marked[1], [true, false, false, false]);
    assert_eq!(
        heat.cell_promql,
        "sum by (request, api_version) (rate(kafka_filter_requests_total{reporter=~\"source|proxy\", \
         request=\"$row\", api_version=\"$column\"}[1m]))"
    );
    let apis = table(&page, "apis");
    assert_near(number(apis, "Produce", "requests"), 20.0);
    assert_near(number(apis, "Produce", "p50"), 0.001);
    assert_near(number(apis, "Produce", "throttle_time"), 0.25);
    assert_near(number(apis, "Produce", "errors"), 0.5);
    assert_eq!(cell(apis, "Heartbeat", "errors"), Cell::None, "healthy errors are left out");
    let errors = table(&page, "errors");
    assert_eq!(cell(errors, "Heartbeat", "healthy"), Cell::Text("yes".to_owned()));
    assert_eq!(
        cell(errors, "Produce", "healthy"),
        Cell::Toned { text: "no".to_owned(), tone: Tone::Error }
    );
}

/// As the browser does: in all texts of a row, not only in its labels.
#[tokio::test]
async fn a_search_looks_at_every_text_of_a_row() {
    let rows = async |page, id, search| {
        let page = page_of(&shop(), page, &[("search", search)]).await;
        firsts(table(&page, id))
    };
    assert_eq!(rows("topics", "topics", "too_large").await, ["orders"]);
    assert_eq!(rows("groups", "groups", "unknown_member").await, ["billing"]);
    assert_eq!(rows("health", "proxies", "connection REFUSED").await, ["10.0.0.2:9901"]);
    assert_eq!(rows("health", "proxies", "10.0.0.3").await, ["10.0.0.3:9901"]);
    assert!(rows("topics", "topics", "3000").await.is_empty(), "numbers are not searched");
}

#[tokio::test]
async fn a_page_without_any_numbers_says_what_there_would_be() {
    for name in ["map", "topics", "clients", "groups", "requests", "readiness", "health"] {
        let page = page_of(&World::empty(), name, &[]).await;
        for panel in &page.panels {
            if let Panel::Table(table) = panel {
                assert!(!table.rows.is_empty() || !table.empty.is_empty(), "{name} {}", table.id);
            }
        }
    }
}

/// Both sources can answer every question, and a number can be asked of Prometheus by itself.
#[tokio::test]
async fn every_help_says_something_and_every_number_has_its_query() {
    let (source, keys) = (shop().source(), [("key", "orders")]);
    for name in asked::Name::ALL.map(asked::Name::name) {
        let page = page(&source, None, &asked(&source, name, &keys)).await;
        for tile in &page.tiles {
            assert!(tile.help.len() > 20, "{name} {}", tile.title);
            // Its own targets the direct source alone knows.
            assert!(!tile.promql.is_empty() || tile.title == "Targets up", "{name} {}", tile.title);
        }
        for panel in &page.panels {
            let (id, help) = match panel {
                Panel::Table(panel) => (panel.id, &panel.help),
                Panel::Lines(panel) => (panel.id, &panel.help),
                Panel::Heat(panel) => (panel.id, &panel.help),
                Panel::Bars(panel) => (panel.id, &panel.help),
                Panel::Map(panel) => (panel.id, &panel.help),
            };
            assert!(help.len() > 20, "{name} {id}: {help}");
        }
        let ids: std::collections::BTreeSet<_> = page
            .panels
            .iter()
            .map(|panel| {
                format!("{panel:?}")
                    .split("id: ")
                    .nth(1)
                    .unwrap()
                    .split(',')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(ids.len(), page.panels.len(), "{name}: two panels have the same id");
    }
}
