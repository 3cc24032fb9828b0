//! Who writes to which topic, and who reads it. What has moved nothing within the window is not drawn; what is beyond
//! the limits is one node for each side, which says how many it stands for.

use std::collections::{BTreeMap, BTreeSet};

use super::series::{only, ratio};
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::{Made, Parts, View, topics};
use crate::page::{MapEdge, MapNode, MapPanel, MapRest, NodeKind, Panel, Tile, Unit};

struct Asks {
    tiles: Tiles,
    written: Pair,
    read: Pair,
    topics_written: Pair,
    topics_read: Pair,
    topic_errors: Ask,
    topic_requests: Ask,
    topic_lag: Ask,
    group_lag: Ask,
    group_errors: Ask,
    group_requests: Ask,
}

struct Tiles {
    written: Ask,
    read: Ask,
    requests: Ask,
    errors: Ask,
    lag: Ask,
}

/// The same in bytes and in records.
struct Pair {
    bytes: Ask,
    records: Ask,
}

pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let answers = sheet.answer(view.source).await?;
    let panel = Graph::new(view, &answers, &asks).panel();
    Ok(Parts { tiles: asks.tiles.tiles(&answers), panels: vec![panel], ..Parts::default() })
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let window = view.asked.window();
        let mut pair = |metrics: [&'static str; 2], by| {
            let [bytes, records] =
                metrics.map(|metric| sheet.ask(view.series(metric).by(by).rate(), window));
            Pair { bytes, records }
        };
        let written = pair(
            [
                "kafka_filter_client_produced_bytes_total",
                "kafka_filter_client_produced_records_total",
            ],
            EDGE,
        );
        let read = pair(
            [
                "kafka_filter_client_fetched_bytes_total",
                "kafka_filter_client_fetched_records_total",
            ],
            EDGE,
        );
        let topics_written = pair(
            [
                "kafka_filter_topic_produced_bytes_total",
                "kafka_filter_topic_produced_records_total",
            ],
            topics::TOPIC,
        );
        let topics_read = pair(
            ["kafka_filter_topic_fetched_bytes_total", "kafka_filter_topic_fetched_records_total"],
            topics::TOPIC,
        );
        let of = |metric, by| view.series(metric).by(by);
        let group: &[&str] = &["group"];
        Self {
            written,
            read,
            topics_written,
            topics_read,
            topic_errors: sheet.ask(
                of("kafka_filter_topic_errors_total", topics::TOPIC).troubling().rate(),
                window,
            ),
            topic_requests: sheet.ask(
                of("kafka_filter_topic_request_duration_microseconds", topics::TOPIC).count(),
                window,
            ),
            topic_lag: sheet
                .ask(of("kafka_filter_topic_fetch_lag_records", topics::TOPIC).sum(), window),
            group_lag: sheet
                .ask(of("kafka_filter_group_lag_records", &["topic", "group"]).sum(), window),
            group_errors: sheet
                .ask(of("kafka_filter_group_errors_total", group).troubling().rate(), window),
            group_requests: sheet
                .ask(of("kafka_filter_group_requests_total", group).rate(), window),
            tiles: Tiles::new(sheet, view),
        }
    }
}

impl Tiles {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let window = view.asked.window();
        let of = |metric| view.series(metric);
        let errors = of("kafka_filter_response_errors_total")
            .with(crate::expr::Matcher::is_not("request", "ApiVersions"))
            .troubling();
        Self {
            written: sheet.ask(of("kafka_filter_topic_produced_bytes_total").rate(), window),
            read: sheet.ask(of("kafka_filter_topic_fetched_bytes_total").rate(), window),
            requests: sheet.ask(of("kafka_filter_requests_total").rate(), window),
            errors: sheet
                .ask(ratio(errors.rate(), of("kafka_filter_responses_total").rate()), window),
            lag: sheet.ask(of("kafka_filter_group_lag_records").sum(), window),
        }
    }

    fn tiles(&self, answers: &Answers) -> Vec<Tile> {
        let known = answers.number(&self.requests).is_some();
        let tile = |title: &str, unit, ask, help: &str| answers.tile(title, unit, ask, help);
        vec![
            tile("Written", Unit::BytesPerSecond, &self.written, topics::WRITTEN).or_zero(known),
            tile("Read", Unit::BytesPerSecond, &self.read, topics::READ).or_zero(known),
            tile("Requests", Unit::RequestsPerSecond, &self.requests, REQUESTS),
            tile("Errors by responses", Unit::Share, &self.errors, ERROR_SHARE)
                .or_zero(known)
                .bad_from(0.001, 0.05),
            tile("Lag of groups", Unit::Records, &self.lag, topics::H_GROUP_LAG.help),
        ]
    }
}

