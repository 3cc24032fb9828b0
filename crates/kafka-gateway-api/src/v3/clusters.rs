//! The one cluster behind the gateway, as Confluent REST v3 shows clusters: its clients begin there to learn its id.
//!
//! Every member is there that clients made from Confluent's description insist on. Where `related` points to is not
//! served, but for the records below `topics`.

use serde::Serialize;

use crate::Response;
use crate::response::{self, JSON};

/// `GET /v3/clusters`. `base` is what comes before the path: `https://gateway.example:4242`.
#[must_use]
pub fn list(base: &str, cluster: &str) -> Response {
    respond(&List {
        kind: "KafkaClusterList",
        metadata: ListMetadata { itself: format!("{base}{PATH}"), next: None },
        data: [Cluster::new(base, cluster)],
    })
}

/// `GET /v3/clusters/{cluster}`.
#[must_use]
pub fn one(base: &str, cluster: &str) -> Response {
    respond(&Cluster::new(base, cluster))
}

fn respond(body: &impl Serialize) -> Response {
    Response { status: 200, content_type: JSON, body: response::json(body), retry_after: None }
}

#[derive(Serialize)]
struct List<'a> {
    kind: &'static str,
    metadata: ListMetadata,
    data: [Cluster<'a>; 1],
}

#[derive(Serialize)]
struct ListMetadata {
    #[serde(rename = "self")]
    itself: String,
    /// There is no second page.
    next: Option<String>,
}

#[derive(Serialize)]
struct Cluster<'a> {
    kind: &'static str,
    metadata: Metadata,
    cluster_id: &'a str,
    acls: Related,
    brokers: Related,
    broker_configs: Related,
    consumer_groups: Related,
    topics: Related,
    partition_reassignments: Related,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(rename = "self")]
    itself: String,
    resource_name: String,
}

#[derive(Serialize)]
struct Related {
    related: String,
}

impl<'a> Cluster<'a> {
    fn new(base: &str, cluster: &'a str) -> Self {
        let itself = format!("{base}{PATH}/{cluster}");
        let related = |path: &str| Related { related: format!("{itself}/{path}") };
        Self {
            kind: "KafkaCluster",
            acls: related("acls"),
            brokers: related("brokers"),
            broker_configs: related("broker-configs"),
            consumer_groups: related("consumer-groups"),
            topics: related("topics"),
            partition_reassignments: related("topics/-/partitions/-/reassignment"),
            metadata: Metadata { itself, resource_name: format!("crn:///kafka={cluster}") },
            cluster_id: cluster,
        }
    }
}

const PATH: &str = "/v3/clusters";
