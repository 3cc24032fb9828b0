//! Which APIs are told apart by their key, and which fields of each are looked at.
//!
//! What a configuration turns off is not read: a message of which nothing is wanted is skipped
//! unseen, and an array without a wanted field is passed over as a whole.

use kafka_wire::header::API_VERSIONS;
use kafka_wire::schema::{self, Message, Role, RoleSet};

use crate::metrics::groups::{MetricGroup, MetricGroups};

pub(super) const PRODUCE: i16 = 0;
pub(super) const FETCH: i16 = 1;
const METADATA: i16 = 3;
const OFFSET_COMMIT: i16 = 8;
pub(super) const OFFSET_FETCH: i16 = 9;
pub(super) const JOIN_GROUP: i16 = 11;
const HEARTBEAT: i16 = 12;
const SYNC_GROUP: i16 = 14;
const LIST_GROUPS: i16 = 16;
pub(super) const SASL_HANDSHAKE: i16 = 17;
const CREATE_TOPICS: i16 = 19;
const TXN_OFFSET_COMMIT: i16 = 28;
const CONSUMER_GROUP_HEARTBEAT: i16 = 68;
pub(super) const PUSH_TELEMETRY: i16 = 72;
const DESCRIBE_TOPIC_PARTITIONS: i16 = 75;
const SHARE_GROUP_HEARTBEAT: i16 = 76;
pub(super) const SHARE_FETCH: i16 = 78;
const STREAMS_GROUP_HEARTBEAT: i16 = 88;

/// Whether a broker's answer to it tells which topics there are.
pub(super) fn tells_topics(api_key: i16) -> bool {
    matches!(api_key, METADATA | CREATE_TOPICS | DESCRIBE_TOPIC_PARTITIONS)
}

/// Whether records move by it.
pub(super) fn moves_records(api_key: i16) -> bool {
    matches!(api_key, PRODUCE | FETCH | SHARE_FETCH)
}

/// Whether it is a heartbeat of a protocol whose members have epochs (KIP-848, 932, 1071).
pub(super) fn has_member_epoch(api_key: i16) -> bool {
    matches!(api_key, CONSUMER_GROUP_HEARTBEAT | SHARE_GROUP_HEARTBEAT | STREAMS_GROUP_HEARTBEAT)
}

/// Whether its answer without error shows that a member of the group is alive.
pub(super) fn shows_life(api_key: i16) -> bool {
    matches!(api_key, JOIN_GROUP | HEARTBEAT | SYNC_GROUP | CONSUMER_GROUP_HEARTBEAT)
}

/// Whether it commits offsets of a group.
pub(super) fn commits_offsets(api_key: i16) -> bool {
    matches!(api_key, OFFSET_COMMIT | TXN_OFFSET_COMMIT)
}

/// What a configuration wants of each API's messages.
pub(crate) struct Wanted {
    /// Of requests and of responses, by API key.
    of_apis: Vec<(RoleSet, RoleSet)>,
}

impl Wanted {
    /// With these groups of metrics on.
    pub(crate) fn new(metrics: MetricGroups, access_log: bool) -> Self {
        let mut of_apis = Vec::new();
        for api in schema::apis() {
            let key = usize::try_from(api.key).unwrap_or(0);
            if of_apis.len() <= key {
                of_apis.resize(key.saturating_add(1), (RoleSet::EMPTY, RoleSet::EMPTY));
            }
            if let Some(of_api) = of_apis.get_mut(key) {
                let request = of_request(&api.request, metrics, access_log);
                *of_api = (request, of_response(api.key, metrics));
            }
        }
        Self { of_apis }
    }

    pub(super) fn of_request(&self, api_key: i16) -> RoleSet {
        self.of_api(api_key).0
    }

    /// Not of a response to a broker that replicates: of that one [`RESPONSE`] is wanted.
    pub(super) fn of_response(&self, api_key: i16) -> RoleSet {
        self.of_api(api_key).1
    }

    fn of_api(&self, api_key: i16) -> (RoleSet, RoleSet) {
        let index = usize::try_from(api_key).unwrap_or(usize::MAX);
        self.of_apis.get(index).copied().unwrap_or_default()
    }
}