/// A node that may be drawn, or be part of the rest.
#[derive(Default)]
struct Weight {
    bytes: f64,
    records: f64,
    error_share: Option<f64>,
    lag: Option<f64>,
}

/// One line of the map: the greater end of a topic and a client or group.
struct Edge<'a> {
    topic: &'a str,
    other: &'a str,
    bytes: f64,
    records: f64,
}

/// The topic and the other end of an edge; none is the rest.
type Ends<'a> = (Option<&'a str>, Option<&'a str>);

struct Graph<'a> {
    asks: &'a Asks,
    writers: BTreeMap<&'a str, Weight>,
    topics: BTreeMap<&'a str, Weight>,
    clients: BTreeMap<&'a str, Weight>,
    groups: BTreeMap<&'a str, Weight>,
    written: Vec<Edge<'a>>,
    read: Vec<Edge<'a>>,
    committed: Vec<Edge<'a>>,
}

impl<'a> Graph<'a> {
    fn new(view: &View<'_>, answers: &'a Answers, asks: &'a Asks) -> Self {
        let mut written = edges(answers, &asks.written);
        let mut read = edges(answers, &asks.read);
        let mut committed: Vec<Edge<'a>> = answers
            .by_pair(&asks.group_lag)
            .map(|(topic, other, _)| Edge { topic, other, bytes: 0.0, records: 0.0 })
            .collect();
        if view.asked.searches() {
            // What is looked for, and whatever it is tied to.
            for edges in [&mut written, &mut read, &mut committed] {
                edges.retain(|edge| view.asked.finds(edge.topic) || view.asked.finds(edge.other));
            }
        }
        let mut graph = Self {
            asks,
            writers: weights(&written),
            topics: BTreeMap::new(),
            clients: weights(&read),
            groups: BTreeMap::new(),
            written,
            read,
            committed,
        };
        graph.weigh_topics(answers);
        graph.weigh_groups(answers);
        graph
    }

    /// A topic has its own counts, which are exact also where clients are over a cap.
    fn weigh_topics(&mut self, answers: &'a Answers) {
        for edge in self.written.iter().chain(&self.read).chain(&self.committed) {
            self.topics.entry(edge.topic).or_default();
        }
        for pair in [&self.asks.topics_written, &self.asks.topics_read] {
            let records = answers.by_label(&pair.records);
            for (topic, bytes) in answers.by_label(&pair.bytes) {
                if let Some(weight) = self.topics.get_mut(topic) {
                    weight.bytes += bytes;
                    weight.records += records.get(topic).copied().unwrap_or_default();
                }
            }
        }
        let errors = answers.by_label(&self.asks.topic_errors);
        let requests = answers.by_label(&self.asks.topic_requests);
        let lag = answers.by_label(&self.asks.topic_lag);
        for (topic, weight) in &mut self.topics {
            weight.error_share = share(errors.get(topic), requests.get(topic));
            weight.lag = lag.get(topic).copied();
        }
    }

    fn weigh_groups(&mut self, answers: &'a Answers) {
        let errors = answers.by_label(&self.asks.group_errors);
        let requests = answers.by_label(&self.asks.group_requests);
        let mut lags: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for (topic, group, lag) in answers.by_pair(&self.asks.group_lag) {
            lags.insert((topic, group), lag);
        }
        for edge in &self.committed {
            let weight = self.groups.entry(edge.other).or_default();
            let lag = lags.get(&(edge.topic, edge.other)).copied().unwrap_or_default();
            weight.lag = Some(weight.lag.unwrap_or_default() + lag);
            weight.error_share = share(errors.get(edge.other), requests.get(edge.other));
        }
    }

    fn panel(&self) -> Panel {
        let writers = Side::new(&self.writers, WRITERS_MAX, Rank::Bytes);
        let topics = Side::new(&self.topics, TOPICS_MAX, Rank::BytesThenLag);
        let clients = Side::new(&self.clients, READERS_MAX, Rank::Bytes);
        let groups = Side::new(&self.groups, GROUPS_MAX, Rank::Lag);
        let mut left_out = MapRest {
            writers: writers.rest,
            topics: topics.rest,
            readers: clients.rest + groups.rest,
            bytes_per_second: 0.0,
        };
        let mut edges = Vec::new();
        for (all, other, kind, is_written, asks) in [
            (&self.written, &writers, "client", true, Some(&self.asks.written)),
            (&self.read, &clients, "client", false, Some(&self.asks.read)),
            (&self.committed, &groups, "group", false, None),
        ] {
            let drawn = self.drawn(all, &topics, other, kind, is_written, asks);
            edges.extend(drawn.into_iter().inspect(|edge| {
                if edge.from.starts_with("rest:") || edge.to.starts_with("rest:") {
                    left_out.bytes_per_second += edge.bytes_per_second;
                }
            }));
        }
        let client = |pair: &'a Pair| Some((&pair.bytes, "client_id"));
        let mut readers = clients.nodes("client", "readers", client(&self.asks.read), None);
        let mut nodes =
            groups.nodes("group", "groups", None, Some((&self.asks.group_lag, "group")));
        ask_errors(&mut nodes, "group", &self.asks.group_errors, &self.asks.group_requests);
        readers.extend(nodes);
        let lag = Some((&self.asks.topic_lag, "topic"));
        let bytes = Some((&self.asks.topics_written.bytes, "topic"));
        let mut topics_drawn = topics.nodes("topic", "topics", bytes, lag);
        ask_errors(&mut topics_drawn, "topic", &self.asks.topic_errors, &self.asks.topic_requests);
        for node in topics_drawn.iter_mut().filter(|node| node.kind == NodeKind::Topic) {
            node.promql = self.both_ways(&node.name);
        }
        Panel::Map(MapPanel {
            id: "map",
            title: "Map".to_owned(),
            help: HELP.to_owned(),
            writers: writers.nodes("client", "writers", client(&self.asks.written), None),
            topics: topics_drawn,
            readers,
            edges,
            left_out,
        })
    }

