//! How it is with what measures: proxies, what they cannot read, what found no place, and the programs beside.

use super::curves::{Curves, stacked};
use super::series::Series;
use super::sheet::{Answers, Ask, Sheet, TileExt as _};
use super::table::{Table, finds, heading, toned};
use super::{Made, Parts, ROWS_MAX, View, info, warning};
use crate::expr::catalog::names;
use crate::page::{Cell, Column, Note, Panel, Sort, TablePanel, Tile, Tone, Unit};
use crate::source::{Kind, Proxy, SourceError};

mod beside;

struct Asks {
    connections: Ask,
    opened: Ask,
    opaque: Ask,
    opaque_by: Ask,
    undecoded: Ask,
    undecoded_by: Ask,
    label_values: Ask,
    overflowed: Ask,
    overflowed_by: Ask,
    untracked: Ask,
}

/// All reporters: what is wrong with a proxy is wrong whichever side it is on.
pub(super) async fn make(view: &View<'_>) -> Made {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let beside = beside::Asks::new(&mut sheet, view);
    let (answers, proxies) = (sheet.answer(view.source).await?, view.source.proxies().await);
    let mut tiles = proxy_tiles(view.source.state().kind, &proxies);
    tiles.extend(asks.tiles(&answers));
    let mut panels = vec![proxies_table(view, &proxies)];
    panels.push(asks.opaque_table(&answers));
    panels.push(asks.labels_table(&answers));
    panels.push(asks.undecoded_table(&answers));
    panels.extend(beside.panels(&answers));
    panels.extend(lines(view, &answers, &asks).await?);
    Ok(Parts { notes: notes(&proxies, &asks, &answers), tiles, panels })
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let (window, range) = (view.asked.window(), view.asked.range());
        let opaque = || Series::of(names::CONNECTIONS_OPAQUE);
        let undecoded = || Series::of(names::UNDECODED_MESSAGES);
        let overflowed = || Series::of(names::LABEL_VALUES_OVERFLOWED);
        Self {
            connections: sheet.ask(Series::of(names::CONNECTIONS_ACTIVE).sum(), window),
            opened: sheet.ask(Series::of(names::CONNECTIONS_OPENED).increase(), range),
            opaque: sheet.ask(opaque().increase(), range),
            opaque_by: sheet.ask(opaque().by(&["reason"]).increase(), range),
            undecoded: sheet.ask(undecoded().increase(), range),
            undecoded_by: sheet.ask(undecoded().by(&["reason", "request"]).increase(), range),
            label_values: sheet.ask(Series::of(names::LABEL_VALUES).by(&["label"]).max(), window),
            overflowed: sheet.ask(overflowed().increase(), range),
            overflowed_by: sheet.ask(overflowed().by(&["label"]).increase(), range),
            untracked: sheet.ask(Series::of(names::LAG_UNTRACKED_PARTITIONS).increase(), range),
        }
    }

    fn tiles(&self, answers: &Answers) -> Vec<Tile> {
        let known = answers.number(&self.connections).is_some();
        let tile = |title: &str, unit, ask, help: &str| answers.tile(title, unit, ask, help);
        vec![
            tile("Connections open", Unit::Count, &self.connections, CONNECTIONS),
            tile("Opened", Unit::Count, &self.opened, OPENED).or_zero(known),
            tile("Not decoded", Unit::Count, &self.opaque, OPAQUE_HELP)
                .or_zero(known)
                .bad_from(1.0, f64::INFINITY),
            tile("Messages not read", Unit::Count, &self.undecoded, UNDECODED)
                .or_zero(known)
                .bad_from(1.0, f64::INFINITY),
            tile("Without a label of their own", Unit::Count, &self.overflowed, OVERFLOWED)
                .or_zero(known)
                .bad_from(1.0, f64::INFINITY),
            tile("Partitions without lag", Unit::Count, &self.untracked, UNTRACKED)
                .or_zero(known)
                .bad_from(1.0, f64::INFINITY),
        ]
    }

    fn opaque_table(&self, answers: &Answers) -> Panel {
        Table::new("opaque", "Connections that are not decoded", OPAQUE_HELP)
            .label("reason", "Reason", None, "From a fixed list.")
            .measure(
                heading("in_range", "In this range", Unit::Count, OPAQUE_HELP),
                &self.opaque_by,
            )
            .cell(heading("meaning", "What it is", Unit::Text, "And what to do."), |key| {
                key.first().map_or(Cell::None, |reason| Cell::Text(opaque(reason).to_owned()))
            })
            .sorted("in_range", &[])
            .empty("Every connection is decoded.")
            .panel(answers)
    }

    fn labels_table(&self, answers: &Answers) -> Panel {
        let overflowed = answers.by_label(&self.overflowed_by);
        Table::new("labels", "Labels with a cap", LABELS)
            .label("label", "Label", None, "The name of the label.")
            .measure(heading("values", "Values", Unit::Count, VALUES), &self.label_values)
            .measure(
                heading("overflowed", "Overflowed", Unit::Count, OVERFLOWED),
                &self.overflowed_by,
            )
            .cell(heading("remedy", "What to do", Unit::Text, "Where events overflow."), |key| {
                match key.first() {
                    Some(label) if overflowed.get(&**label).is_some_and(|&events| events > 0.0) => {
                        toned(overflow(label), Tone::Warning)
                    }
                    _ => Cell::None,
                }
            })
            .sorted("overflowed", &["values"])
            .empty("No label has a value yet.")
            .panel(answers)
    }

    fn undecoded_table(&self, answers: &Answers) -> Panel {
        Table::new("undecoded", "Messages that are not read", UNDECODED)
            .label("reason", "Reason", None, "From a fixed list.")
            .label("request", "Request", None, "The API.")
            .measure(
                heading("in_range", "In this range", Unit::Count, UNDECODED),
                &self.undecoded_by,
            )
            .cell(heading("meaning", "What it is", Unit::Text, "And what to do."), |key| {
                key.first().map_or(Cell::None, |reason| Cell::Text(undecoded(reason).to_owned()))
            })
            .sorted("in_range", &[])
            .empty("Every message of decoded connections is read to its end.")
            .panel(answers)
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn proxy_tiles(kind: Kind, proxies: &[Proxy]) -> Vec<Tile> {
    let envoys: Vec<&Proxy> = proxies.iter().filter(|proxy| proxy.is_envoy).collect();
    let up = proxies.iter().filter(|proxy| proxy.up).count();
    let with = envoys.iter().filter(|proxy| proxy.has_filter).count();
    let tile = |title: &str, value: usize, of: usize, promql: &str, help: &str| Tile {
        title: title.to_owned(),
        value: (of > 0).then_some(value as f64),
        unit: Unit::Count,
        promql: promql.to_owned(),
        tone: if value < of { Tone::Warning } else { Tone::Plain },
        help: help.to_owned(),
    };
    // Of its own targets the console alone knows.
    let up_query = match kind {
        Kind::Direct => "",
        Kind::Prometheus => UP_QUERY,
    };
    vec![
        tile("Targets up", up, proxies.len(), up_query, UP),
        tile("Proxies with the filter", with, envoys.len(), WITH_FILTER_QUERY, WITH_FILTER),
    ]
}

fn proxies_table(view: &View<'_>, proxies: &[Proxy]) -> Panel {
    let column = |key, title, unit, help: &str| Column {
        key,
        title,
        unit,
        help: help.to_owned(),
        promql: None,
        link: None,
    };
    let mut sorted: Vec<&Proxy> = proxies.iter().collect();
    sorted.sort_by_key(|proxy| (proxy.up, proxy.has_filter || !proxy.is_envoy, &proxy.name));
    let mut rows: Vec<_> = sorted.into_iter().map(proxy_row).collect();
    rows.retain(|row| finds(view, row));
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    Panel::Table(TablePanel {
        id: "proxies",
        title: "Proxies".to_owned(),
        help: PROXIES.to_owned(),
        columns: vec![
            column("name", "Name", Unit::Text, "Its address."),
            column("state", "State", Unit::Text, "Of the last scrape."),
            column("age", "Age", Unit::Seconds, "Since the last good scrape."),
            column("filter", "Filter", Unit::Text, "The filter's release."),
            column(
                "kafka",
                "Kafka tables",
                Unit::Text,
                "The newest Kafka release whose protocol it knows.",
            ),
            column("series", "Series", Unit::Count, "That the console keeps of it."),
        ],
        rows,
        left_out,
        empty: "No target is known yet.".to_owned(),
        sort: Sort { column: 1, descending: false },
    })
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn proxy_row(proxy: &Proxy) -> Vec<Cell> {
    let text = |text: &Option<String>| text.clone().map_or(Cell::None, Cell::Text);
    let state = match (proxy.up, proxy.has_filter, proxy.is_envoy) {
        (false, ..) => {
            let why = proxy.error.as_deref().unwrap_or("no answer");
            toned(format!("down: {why}"), Tone::Error)
        }
        (true, false, true) => toned("up, nothing of the filter", Tone::Warning),
        (true, false, false) => Cell::Text("up, no proxy".to_owned()),
        (true, true, _) => toned("up", Tone::Good),
    };
    vec![
        Cell::Text(proxy.name.clone()),
        state,
        proxy.age.map_or(Cell::None, |age| Cell::Number(age.as_secs_f64())),
        text(&proxy.filter_release),
        text(&proxy.kafka_release),
        Cell::Number(proxy.series as f64),
    ]
}

fn notes(proxies: &[Proxy], asks: &Asks, answers: &Answers) -> Vec<Note> {
    let mut notes = Vec::new();
    let down = proxies.iter().filter(|proxy| !proxy.up).count();
    if down > 0 {
        notes.push(warning(
            format!(
                "{down} of {} targets do not answer: what they count is missing everywhere.",
                proxies.len()
            ),
            "The table of proxies says why, for each.",
        ));
    }
    let without =
        proxies.iter().filter(|proxy| proxy.up && proxy.is_envoy && !proxy.has_filter).count();
    if without > 0 {
        notes.push(info(
            format!(
                "{without} proxies show nothing of the filter: no Kafka connection has passed them yet, or they run without \
                 it."
            ),
            Some(
                "Where one of them should see Kafka: check that the filter's configuration reaches it (istio/README.md, \
                 envoy/README.md), and that connections to Kafka ports pass a listener which has it.",
            ),
        ));
    }
    let mut releases: Vec<&str> =
        proxies.iter().filter_map(|proxy| proxy.filter_release.as_deref()).collect();
    releases.sort_unstable();
    releases.dedup();
    if releases.len() > 1 {
        notes.push(warning(
            format!("Proxies run different releases of the filter: {}.", releases.join(", ")),
            "Fine while an update goes round; if it lasts, some proxies do not take it.",
        ));
    }
    if answers.number(&asks.untracked).is_some_and(|partitions| partitions > 0.0) {
        notes.push(warning(
            "Lag is too low: partitions were left out.",
            "Raise limits.lag_partitions_max in the filter's configuration.",
        ));
    }
    notes
}

async fn lines(view: &View<'_>, answers: &Answers, asks: &Asks) -> Result<Vec<Panel>, SourceError> {
    let mut curves = Curves::new(view);
    curves.greatest(
        stacked("opaque_lines", "Connections that are not decoded", Unit::PerSecond, OPAQUE_HELP),
        answers,
        &asks.opaque_by,
        ("reason", Series::of(names::CONNECTIONS_OPAQUE).by(&["reason"]).rate()),
        None,
    );
    curves.panels().await
}

fn opaque(reason: &str) -> &'static str {
    match reason {
        "tls" => {
            "The client speaks TLS to the broker, and the proxy sees ciphertext: let Envoy end TLS where numbers \
                  are wanted."
        }
        "not_kafka" => {
            "Another protocol: a health check that speaks HTTP, a scanner, a PROXY protocol header."
        }
        "malformed" => {
            "Bytes against the protocol: a broken client, or a bug in the filter; please report it."
        }
        "desync" => {
            "An answer that belongs to no request: a broken client, or a bug in the filter; please report it."
        }
        "limit" => "More was asked of one connection than the filter keeps.",
        _ => "See docs/metrics.md.",
    }
}

fn undecoded(reason: &str) -> &'static str {
    match reason {
        "unknown_api_key" => {
            "An API that this release of the filter does not know: update the filter."
        }
        "unknown_api_version" => {
            "A version that is newer than this release of the filter: update the filter."
        }
        "malformed" => {
            "The body contradicts its schema: a broken client, or a bug; please report it."
        }
        "over_limit" => {
            "Longer than limits.walk_size_bytes: raise it if the numbers inside matter."
        }
        _ => "See docs/metrics.md.",
    }
}

