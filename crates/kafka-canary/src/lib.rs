//! kafka-canary: a probe that writes to and reads from its own topic through every broker of a cluster, without end, and
//! tells Prometheus and Kubernetes whether users of the cluster would be served.
//!
//! The design is Strimzi's proposal 013; `docs/canary.md` says what is kept of strimzi-canary and what is mended. The
//! invariant of the whole: no broker's failure delays the probe of another, and no failure stops the metrics.
//!
//! | module | knows |
//! |---|---|
//! | [`settings`] | what may be configured, and where each value came from |
//! | [`wire`] | one connection to one broker: TLS, SASL, a request and its response |
//! | [`cluster`] | the admin calls that the canary needs, as functions of plain types |
//! | [`plan`] | the topic as it should be: pure functions of brokers and topic |
//! | [`reconcile`] | the loop that makes it so, and publishes the [`targets`] |
//! | [`payload`] | what a record says |
//! | [`ledger`] | what became of each record: pure, one for each partition |
//! | [`probe`] | producing and consuming |
//! | [`coordinators`], [`connections`] | commits to each group coordinator, connections to each broker |
//! | [`health`] | readiness, liveness, `/status` |
//! | [`metrics`] | every metric, both families |
//! | [`http`] | the four endpoints |
//! | [`traces`] | a trace for each record, when asked for |
//! | [`logs`], [`dynamic`] | logs, and the file that changes their level |
//! | [`check`] | one round and a table, for scripts |
//! | [`context`] | what every loop may use |
//! | [`run`] | the parts, wired and stopped |

pub mod check;
pub mod cluster;
pub mod connections;
pub mod context;
pub mod coordinators;
pub mod dynamic;
pub mod health;
pub mod http;
pub mod ledger;
pub mod logs;
pub mod metrics;
pub mod payload;
pub mod plan;
pub mod probe;
pub mod reconcile;
pub mod run;
pub mod settings;
pub mod targets;
pub mod traces;
pub mod wire;
mod workers;