    /// What is written and read of a topic: a sum would be nothing where one of them is.
    fn both_ways(&self, topic: &str) -> String {
        let way = |pair: &Pair, name| {
            let promql = edge_promql(&pair.bytes, Some(topic), ("client_id", None));
            format!("label_replace({promql}, \"way\", \"{name}\", \"\", \"\")")
        };
        format!(
            "sum by (topic) ({} or {})",
            way(&self.asks.topics_written, "written"),
            way(&self.asks.topics_read, "read")
        )
    }

    /// Edges between nodes that are drawn; those of the rest are summed.
    fn drawn(
        &self,
        all: &[Edge<'a>],
        topics: &Side<'a>,
        others: &Side<'a>,
        kind: &str,
        is_written: bool,
        asks: Option<&Pair>,
    ) -> Vec<MapEdge> {
        let rest = match (kind, is_written) {
            ("group", _) => "rest:groups",
            (_, true) => "rest:writers",
            (_, false) => "rest:readers",
        };
        let mut sums: BTreeMap<Ends<'_>, (f64, f64)> = BTreeMap::new();
        for edge in all {
            let topic = topics.drawn.contains(edge.topic).then_some(edge.topic);
            let other = others.drawn.contains(edge.other).then_some(edge.other);
            let sum = sums.entry((topic, other)).or_default();
            *sum = (sum.0 + edge.bytes, sum.1 + edge.records);
        }
        let made = sums.into_iter().map(|((topic, other), (bytes, records))| {
            let topic_id =
                topic.map_or_else(|| "rest:topics".to_owned(), |name| format!("topic:{name}"));
            let other_id = other.map_or_else(|| rest.to_owned(), |name| format!("{kind}:{name}"));
            let ask = asks.map_or(&self.asks.group_lag, |pair| &pair.bytes);
            let label = if kind == "group" { "group" } else { "client_id" };
            let promql = edge_promql(ask, topic, (label, other));
            let (from, to) = if is_written { (other_id, topic_id) } else { (topic_id, other_id) };
            MapEdge { from, to, bytes_per_second: bytes, records_per_second: records, promql }
        });
        made.collect()
    }
}

/// The nodes of one side that are drawn, the greatest first.
struct Side<'a> {
    drawn: BTreeSet<&'a str>,
    order: Vec<(&'a str, &'a Weight)>,
    others: Vec<&'a Weight>,
    rest: usize,
}

/// By what the nodes of a side are ranked.
enum Rank {
    Bytes,
    BytesThenLag,
    Lag,
}

impl<'a> Side<'a> {
    fn new(nodes: &'a BTreeMap<&'a str, Weight>, max: usize, rank: Rank) -> Self {
        let mut order: Vec<_> = nodes.iter().map(|(&name, weight)| (name, weight)).collect();
        let lag = |weight: &Weight| weight.lag.unwrap_or_default();
        order.sort_by(|(left_name, left), (right_name, right)| {
            let bytes = right.bytes.total_cmp(&left.bytes);
            let lag = lag(right).total_cmp(&lag(left));
            let order = match rank {
                Rank::Bytes => bytes,
                Rank::BytesThenLag => bytes.then(lag),
                Rank::Lag => lag,
            };
            order.then(left_name.cmp(right_name))
        });
        let others = order.split_off(max.min(order.len()));
        let drawn = order.iter().map(|(name, _)| *name).collect();
        let rest = others.len();
        Self { drawn, order, others: others.into_iter().map(|(_, weight)| weight).collect(), rest }
    }

