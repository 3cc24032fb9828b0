//! A page as data: what the server makes and the front end draws. The front end knows panel kinds and no metric, so
//! every number carries its unit, the sentence that says what it means, and the PromQL that gives the same. The same
//! names stand in `web/src/api.ts`.

use serde::Serialize;

use crate::terms::{Health, Kind};

/// One page of the console.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page {
    /// As in the URL: `topics`.
    pub name: &'static str,
    /// For people, with the key where there is one.
    pub title: String,
    /// The topic, client or group that the page is about, as the label has it.
    pub key: Option<String>,
    /// Unix time in seconds when the page was made.
    pub at: i64,
    /// Over which rates are taken.
    pub window_seconds: u64,
    /// How far back lines and "in this range" go.
    pub range_seconds: u64,
    /// Which side's counts these are: a fixed word.
    pub reporter: &'static str,
    /// Where the numbers come from, and how it is.
    pub source: SourceState,
    /// What a reader must know before the numbers.
    pub notes: Vec<Note>,
    /// The few numbers that come first.
    pub tiles: Vec<Tile>,
    /// The rest, in the order of what matters.
    pub panels: Vec<Panel>,
}

/// The source of the numbers, as pages show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceState {
    /// Which of the two.
    pub kind: Kind,
    /// How it is.
    pub state: Health,
    /// What is wrong.
    pub message: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// How often numbers come anew.
    pub scrape_seconds: f64,
    /// How old the newest numbers are.
    pub age_seconds: Option<f64>,
    /// Where people's browsers reach Prometheus, when that was configured.
    pub prometheus_url: Option<String>,
}

/// A sentence above the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// How much it matters.
    pub tone: NoteTone,
    /// What is.
    pub text: String,
    /// What to do.
    pub remedy: Option<String>,
}

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteTone {
    /// Good to know.
    Info,
    /// Numbers are not what they seem.
    Warning,
    /// Numbers are missing.
    Error,
}

/// How a value is meant to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// A number.
    Plain,
    /// As it should be.
    Good,
    /// Look at it.
    Warning,
    /// Something is wrong.
    Error,
}

/// What a number counts; the front end formats by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes each second.
    BytesPerSecond,
    /// Records each second.
    RecordsPerSecond,
    /// Requests each second.
    RequestsPerSecond,
    /// Error codes each second.
    ErrorsPerSecond,
    /// Record batches each second.
    BatchesPerSecond,
    /// Durations.
    Seconds,
    /// Records.
    Records,
    /// Bytes.
    Bytes,
    /// How many.
    Count,
    /// From 0 to 1.
    Share,
    /// Unix time in seconds.
    Time,
    /// Words.
    Text,
    /// Anything each second.
    PerSecond,
}

/// One number in large print.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tile {
    /// What it is.
    pub title: String,
    /// `None` when nothing is known.
    pub value: Option<f64>,
    /// Of the value.
    pub unit: Unit,
    /// Gives the same number.
    pub promql: String,
    /// Good or bad.
    pub tone: Tone,
    /// What it means and how it misleads.
    pub help: String,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Panel {
    /// Rows and columns.
    Table(TablePanel),
    /// Values over time.
    Lines(LinesPanel),
    /// Values over two labels.
    Heat(HeatPanel),
    /// A distribution.
    Bars(BarsPanel),
    /// Who writes to what, and who reads it.
    Map(MapPanel),
}

/// Rows and columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TablePanel {
    /// Of the panel in its page.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// What it means and how it misleads.
    pub help: String,
    /// What the cells of each row are.
    pub columns: Vec<Column>,
    /// As long as `columns` each.
    pub rows: Vec<Vec<Cell>>,
    /// Rows beyond the limit. Never silently cut.
    pub left_out: usize,
    /// What to say when there are no rows.
    pub empty: String,
    /// How the rows are sorted.
    pub sort: Sort,
}

/// How rows are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sort {
    /// Index into the columns.
    pub column: usize,
    /// Greatest first.
    pub descending: bool,
}

/// What the cells of a column are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// For the URL's `sort`.
    pub key: &'static str,
    /// The heading.
    pub title: &'static str,
    /// Of the cells.
    pub unit: Unit,
    /// What it means and how it misleads.
    pub help: String,
    /// Gives a cell. `$row`, `$row2` and `$row3` stand for the text of the row's first, second and third cell, escaped as
    /// the inside of a PromQL string; all label columns of the table are named, so that it gives one number.
    pub promql: Option<String>,
    /// The page that a cell's text leads to.
    pub link: Option<Link>,
}

/// A page about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// `/topics/<key>`
    Topic,
    /// `/clients/<key>`
    Client,
    /// `/groups/<key>`
    Group,
}

/// One value of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Not known, or not there.
    None,
    /// In the column's unit.
    Number(f64),
    /// As it is: never markup.
    Text(String),
    /// Text that stands out.
    Toned {
        /// As it is.
        text: String,
        /// How to take it.
        tone: Tone,
    },
    /// A number with a unit and a query of its own, where a column has numbers of several kinds.
    Measured {
        /// `None` when nothing is known.
        value: Option<f64>,
        /// Of the value.
        unit: Unit,
        /// Gives the same number.
        promql: String,
        /// How to take it.
        tone: Tone,
    },
}

