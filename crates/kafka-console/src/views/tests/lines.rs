//! Lines over time: which there are, their queries, and what a point stands for.

use super::*;

#[tokio::test]
async fn lines_beyond_the_greatest_are_one_line_where_they_add_up() {
    let mut world = World::empty();
    for topic in 1..=12_u32 {
        let name = format!("t{topic:02}");
        world.add("kafka_filter_topic_produced_bytes_total", &[("topic", &name)], f64::from(topic));
        for error in ["A", "B"] {
            let error = format!("{error}{topic:02}");
            let labels =
                [("topic", name.as_str()), ("request", "Produce"), ("error", error.as_str())];
            world.add("kafka_filter_topic_errors_total", &labels, f64::from(topic));
        }
    }
    let page = page_of(&world, "topics", &[]).await;
    let written = lines(&page, "written");
    let names: Vec<&str> = written.lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["t12", "t11", "t10", "t09", "t08", "t07", "t06", "t05", "4 others"]);
    assert_eq!(written.left_out, 4);
    // 1 + 2 + 3 + 4 bytes.
    assert_near(written.lines[8].points.last().unwrap().unwrap(), 10.0);
    let errors = lines(&page, "errors");
    assert_eq!((errors.lines.len(), errors.left_out), (8, 16), "errors are counted, not summed");
    assert!(!errors.stacked);
}

/// Each line leads to a query of its own; what is left of a total is none.
#[tokio::test]
async fn each_line_has_its_query() {
    let mut world = World::empty();
    for topic in 1..=10_u32 {
        let name = format!("t{topic:02}");
        world.add("kafka_filter_topic_produced_bytes_total", &[("topic", &name)], f64::from(topic));
    }
    let page = page_of(&world, "topics", &[]).await;
    let written = lines(&page, "written");
    assert!(written.summed);
    assert_eq!(
        written.lines[0].promql,
        "sum by (topic) (rate(kafka_filter_topic_produced_bytes_total{reporter=~\"source|proxy\", \
         topic=\"t10\"}[1m]))"
    );
    assert_eq!(
        (written.lines[8].name.as_str(), written.lines[8].promql.as_str()),
        ("2 others", "")
    );
    let latency = page_of(&shop(), "topic", &[("key", "orders")]).await;
    let produce = lines(&latency, "produce");
    assert!(produce.lines[1].promql.starts_with("histogram_quantile(0.99, "), "{produce:?}");
    assert!(!produce.summed && !lines(&latency, "written").summed);
}

#[tokio::test]
async fn lines_of_two_quantiles_have_one_query_for_both() {
    let page = page_of(&shop(), "topic", &[("key", "orders")]).await;
    let produce = lines(&page, "produce");
    assert_eq!(
        produce.lines.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(),
        ["p50", "p99"]
    );
    assert!(
        produce.promql.starts_with("label_replace(histogram_quantile(0.5, "),
        "{}",
        produce.promql
    );
    assert!(
        produce.promql.contains(", \"line\", \"p50\", \"\", \"\") or label_replace("),
        "{}",
        produce.promql
    );
}

/// A group that has caught up has a past.
#[tokio::test]
async fn lag_over_time_has_groups_that_caught_up() {
    let mut world = World::empty();
    let lag = "kafka_filter_group_lag_records";
    for group in 0..9 {
        let (name, lags) = (format!("g{group}"), f64::from(group));
        world.add_between(lag, &[("topic", "orders"), ("group", &name)], lags, 0..=80);
    }
    world.add_between(lag, &[("topic", "orders"), ("group", "early")], 900.0, 0..=30);
    for (page, given, id) in [
        ("groups", vec![], "lag"),
        ("topic", vec![("key", "orders")], "lag"),
        ("group", vec![("key", "early")], "lag_lines"),
    ] {
        let page = page_of(&world, page, &given).await;
        let lag = lines(&page, id);
        let early = &lag.lines[0];
        assert!(["early", "orders"].contains(&early.name.as_str()), "{early:?}");
        assert_eq!(early.points[0], Some(900.0));
        assert_eq!(early.points.last(), Some(&Some(0.0)));
    }
    let page = page_of(&world, "groups", &[]).await;
    let names: Vec<&str> =
        lines(&page, "lag").lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["early", "g8", "g7", "g6", "g5", "g4", "g3", "g2"], "the greatest ever");
    assert_eq!(lines(&page, "lag").left_out, 2);
}

/// A point of a week stands for half an hour: its rate must look at all of it.
#[test]
fn rates_over_time_leave_no_gap() {
    let week = Duration::from_secs(7 * 24 * 3_600);
    let step_of = |range, points, scrape| step(range, points, Duration::from_millis(scrape));
    // As the source spaces 360 points, 359 gaps, of a week in scrapes of 15 s.
    assert_eq!(step_of(week, 360, 15_000).as_secs(), 1_695);
    assert_eq!(step_of(Duration::from_secs(900), 360, 10_000).as_secs(), 10);
    assert_eq!(step_of(Duration::from_secs(900), 180, 500).as_secs(), 6);
    let window = |chosen, step| no_shorter(Duration::from_secs(chosen), Duration::from_secs(step));
    assert_eq!(window(60, 1_695).as_secs(), 29 * 60);
    assert_eq!(window(60, 60).as_secs(), 60);
    assert_eq!(window(30, 40).as_secs(), 60);
    assert_eq!(window(3_600, 1_695).as_secs(), 3_600);
}