fn overflow(label: &str) -> &'static str {
    match label {
        "topic" => {
            "At the cap: raise labels.topic.values_max. Below it: errors about topics that no broker has \
                    confirmed."
        }
        "client_id" => {
            "Raise labels.client_id.values_max, or fold ids with rewrite; below the cap it is \
                        limits.combinations_max."
        }
        _ => {
            "Raise its values_max, or list the values that matter with allow; below the cap it is \
              limits.combinations_max."
        }
    }
}

const UP: &str = "Targets whose last scrape was good, whatever they are.";
const WITH_FILTER: &str = "Envoys that show the filter's metrics. An Envoy shows them from the first connection on, so one \
    without Kafka traffic may be missing here.";
const WITH_FILTER_QUERY: &str =
    "count(count by (instance) (last_over_time(kafka_filter_build_info[15m])))";
/// Of the same instances as the table has: those that have shown metrics of Envoy or of the filter lately.
const UP_QUERY: &str = "count((max by (instance) (up) > 0) and on (instance) \
    (last_over_time(envoy_server_uptime[15m]) or last_over_time(kafka_filter_build_info[15m])))";
const PROXIES: &str =
    "What is scraped: first what does not answer, then proxies that show nothing of the filter.";
const CONNECTIONS: &str =
    "Connections that are open now, of all proxies and both sides: a call inside a mesh is two.";