/// Values over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinesPanel {
    /// Of the panel in its page.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// What it means and how it misleads.
    pub help: String,
    /// Of the points.
    pub unit: Unit,
    /// Gives the lines.
    pub promql: String,
    /// Whether the lines add up to something.
    pub stacked: bool,
    /// Unix times in seconds, of all lines.
    pub times: Vec<i64>,
    /// Greatest first.
    pub lines: Vec<NamedLine>,
    /// Lines beyond the greatest. Never silently cut.
    pub left_out: usize,
    /// Whether the last line is those left out, together; otherwise they are not drawn.
    pub summed: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedLine {
    /// As the label has it.
    pub name: String,
    /// Gives this line alone; empty where no query does, as for the sum of those left out.
    pub promql: String,
    /// One for each time.
    pub points: Vec<Option<f64>>,
}

/// Values over two labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeatPanel {
    /// Of the panel in its page.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// What it means and how it misleads.
    pub help: String,
    /// Of the values.
    pub unit: Unit,
    /// Gives the values.
    pub promql: String,
    /// Gives a cell; `$row` and `$column` stand for the names of its row and column.
    pub cell_promql: String,
    /// What rows are.
    pub row_title: String,
    /// What columns are.
    pub column_title: String,
    /// Names of rows.
    pub rows: Vec<String>,
    /// Names of columns.
    pub columns: Vec<String>,
    /// By row, then by column.
    pub values: Vec<Vec<Option<f64>>>,
    /// Cells with a mark: what brokers of Kafka 4 refuse.
    pub marked: Vec<Vec<bool>>,
}

/// A distribution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BarsPanel {
    /// Of the panel in its page.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// What it means and how it misleads.
    pub help: String,
    /// Of the bars' bounds.
    pub unit: Unit,
    /// Gives the counts.
    pub promql: String,
    /// In ascending order.
    pub bars: Vec<Bar>,
    /// Quantiles, where there are any.
    pub marks: Vec<Mark>,
}

/// How many lie between the bar's bound and the one before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// The bound, in words.
    pub label: String,
    /// The bound; `None` is without end.
    pub up_to: Option<f64>,
    /// Of this bar alone.
    pub count: f64,
    /// Gives the count.
    pub promql: String,
}

/// A quantile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// `p50` or `p99`.
    pub name: &'static str,
    /// In the panel's unit.
    pub value: f64,
    /// Gives it.
    pub promql: String,
}

/// Who writes to what, and who reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MapPanel {
    /// Of the panel in its page.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// What it means and how it misleads.
    pub help: String,
    /// Clients that produce.
    pub writers: Vec<MapNode>,
    /// Topics.
    pub topics: Vec<MapNode>,
    /// Clients that fetch, and groups that commit.
    pub readers: Vec<MapNode>,
    /// Between the ids of nodes.
    pub edges: Vec<MapEdge>,
    /// What the nodes called "rest" stand for.
    pub left_out: MapRest,
}

/// A client, a topic, a group, or the rest of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MapNode {
    /// `client:x`, `topic:y`, `group:z`, `rest:topics`; a client that writes and reads has one id for both sides.
    pub id: String,
    /// As the label has it.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// The same, and of the rest what it stands for.
    pub of: NodeOf,
    /// Through it; of a topic, written and read. Not known of groups: a Fetch names none.
    pub bytes_per_second: Option<f64>,
    /// The same in records.
    pub records_per_second: Option<f64>,
    /// Error codes by requests, where both are known.
    pub error_share: Option<f64>,
    /// How far behind, of groups and topics.
    pub lag_records: Option<f64>,
    /// How many this node stands for.
    pub count: usize,
    /// Gives the bytes; empty where they are not on the wire, and for the rest.
    pub promql: String,
    /// Gives the lag.
    pub lag_promql: Option<String>,
    /// Gives the share of errors; nothing where there are none.
    pub error_promql: Option<String>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A client id.
    Client,
    /// A topic.
    Topic,
    /// A group.
    Group,
    /// Those beyond the limit, together.
    Rest,
}

/// What a node is, or what the rest of them are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeOf {
    /// A client id.
    Client,
    /// A topic.
    Topic,
    /// A group.
    Group,
}

/// From a writer to a topic, or from a topic to a reader.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MapEdge {
    /// The id of a node.
    pub from: String,
    /// The id of a node.
    pub to: String,
    /// Not known to groups: a Fetch names none.
    pub bytes_per_second: Option<f64>,
    /// The same in records.
    pub records_per_second: Option<f64>,
    /// How far a group is behind on the topic.
    pub lag_records: Option<f64>,
    /// Gives the bytes, or the lag of a group; empty where an end is the rest, whose sum no query gives.
    pub promql: String,
}

/// How much the nodes called "rest" stand for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MapRest {
    /// Clients that write.
    pub writers: usize,
    /// Topics.
    pub topics: usize,
    /// Clients that read, and groups.
    pub readers: usize,
    /// Of all edges that touch them.
    pub bytes_per_second: f64,
}

/// An entry of the navigation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageEntry {
    /// As in the URL.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// In one sentence.
    pub help: &'static str,
}
