//! Kafka 4 readiness: who, since when, and that nobody is 0.

use super::*;

#[tokio::test]
async fn readiness_says_who_since_when_and_what_to_do() {
    let page = page_of(&shop(), "readiness", &[]).await;
    assert_near(tile(&page, "Clients to upgrade"), 1.0);
    // From tick 45 to tick 90, both counted, 20 requests each.
    assert_near(tile(&page, "Requests that are refused"), 920.0);
    let refused = table(&page, "refused");
    assert_eq!(firsts(refused), ["from-2015"]);
    let since = number(refused, "from-2015", "since");
    #[expect(clippy::cast_precision_loss)]
    let expected = (world::START_MS / 1000 + 450) as f64;
    assert!((since - expected).abs() <= 10.0, "{since} {expected}");
    assert_eq!(
        cell(refused, "from-2015", "last"),
        Cell::Toned { text: "now".to_owned(), tone: Tone::Warning }
    );
    let clients = page.tiles.iter().find(|tile| tile.title == "Clients to upgrade").unwrap();
    assert_eq!(
        clients.promql,
        "count(count by (client_id) (sum by (client_id, request, api_version) \
         (increase(kafka_filter_deprecated_requests_total{reporter=~\"source|proxy\"}[15m])) > 0))"
    );
    // A query for a row names all of its labels: a client may speak several old versions.
    let in_range = refused.columns.iter().find(|column| column.key == "in_range").unwrap();
    assert_eq!(
        in_range.promql.as_deref(),
        Some(
            "sum by (client_id, request, api_version) \
             (increase(kafka_filter_deprecated_requests_total{reporter=~\"source|proxy\", client_id=\"$row\", \
             request=\"$row2\", api_version=\"$row3\"}[15m]))"
        )
    );
    let nobody = page_of(&World::empty(), "readiness", &[]).await;
    assert!(table(&nobody, "refused").rows.is_empty());
    assert_eq!(table(&nobody, "refused").empty, "No request was seen within this range.");
}

/// Connections stay open for days: that none was opened says nothing about clients.
#[tokio::test]
async fn readiness_without_an_old_client_is_0_also_where_no_connection_was_opened() {
    let mut world = World::empty();
    let labels = [("request", "Produce"), ("api_version", "13")];
    world.add("kafka_filter_requests_total", &labels, 5.0);
    let page = page_of(&world, "readiness", &[]).await;
    for title in ["Clients to upgrade", "Requests that are refused", "Now", "Of all requests"] {
        assert_near(tile(&page, title), 0.0);
    }
    assert!(table(&page, "refused").empty.starts_with("Nobody has spoken"));
    let nothing = page_of(&World::empty(), "readiness", &[]).await;
    assert_eq!(nothing.tiles[0].value, None);
}

/// The filter's `metrics.deprecated` may be off: versions are counted all the same, and who speaks them is not.
#[tokio::test]
async fn versions_that_nobody_is_counted_for_are_no_zero() {
    let mut world = World::empty();
    for (request, version) in [("FetchConsumer", "3"), ("FetchConsumer", "4"), ("Produce", "13")] {
        let labels = [("request", request), ("api_version", version)];
        world.add("kafka_filter_requests_total", &labels, 5.0);
    }
    world.add("kafka_filter_connections_active", &[], 1.0);
    // Counted before the range, when the switch was on: Envoy keeps it.
    let labels = [("request", "FetchConsumer"), ("api_version", "3"), ("client_id", "old")];
    world.add("kafka_filter_deprecated_requests_total", &labels, 0.0);
    for (name, title) in [
        ("readiness", "Clients to upgrade"),
        ("readiness", "Requests that are refused"),
        ("clients", "Refused by Kafka 4"),
    ] {
        let page = page_of(&world, name, &[]).await;
        let tile = page.tiles.iter().find(|tile| tile.title == title).unwrap();
        assert_eq!((tile.value, tile.tone), (None, Tone::Plain), "{title}");
        assert!(has_remedy(&page, "metrics.deprecated"), "{:?}", page.notes);
    }
    let page = page_of(&world, "readiness", &[]).await;
    assert!(table(&page, "refused").empty.contains("metrics.deprecated"));
    let requests = page_of(&world, "requests", &[]).await;
    let heat = requests.panels.iter().find_map(|panel| match panel {
        Panel::Heat(heat) => Some(heat),
        _ => None,
    });
    let heat = heat.unwrap();
    let fetch = heat.rows.iter().position(|row| row == "FetchConsumer").unwrap();
    assert_eq!(
        (heat.columns.as_slice(), heat.marked[fetch].as_slice()),
        (["3", "4", "13"].map(str::to_owned).as_slice(), [true, false, false].as_slice(),)
    );
}

#[tokio::test]
async fn a_client_that_went_was_seen_last_when_it_went() {
    let mut world = World::empty();
    let labels = [("request", "Fetch"), ("api_version", "1"), ("client_id", "went")];
    world.add_between("kafka_filter_deprecated_requests_total", &labels, 1.0, 20..=50);
    let page = page_of(&world, "readiness", &[]).await;
    let refused = table(&page, "refused");
    #[expect(clippy::cast_precision_loss)]
    let at = |tick: i64| (world::START_MS / 1000 + tick * 10) as f64;
    for (column, tick) in [("since", 20), ("last", 50)] {
        let seen = number(refused, "went", column);
        assert!((seen - at(tick)).abs() <= 10.0, "{column}: {seen} {}", at(tick));
    }
}
