//! What is probed: the reconcile loop publishes it, every probe follows it.

/// A broker as Metadata names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broker {
    /// `node.id`.
    pub id: i32,
    /// Host of the listener that the canary uses.
    pub host: String,
    /// Port of it.
    pub port: u16,
    /// `broker.rack`, if it has one.
    pub rack: Option<String>,
}

impl Broker {
    /// `host:port`, as `bootstrap.servers` has it; IPv6 addresses in brackets.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// A partition that is produced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its number.
    pub partition: i32,
    /// The broker that leads it, or led it last.
    pub leader: i32,
}

/// All that is probed at a time. Brokers and partitions that are away for less than the settling time stay in it: a
/// probe that should have happened is a failed one, never a missing one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// Brokers, by id.
    pub brokers: Vec<Broker>,
    /// Partitions that are produced to, by number.
    pub partitions: Vec<Target>,
    /// All partitions of the topic, those that are not produced to as well: all of them are read.
    pub topic_partitions: i32,
}

impl Targets {
    /// The broker with this id.
    #[must_use]
    pub fn broker(&self, id: i32) -> Option<&Broker> {
        self.brokers.iter().find(|broker| broker.id == id)
    }

    /// The leader of a partition that is produced to.
    #[must_use]
    pub fn leader(&self, partition: i32) -> Option<i32> {
        self.partitions
            .iter()
            .find(|target| target.partition == partition)
            .map(|target| target.leader)
    }
}