const OPENED: &str = "Connections that were opened in this range. Many more than are open is a client that connects anew \
    for each request, or a health check.";
const OPAQUE_HELP: &str = "Connections given up in this range as not decodable. They are forwarded all the same, and \
    nothing more of them is counted.";
const UNDECODED: &str = "Requests and responses in this range whose body was not read to its end; headers, bytes and \
    durations are counted all the same.";
const OVERFLOWED: &str = "Events in this range that were counted under __other__ for want of a place. Envoy never forgets \
    a value, so a place is free again only after a restart.";
const UNTRACKED: &str = "Partitions in this range that lag left out, because limits.lag_partitions_max was reached: lag of \
    groups and topics is too low by these.";
const LABELS: &str =
    "Names that strangers choose have a cap, so that nobody can fill a proxy's memory.";
const VALUES: &str = "Values that the proxy with the most of them has admitted.";

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(name: &str, up: bool) -> Proxy {
        Proxy {
            name: name.to_owned(),
            up,
            age: None,
            filter_release: None,
            kafka_release: None,
            series: 0,
            has_filter: up,
            is_envoy: true,
            error: None,
        }
    }

    #[test]
    fn prometheus_is_asked_for_as_many_targets_as_are_shown() {
        let proxies = [proxy("a", true), proxy("b", false)];
        let tiles = proxy_tiles(Kind::Prometheus, &proxies);
        assert_eq!((tiles[0].value, tiles[1].value), (Some(1.0), Some(1.0)));
        assert!(
            tiles[0].promql.starts_with("count((max by (instance) (up) > 0) and on (instance)")
        );
        // An instance that went 14 minutes ago is in the table, and so in the query.
        assert!(tiles.iter().all(|tile| tile.promql.contains("kafka_filter_build_info[15m]")));
        assert_eq!(proxy_tiles(Kind::Direct, &proxies)[0].promql, "");
    }
}
