//! The map of what there is: the greatest of each side by name, the others as one node, and the lines between them.

use std::collections::{BTreeMap, BTreeSet};

use super::Pair;
use super::graph::{Edge, Flow, Graph, Moved, Weight};
use crate::page::{MapEdge, MapNode, MapPanel, MapRest, NodeKind, NodeOf, Panel};
use crate::views::series::{only, ratio};
use crate::views::sheet::Ask;

impl Graph<'_> {
    pub(super) fn panel(&self) -> Panel {
        let writers = Side::new(&self.writers, WRITERS_MAX, Rank::Bytes);
        let topics = Side::new(&self.topics, TOPICS_MAX, Rank::BytesThenLag);
        let clients = Side::new(&self.clients, READERS_MAX, Rank::Bytes);
        let groups = Side::new(&self.groups, GROUPS_MAX, Rank::Lag);
        let (written, read) = (&self.asks.written.bytes, &self.asks.read.bytes);
        let mut edges = drawn(&self.written, &topics, &writers, &WRITERS, written);
        edges.extend(drawn(&self.read, &topics, &clients, &READERS, read));
        edges.extend(drawn(&self.committed, &topics, &groups, &GROUPS, &self.asks.committed));
        // Without clients there are topics beyond the limit, and no lines to them.
        let of_rest = edges.iter().filter(|edge| edge.promql.is_empty());
        let along_lines = of_rest.filter_map(|edge| edge.bytes_per_second).fold(0.0, |a, b| a + b);
        let of_topics = topics.others.iter().filter_map(|weight| weight.moved);
        let of_topics = of_topics.fold(Moved::default(), Moved::add).bytes;
        let left_out = MapRest {
            writers: writers.others.len(),
            topics: topics.others.len(),
            readers: clients.others.len() + groups.others.len(),
            bytes_per_second: along_lines.max(of_topics),
        };
        let mut readers = clients.nodes(&READERS, Some(&self.asks.readers.bytes), None);
        let mut group_nodes = groups.nodes(&GROUPS, None, Some(&self.asks.group_lag));
        ask_errors(&mut group_nodes, &GROUPS, &self.asks.group_errors, &self.asks.group_requests);
        readers.extend(group_nodes);
        let mut topic_nodes = topics.nodes(&TOPICS, None, Some(&self.asks.topic_lag));
        ask_errors(&mut topic_nodes, &TOPICS, &self.asks.topic_errors, &self.asks.topic_requests);
        for node in topic_nodes.iter_mut().filter(|node| node.kind == NodeKind::Topic) {
            let has_own = self.topics.get(&*node.name).is_none_or(|weight| !weight.of_clients);
            node.promql = self.both_ways(&node.name, has_own);
        }
        Panel::Map(MapPanel {
            id: "map",
            title: "Map".to_owned(),
            help: HELP.to_owned(),
            writers: writers.nodes(&WRITERS, Some(&self.asks.writers.bytes), None),
            topics: topic_nodes,
            readers,
            edges,
            left_out,
        })
    }

    /// What is written and read of a topic: a sum would be nothing where one of them is.
    fn both_ways(&self, topic: &str, has_own: bool) -> String {
        let way = |pair: &Pair, name| {
            let promql = one(&pair.bytes, &TOPICS, topic);
            format!("label_replace({promql}, \"way\", \"{name}\", \"\", \"\")")
        };
        let [written, read] = self.asks.of_topic(has_own);
        format!("sum by (topic) ({} or {})", way(written, "written"), way(read, "read"))
    }
}

/// The topic and the other end of an edge; none is the rest.
type Ends<'a> = (Option<&'a str>, Option<&'a str>);

/// What the nodes of one side are.
struct Sort {
    /// Before the name in a node's id.
    prefix: &'static str,
    label: &'static str,
    kind: NodeKind,
    of: NodeOf,
    /// All beyond the limit.
    rest: &'static str,
}

const WRITERS: Sort = Sort {
    prefix: "client",
    label: "client_id",
    kind: NodeKind::Client,
    of: NodeOf::Client,
    rest: "writers",
};
const READERS: Sort = Sort { rest: "readers", ..WRITERS };
const TOPICS: Sort = Sort {
    prefix: "topic",
    label: "topic",
    kind: NodeKind::Topic,
    of: NodeOf::Topic,
    rest: "topics",
};
const GROUPS: Sort = Sort {
    prefix: "group",
    label: "group",
    kind: NodeKind::Group,
    of: NodeOf::Group,
    rest: "groups",
};

impl Sort {
    fn id(&self, name: Option<&str>) -> String {
        match name {
            Some(name) => format!("{}:{name}", self.prefix),
            None => format!("rest:{}", self.rest),
        }
    }
}