    fn nodes(
        &self,
        kind: &str,
        rest: &str,
        bytes: Option<(&Ask, &'static str)>,
        lag: Option<(&Ask, &'static str)>,
    ) -> Vec<MapNode> {
        let node_kind = match kind {
            "client" => NodeKind::Client,
            "group" => NodeKind::Group,
            _ => NodeKind::Topic,
        };
        let promql = |asked: Option<(&Ask, &'static str)>, name: &str| {
            asked.map(|(ask, label)| only(&ask.expr, label, &name.into()).promql(ask.window))
        };
        let mut nodes: Vec<MapNode> = self
            .order
            .iter()
            .map(|(name, weight)| MapNode {
                id: format!("{kind}:{name}"),
                name: (*name).to_owned(),
                kind: node_kind,
                bytes_per_second: weight.bytes,
                records_per_second: weight.records,
                error_share: weight.error_share,
                lag_records: weight.lag,
                count: 1,
                promql: promql(bytes, name).unwrap_or_default(),
                lag_promql: promql(lag, name),
                error_promql: None,
            })
            .collect();
        if self.rest > 0 {
            let sum = |of: fn(&Weight) -> f64| self.others.iter().map(|weight| of(weight)).sum();
            let lags: Vec<f64> = self.others.iter().filter_map(|weight| weight.lag).collect();
            nodes.push(MapNode {
                id: format!("rest:{rest}"),
                name: format!("{} other {rest}", self.rest),
                kind: NodeKind::Rest,
                bytes_per_second: sum(|weight| weight.bytes),
                records_per_second: sum(|weight| weight.records),
                error_share: None,
                lag_records: (!lags.is_empty()).then(|| lags.iter().sum()),
                count: self.rest,
                promql: String::new(),
                lag_promql: None,
                error_promql: None,
            });
        }
        nodes
    }
}

/// Puts the query to each share of errors.
fn ask_errors(nodes: &mut [MapNode], label: &'static str, errors: &Ask, requests: &Ask) {
    let share = ratio(errors.expr.clone(), requests.expr.clone());
    for node in nodes.iter_mut().filter(|node| node.error_share.is_some()) {
        let promql = only(&share, label, &node.name.as_str().into()).promql(errors.window);
        node.error_promql = Some(promql);
    }
}

/// What moved anything.
fn edges<'a>(answers: &'a Answers, pair: &Pair) -> Vec<Edge<'a>> {
    let records: BTreeMap<_, _> = answers
        .by_pair(&pair.records)
        .map(|(topic, client, value)| ((topic, client), value))
        .collect();
    answers
        .by_pair(&pair.bytes)
        .filter(|(_, _, bytes)| *bytes > 0.0)
        .map(|(topic, other, bytes)| Edge {
            topic,
            other,
            bytes,
            records: records.get(&(topic, other)).copied().unwrap_or_default(),
        })
        .collect()
}

fn weights<'a>(edges: &[Edge<'a>]) -> BTreeMap<&'a str, Weight> {
    let mut weights: BTreeMap<&str, Weight> = BTreeMap::new();
    for edge in edges {
        let weight = weights.entry(edge.other).or_default();
        weight.bytes += edge.bytes;
        weight.records += edge.records;
    }
    weights
}

/// Errors by requests; no errors are 0 where there are requests.
fn share(errors: Option<&f64>, requests: Option<&f64>) -> Option<f64> {
    let requests = requests.copied().filter(|&requests| requests > 0.0)?;
    Some(errors.copied().unwrap_or_default() / requests)
}

/// Of one edge, or of all the edges that one node has to the rest.
fn edge_promql(
    ask: &Ask,
    topic: Option<&str>,
    (label, other): (&'static str, Option<&str>),
) -> String {
    let mut expr = ask.expr.clone();
    if let Some(topic) = topic {
        expr = only(&expr, "topic", &topic.into());
    }
    if let Some(other) = other {
        expr = only(&expr, label, &other.into());
    }
    expr.promql(ask.window)
}

const EDGE: &[&str] = &["topic", "client_id"];

/// More on one side cannot be read; search finds the others.
const WRITERS_MAX: usize = 25;
const TOPICS_MAX: usize = 30;
const READERS_MAX: usize = 15;
const GROUPS_MAX: usize = 15;

const HELP: &str = "Clients that write, topics, and who reads: clients by what they are sent, groups by what they \
    commit. Width is bytes a second over the window. A Fetch names no group, so a line to a group carries its lag and no \
    bytes. What has moved nothing within the window and has no group is not drawn. Colour is error codes by requests, of \
    topics and groups: which client got an error is not counted.";
const REQUESTS: &str =
    "Requests whose header was decoded, also those of groups, metadata and logins.";
const ERROR_SHARE: &str = "Error codes by responses, without those that healthy clusters have and without ApiVersions. A \
    response may have several codes, so many partitions that are refused at once make more than 100 %.";
