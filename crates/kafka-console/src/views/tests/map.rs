//! The map: who writes what, who reads it, and what is not drawn.

use super::*;
use crate::page::{MapNode, MapPanel, NodeKind, NodeOf};

fn map(page: &Page) -> &MapPanel {
    let found = page.panels.iter().find_map(|panel| match panel {
        Panel::Map(map) => Some(map),
        _ => None,
    });
    found.expect("no map")
}

#[tokio::test]
async fn the_map_has_who_writes_what_and_who_reads_it() {
    let page = page_of(&shop(), "map", &[]).await;
    // 3,000 + 9,040 + 10 bytes; 0.5 troubling errors in 34 responses; lag 60 + 5,050.
    assert_near(tile(&page, "Written"), 12_050.0);
    assert_near(tile(&page, "Read"), 7_800.0);
    assert_near(tile(&page, "Requests"), 34.0);
    assert_near(tile(&page, "Errors by responses"), 0.5 / 34.0);
    assert_near(tile(&page, "Lag of groups"), 5_110.0);
    let map = map(&page);
    let ids: Vec<&str> = map.writers.iter().map(|node| node.id.as_str()).collect();
    let hostile = format!("client:{HOSTILE}");
    assert_eq!(
        ids,
        [
            "client:clicks-service",
            "client:orders-service",
            "client:bulk-load",
            "client:__none__",
            &hostile
        ]
    );
    let orders = map.topics.iter().find(|node| node.name == "orders").unwrap();
    // Written 3,000 and read 3,300 bytes; 0.5 errors for 10 requests.
    assert_near(orders.bytes_per_second.unwrap(), 6_300.0);
    assert_near(orders.error_share.unwrap(), 0.05);
    assert!(
        orders.promql.starts_with(
            "sum by (topic) (label_replace(sum by (topic) (rate(kafka_filter_topic_produced_"
        ) && orders
            .promql
            .contains(" or label_replace(sum by (topic) (rate(kafka_filter_topic_fetched_"),
        "{}",
        orders.promql
    );
    let promql = orders.error_promql.as_deref().unwrap();
    assert!(
        promql.contains("topic=\"orders\"") && promql.contains(" / sum by (topic)"),
        "{promql}"
    );
    let readers: Vec<_> =
        map.readers.iter().map(|node| (node.id.as_str(), node.lag_records)).collect();
    assert_eq!(
        readers,
        [
            ("client:search", None),
            ("client:billing", None),
            ("client:from-2015", None),
            ("group:search", Some(5_050.0)),
            ("group:billing", Some(60.0)),
        ]
    );
    let edge = map.edges.iter().find(|edge| edge.from == "client:bulk-load").unwrap();
    assert_eq!((edge.to.as_str(), edge.bytes_per_second), ("topic:orders", Some(1_000.0)));
    assert_eq!(
        edge.promql,
        "sum by (topic, client_id) (rate(kafka_filter_client_produced_bytes_total{reporter=~\"source|proxy\", \
         topic=\"orders\", client_id=\"bulk-load\"}[1m]))"
    );
    let edge = map.edges.iter().find(|edge| edge.to == "group:billing").unwrap();
    // A Fetch names no group: no bytes, and not 0 either.
    assert_eq!((edge.from.as_str(), edge.bytes_per_second), ("topic:orders", None));
    assert_eq!(edge.lag_records, Some(60.0));
    assert_eq!(
        edge.promql,
        "sum by (topic, group) (kafka_filter_group_lag_records{reporter=~\"source|proxy\", topic=\"orders\", \
         group=\"billing\"})"
    );
    let group = map.readers.iter().find(|node| node.id == "group:billing").unwrap();
    assert_eq!((group.bytes_per_second, group.promql.as_str()), (None, ""));
    assert_eq!(
        group.lag_promql.as_deref(),
        Some(
            "sum by (group) (kafka_filter_group_lag_records{reporter=~\"source|proxy\", group=\"billing\"})"
        )
    );
}

/// A client of many topics is one number, whether a search draws all its edges or one.
#[tokio::test]
async fn a_node_has_its_own_whole_number_and_one_query_for_it() {
    let mut world = World::empty();
    for (topic, bytes) in [("orders", 30.0), ("clicks", 12.0)] {
        let labels = [("topic", topic), ("client_id", "feed")];
        world.add("kafka_filter_client_produced_bytes_total", &labels, bytes);
        let labels = [("topic", topic), ("group", "late")];
        world.add("kafka_filter_group_lag_records", &labels, bytes);
    }
    for given in [vec![], vec![("search", "orders")]] {
        let page = page_of(&world, "map", &given).await;
        let feed = &map(&page).writers[0];
        assert_near(feed.bytes_per_second.unwrap(), 42.0);
        assert_eq!(
            feed.promql,
            "sum by (client_id) (rate(kafka_filter_client_produced_bytes_total{reporter=~\"source|proxy\", \
             client_id=\"feed\"}[1m]))"
        );
        let late = &map(&page).readers[0];
        assert_near(late.lag_records.unwrap(), 42.0);
    }
}

#[tokio::test]
async fn topics_are_there_without_clients_and_a_note_says_why() {
    let mut world = World::empty();
    world.add("kafka_filter_topic_produced_bytes_total", &[("topic", "orders")], 10.0);
    world.add("kafka_filter_topic_fetched_bytes_total", &[("topic", "clicks")], 20.0);
    let page = page_of(&world, "map", &[]).await;
    let names: Vec<_> = map(&page).topics.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["clicks", "orders"]);
    assert!(
        page.notes[0].remedy.as_deref().unwrap().contains("metrics.clients"),
        "{:?}",
        page.notes
    );
    let found = page_of(&world, "map", &[("search", "order")]).await;
    assert_eq!(map(&found).topics.len(), 1);
    let clients = page_of(&world, "clients", &[]).await;
    assert!(table(&clients, "clients").empty.contains("metrics.clients"));
    assert!(page_of(&shop(), "map", &[]).await.notes.is_empty());
}