/// Edges between nodes that are drawn; those of the rest are summed.
fn drawn(
    all: &[Edge<'_>],
    topics: &Side<'_>,
    others: &Side<'_>,
    sort: &Sort,
    ask: &Ask,
) -> Vec<MapEdge> {
    let mut sums: BTreeMap<Ends<'_>, Flow> = BTreeMap::new();
    for edge in all {
        let topic = topics.drawn.contains(edge.topic).then_some(edge.topic);
        let other = others.drawn.contains(edge.other).then_some(edge.other);
        let sum = sums.entry((topic, other));
        sum.and_modify(|sum| *sum = sum.add(edge.flow)).or_insert(edge.flow);
    }
    let made = sums.into_iter().map(|((topic, other), flow)| {
        let (topic_id, other_id) = (TOPICS.id(topic), sort.id(other));
        let is_written = sort.rest == WRITERS.rest;
        let (from, to) = if is_written { (other_id, topic_id) } else { (topic_id, other_id) };
        let moved = flow.moved();
        MapEdge {
            from,
            to,
            bytes_per_second: moved.map(|moved| moved.bytes),
            records_per_second: moved.map(|moved| moved.records),
            lag_records: if let Flow::Lag(lag) = flow { Some(lag) } else { None },
            promql: topic.zip(other).map(|ends| edge_promql(ask, sort, ends)).unwrap_or_default(),
        }
    });
    made.collect()
}

/// The nodes of one side that are drawn, the greatest first.
struct Side<'a> {
    drawn: BTreeSet<&'a str>,
    order: Vec<(&'a str, &'a Weight)>,
    others: Vec<&'a Weight>,
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
        let bytes = |weight: &Weight| weight.moved.unwrap_or_default().bytes;
        order.sort_by(|(left_name, left), (right_name, right)| {
            let bytes = bytes(right).total_cmp(&bytes(left));
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
        Self { drawn, order, others: others.into_iter().map(|(_, weight)| weight).collect() }
    }

    fn nodes(&self, sort: &Sort, bytes: Option<&Ask>, lag: Option<&Ask>) -> Vec<MapNode> {
        let drawn = self.order.iter().map(|(name, weight)| MapNode {
            id: sort.id(Some(name)),
            name: (*name).to_owned(),
            kind: sort.kind,
            of: sort.of,
            bytes_per_second: weight.moved.map(|moved| moved.bytes),
            records_per_second: weight.moved.map(|moved| moved.records),
            error_share: weight.error_share,
            lag_records: weight.lag,
            count: 1,
            promql: bytes.map(|ask| one(ask, sort, name)).unwrap_or_default(),
            lag_promql: lag.filter(|_| weight.lag.is_some()).map(|ask| one(ask, sort, name)),
            error_promql: None,
        });
        drawn.chain(self.rest(sort)).collect()
    }

    /// Those beyond the limit, whose sums no query gives.
    fn rest(&self, sort: &Sort) -> Option<MapNode> {
        let count = self.others.len();
        let moved = self.others.iter().filter_map(|weight| weight.moved).reduce(Moved::add);
        (count > 0).then(|| MapNode {
            id: sort.id(None),
            name: format!("{count} other {}", sort.rest),
            kind: NodeKind::Rest,
            of: sort.of,
            bytes_per_second: moved.map(|moved| moved.bytes),
            records_per_second: moved.map(|moved| moved.records),
            error_share: None,
            lag_records: self.others.iter().filter_map(|weight| weight.lag).reduce(|a, b| a + b),
            count,
            promql: String::new(),
            lag_promql: None,
            error_promql: None,
        })
    }
}

/// Puts the query to each share of errors.
fn ask_errors(nodes: &mut [MapNode], sort: &Sort, errors: &Ask, requests: &Ask) {
    let share = ratio(errors.expr.clone(), requests.expr.clone());
    for node in nodes.iter_mut().filter(|node| node.error_share.is_some()) {
        let promql = only(&share, sort.label, &node.name.as_str().into()).promql(errors.window);
        node.error_promql = Some(promql);
    }
}

/// Of one node.
fn one(ask: &Ask, sort: &Sort, name: &str) -> String {
    only(&ask.expr, sort.label, &name.into()).promql(ask.window)
}

/// Of the edge between a topic and another.
fn edge_promql(ask: &Ask, sort: &Sort, (topic, other): (&str, &str)) -> String {
    let of_topic = only(&ask.expr, TOPICS.label, &topic.into());
    only(&of_topic, sort.label, &other.into()).promql(ask.window)
}

/// More on one side cannot be read; search finds the others.
const WRITERS_MAX: usize = 25;
const TOPICS_MAX: usize = 30;
const READERS_MAX: usize = 15;
const GROUPS_MAX: usize = 15;

const HELP: &str = "Clients that write, topics, and who reads: clients by what they are sent, groups by what they \
    commit. Width is bytes a second over the window. A Fetch names no group, so a line to a group carries its lag and no \
    bytes. What has moved nothing within the window and has no group is not drawn. Colour is error codes by requests: of \
    topics in answers to Produce and Fetch, and of groups. Which client got an error is not counted.";