/// What is wanted of a request; many are counted by their header alone.
fn of_request(request: &Message, metrics: MetricGroups, access_log: bool) -> RoleSet {
    let on = |group| metrics.contains(group);
    let groups = on(MetricGroup::Groups) || on(MetricGroup::Lag);
    match request.api_key {
        PRODUCE if on(MetricGroup::Topics) || on(MetricGroup::Clients) || access_log => {
            PRODUCE_REQUEST
        }
        PRODUCE => RoleSet::of(&[Role::Acks]),
        FETCH if on(MetricGroup::Lag) => FETCH_REQUEST,
        FETCH => REPLICA,
        API_VERSIONS if on(MetricGroup::Software) || access_log => SOFTWARE,
        PUSH_TELEMETRY if on(MetricGroup::Software) => RoleSet::of(&[Role::CompressionType]),
        key if commits_offsets(key) && on(MetricGroup::Lag) => GROUP.union(COMMITTED),
        _ if groups && request.roles.contains(Role::GroupId) => GROUP,
        _ => RoleSet::EMPTY,
    }
}

/// What is wanted of the response to a request with this key.
fn of_response(api_key: i16, metrics: MetricGroups) -> RoleSet {
    let on = |group| metrics.contains(group);
    let lag = on(MetricGroup::Lag);
    let groups = on(MetricGroup::Groups) || lag;
    let records = lag
        || on(MetricGroup::Topics)
        || on(MetricGroup::Clients)
        || on(MetricGroup::EndToEndLatency);
    match api_key {
        FETCH if lag => RESPONSE.union(FETCHED).union(RECORDS),
        FETCH | SHARE_FETCH if records => RESPONSE.union(RECORDS),
        JOIN_GROUP if groups => RESPONSE.union(JOINED),
        key if has_member_epoch(key) && groups => RESPONSE.union(EPOCH),
        OFFSET_FETCH if lag => RESPONSE.union(GROUPS).union(COMMITTED),
        // That a topic is real shows in its offset, whatever is counted.
        OFFSET_FETCH if groups => RESPONSE.union(GROUPS).union(OFFSET),
        OFFSET_FETCH => RESPONSE.union(OFFSET),
        key if commits_offsets(key) && lag => RESPONSE.union(COMMITTED),
        // Nothing is counted for groups that are only listed, so they take no label values.
        LIST_GROUPS => RESPONSE,
        _ if groups => RESPONSE.union(GROUPS),
        _ => RESPONSE,
    }
}

const PRODUCE_REQUEST: RoleSet =
    RoleSet::of(&[Role::Acks, Role::Topics, Role::TopicName, Role::TopicId, Role::Records]);
pub(super) const REPLICA: RoleSet = RoleSet::of(&[Role::ReplicaId]);
const FETCH_REQUEST: RoleSet = RoleSet::of(&[
    Role::ReplicaId,
    Role::Topics,
    Role::TopicName,
    Role::TopicId,
    Role::PartitionIndex,
    Role::FetchOffset,
]);
const SOFTWARE: RoleSet = RoleSet::of(&[Role::SoftwareName, Role::SoftwareVersion]);
const GROUP: RoleSet = RoleSet::of(&[Role::GroupId, Role::Generation]);
const OFFSET: RoleSet = RoleSet::of(&[Role::CommittedOffset]);
const COMMITTED: RoleSet = RoleSet::of(&[
    Role::Topics,
    Role::TopicName,
    Role::TopicId,
    Role::PartitionIndex,
    Role::CommittedOffset,
]);
/// Of every response.
pub(super) const RESPONSE: RoleSet = RoleSet::of(&[
    Role::ErrorCode,
    Role::ThrottleTimeMs,
    Role::Topics,
    Role::TopicName,
    Role::TopicId,
]);
const RECORDS: RoleSet = RoleSet::of(&[Role::Records]);
const FETCHED: RoleSet = RoleSet::of(&[Role::PartitionIndex, Role::HighWatermark]);
const JOINED: RoleSet = RoleSet::of(&[Role::Generation, Role::Leader, Role::MemberId]);
const EPOCH: RoleSet = RoleSet::of(&[Role::Generation]);
const GROUPS: RoleSet = RoleSet::of(&[Role::Groups, Role::GroupId]);