/// The filter's `metrics.topics` may be off: what clients move is known by topic all the same.
#[tokio::test]
async fn topics_that_are_not_counted_weigh_what_their_clients_move() {
    let mut world = World::empty();
    // Envoy keeps what was counted before the switch was turned off.
    world.add_between(
        "kafka_filter_topic_produced_bytes_total",
        &[("topic", "orders")],
        9.0,
        0..=40,
    );
    for (client, bytes) in [("feed", 30.0), ("bulk", 12.0)] {
        let labels = [("topic", "orders"), ("client_id", client)];
        world.add("kafka_filter_client_produced_bytes_total", &labels, bytes);
        world.add("kafka_filter_client_produced_records_total", &labels, bytes / 10.0);
    }
    let labels = [("topic", "orders"), ("client_id", "search")];
    world.add("kafka_filter_client_fetched_bytes_total", &labels, 8.0);
    world.add("kafka_filter_requests_total", &[("request", "Produce"), ("api_version", "13")], 1.0);
    for given in [vec![], vec![("search", "feed")]] {
        let page = page_of(&world, "map", &given).await;
        let orders = &map(&page).topics[0];
        assert_near(orders.bytes_per_second.unwrap(), 50.0);
        assert_near(orders.records_per_second.unwrap(), 4.2);
        assert_eq!(
            orders.promql,
            "sum by (topic) (label_replace(sum by (topic, client_id) \
             (rate(kafka_filter_client_produced_bytes_total{reporter=~\"source|proxy\", topic=\"orders\"}[1m])), \
             \"way\", \"written\", \"\", \"\") or label_replace(sum by (topic, client_id) \
             (rate(kafka_filter_client_fetched_bytes_total{reporter=~\"source|proxy\", topic=\"orders\"}[1m])), \
             \"way\", \"read\", \"\", \"\"))"
        );
    }
    for (name, title) in [("map", "Written"), ("map", "Read"), ("topics", "Written")] {
        let page = page_of(&world, name, &[]).await;
        let tile = page.tiles.iter().find(|tile| tile.title == title).unwrap();
        assert_eq!(tile.value, None, "{title} of {name} is not known");
        assert!(has_remedy(&page, "metrics.topics"), "{:?}", page.notes);
    }
    // Where no record moves, 0 is right.
    let mut idle = World::empty();
    let labels = [("request", "Metadata"), ("api_version", "13")];
    idle.add("kafka_filter_requests_total", &labels, 1.0);
    let page = page_of(&idle, "map", &[]).await;
    assert_near(tile(&page, "Written"), 0.0);
    assert!(!has_remedy(&page, "metrics.topics"));
}

#[tokio::test]
async fn a_search_leaves_what_is_found_and_what_it_is_tied_to() {
    let page = page_of(&shop(), "map", &[("search", "BILL")]).await;
    let names = |nodes: &[MapNode]| nodes.iter().map(|node| node.id.clone()).collect::<Vec<_>>();
    assert_eq!(names(&map(&page).writers), Vec::<String>::new());
    assert_eq!(names(&map(&page).topics), ["topic:orders"]);
    assert_eq!(names(&map(&page).readers), ["client:billing", "group:billing"]);
}

#[tokio::test]
async fn what_is_beyond_the_limits_is_one_node_that_says_so() {
    let mut world = World::empty();
    for topic in 0..100 {
        for client in 0..2 {
            let (topic, client) = (format!("t{topic:03}"), format!("c{topic:03}-{client}"));
            let labels = [("topic", topic.as_str()), ("client_id", client.as_str())];
            world.add("kafka_filter_client_produced_bytes_total", &labels, 10.0);
            world.add("kafka_filter_client_produced_records_total", &labels, 1.0);
        }
        let topic = format!("t{topic:03}");
        world.add("kafka_filter_topic_produced_bytes_total", &[("topic", &topic)], 20.0);
    }
    let page = page_of(&world, "map", &[]).await;
    let map = map(&page);
    let rest = map.topics.last().unwrap();
    assert_eq!((rest.id.as_str(), rest.count, map.topics.len()), ("rest:topics", 70, 31));
    assert_near(rest.bytes_per_second.unwrap(), 1_400.0);
    assert_eq!((rest.kind, rest.of), (NodeKind::Rest, NodeOf::Topic));
    let rest = map.writers.last().unwrap();
    assert_eq!((rest.id.as_str(), rest.count), ("rest:writers", 175));
    assert_eq!((map.left_out.writers, map.left_out.topics, map.left_out.readers), (175, 70, 0));
    // All edges together are all that is written: nothing is cut.
    let all: f64 = map.edges.iter().filter_map(|edge| edge.bytes_per_second).sum();
    assert_near(all, 2_000.0);
    assert_near(map.left_out.bytes_per_second, 1_750.0);
    // 25 edges lead from a writer to a topic; what leads to or from the rest is a sum that no query gives.
    for edge in &map.edges {
        let rest = edge.from.starts_with("rest:") || edge.to.starts_with("rest:");
        assert_eq!(edge.promql.is_empty(), rest, "{edge:?}");
    }
    assert_eq!(map.edges.iter().filter(|edge| !edge.promql.is_empty()).count(), 25);
}
