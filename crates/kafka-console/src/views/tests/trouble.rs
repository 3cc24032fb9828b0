//! What stands at the top of every page, whatever it is of.

use super::*;
use crate::page::MapPanel;

const PAGES: [&str; 7] = ["map", "topics", "clients", "groups", "requests", "readiness", "health"];

fn notes(page: &Page) -> Vec<&str> {
    page.notes.iter().map(|note| note.text.as_str()).collect()
}

/// Requests and as many answers each second.
fn answered(world: &mut World, reporter: &'static str, rate: f64) {
    let version = ("api_version", "13");
    let labels = [("reporter", reporter), ("request", "Produce"), version];
    world.add("kafka_filter_requests_total", &labels, rate);
    let labels = [("reporter", reporter), ("request", "Produce")];
    world.add("kafka_filter_responses_total", &labels, rate);
}

#[tokio::test]
async fn what_only_other_proxies_have_counted_is_said_on_every_page() {
    let mut world = World::empty();
    answered(&mut world, "destination", 10.0);
    for name in PAGES {
        let page = page_of(&world, name, &[]).await;
        let said = notes(&page).concat();
        assert!(said.contains("much by others (brokers)"), "{name}: {said}");
        assert!(has_remedy(&page, "Choose \"brokers\" at Seen by"), "{name}");
        let page = page_of(&world, name, &[("reporter", "destination")]).await;
        assert!(!notes(&page).concat().contains("others"), "{name}: {:?}", page.notes);
    }
    let page = page_of(&world, "readiness", &[]).await;
    assert_eq!(table(&page, "refused").empty, "No request was seen within this range.");
}

#[tokio::test]
async fn clients_without_a_proxy_are_missed_where_brokers_count_many_more_requests() {
    for (at_brokers, said) in [(14.0, false), (24.0, true)] {
        let mut world = World::empty();
        answered(&mut world, "source", 10.0);
        answered(&mut world, "destination", at_brokers);
        let page = page_of(&world, "map", &[]).await;
        let found = notes(&page).concat().contains("counted 2.4 times as many");
        assert_eq!(found, said, "{:?}", page.notes);
        let page = page_of(&world, "map", &[("reporter", "source")]).await;
        assert!(!notes(&page).concat().contains("times as many"), "somebody has chosen");
    }
}

#[tokio::test]
async fn old_clients_that_only_brokers_have_seen_are_not_forgotten() {
    let mut world = World::empty();
    answered(&mut world, "source", 10.0);
    answered(&mut world, "destination", 10.0);
    for (client, reporter) in
        [("old", "source"), ("old", "destination"), ("outside", "destination")]
    {
        let labels = [
            ("reporter", reporter),
            ("client_id", client),
            ("request", "Produce"),
            ("api_version", "2"),
        ];
        world.add("kafka_filter_deprecated_requests_total", &labels, 1.0);
    }
    let page = page_of(&world, "readiness", &[]).await;
    assert!(notes(&page).concat().contains("One more client of refused versions"), "{page:?}");
    let page = page_of(&world, "readiness", &[("reporter", "destination")]).await;
    assert!(!notes(&page).concat().contains("more client"), "{:?}", page.notes);
    assert_near(tile(&page, "Clients to upgrade"), 2.0);
}

#[tokio::test]
async fn no_errors_of_no_answers_is_no_good_news() {
    let mut world = World::empty();
    let labels = [("request", "Produce"), ("api_version", "13")];
    world.add("kafka_filter_requests_total", &labels, 10.0);
    world.add_between("kafka_filter_responses_total", &[("request", "Produce")], 10.0, 0..=40);
    for name in ["map", "requests"] {
        let page = page_of(&world, name, &[]).await;
        let tile = page.tiles.iter().find(|tile| tile.title == "Errors by responses").unwrap();
        assert_eq!((tile.value, tile.tone), (None, Tone::Plain), "{name}");
        assert!(notes(&page).concat().contains("not one was answered"), "{:?}", page.notes);
    }
    // Producers that want no answer get none.
    world.add("kafka_filter_unacknowledged_requests_total", &[], 10.0);
    let page = page_of(&world, "map", &[]).await;
    assert!(!notes(&page).concat().contains("answered"), "{:?}", page.notes);
}

#[tokio::test]
async fn a_coordinator_that_stays_away_is_trouble_although_its_codes_are_none() {
    for (errors, expected) in [(0.4, None), (2.4, Some("60 % of the answers to FindCoordinator"))] {
        let mut world = World::empty();
        answered(&mut world, "source", 10.0);
        world.add("kafka_filter_responses_total", &[("request", "FindCoordinator")], 4.0);
        let labels = [("request", "FindCoordinator"), ("error", "COORDINATOR_NOT_AVAILABLE")];
        world.add("kafka_filter_response_errors_total", &labels, errors);
        let said = notes(&page_of(&world, "groups", &[]).await).concat();
        assert_eq!(said.contains("no coordinator"), expected.is_some(), "{said}");
        assert!(said.contains(expected.unwrap_or_default()), "{said}");
    }
}

/// Errors of requests that are not counted by topic are no share of those that are.
#[tokio::test]
async fn the_share_of_errors_of_a_topic_is_of_requests_that_are_counted_by_topic() {
    let mut world = World::empty();
    answered(&mut world, "source", 10.0);
    let topic = ("topic", "orders");
    world.add("kafka_filter_topic_produced_bytes_total", &[topic], 10.0);
    let labels = [topic, ("request", "Produce")];
    world.histogram("kafka_filter_topic_request_duration_microseconds", &labels, &[("500", 10.0)]);
    for (request, rate) in [("Produce", 1.0), ("OffsetCommit", 50.0)] {
        let labels = [topic, ("request", request), ("error", "TOPIC_AUTHORIZATION_FAILED")];
        world.add("kafka_filter_topic_errors_total", &labels, rate);
    }
    let page = page_of(&world, "map", &[]).await;
    let found = page.panels.iter().find_map(|panel| match panel {
        Panel::Map(MapPanel { topics, .. }) => topics.first(),
        _ => None,
    });
    assert_near(found.unwrap().error_share.unwrap(), 0.1);
}
