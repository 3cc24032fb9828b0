//! Which names belong to which topic ids, as brokers told it on any connection of any worker.
//!
//! Produce and Fetch from version 13 on name topics by id alone (KIP-516), and clients ask for
//! metadata on other connections than they fetch on. So the map lives in memory that the workers
//! share: sets of a few entries, each under a key of its own, in which the newest entry drives out
//! the oldest. Names known to be real are kept the same way, under a hash of the name.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

use crate::host::{Expect, Host};
use crate::metrics::series::Topic;

/// Topic ids and names of one plugin configuration.
pub(crate) struct TopicDirectory {
    prefix: Vec<u8>,
    sets: u64,
    /// Ids in use on this worker.
    resolved: HashMap<TopicId, Topic, BuildHasherDefault<DefaultHasher>>,
    resolved_max: usize,
    /// Hashes of what this worker has stored or seen stored already.
    learnt: Vec<u64>,
    key: Vec<u8>,
}

/// A topic's id.
pub(crate) type TopicId = [u8; 16];

/// The id that means none.
pub(crate) const NO_ID: TopicId = [0; 16];

impl TopicDirectory {
    /// An empty directory for about `ids_max` topics. `namespace` separates plugin configurations.
    #[must_use]
    pub(crate) fn new(namespace: &str, ids_max: u32) -> Self {
        let mut prefix = Vec::from(namespace.as_bytes());
        prefix.extend_from_slice(b"\0topics\0");
        Self {
            prefix,
            sets: u64::from(ids_max).saturating_mul(2).div_ceil(SET_ENTRIES_MAX.into()).max(1),
            resolved: HashMap::default(),
            resolved_max: usize::try_from(ids_max).unwrap_or(usize::MAX),
            learnt: Vec::new(),
            key: Vec::new(),
        }
    }

    /// The label value of an id that was resolved on this worker before.
    #[must_use]
    pub(crate) fn resolved(&self, id: &TopicId) -> Option<Topic> {
        self.resolved.get(id).copied()
    }

    /// Remembers the label value of an id on this worker.
    pub(crate) fn resolve(&mut self, id: TopicId, topic: Topic) {
        if self.resolved.len() >= self.resolved_max {
            self.resolved.clear();
        }
        self.resolved.insert(id, topic);
    }

    /// The name that a broker gave this id.
    pub(crate) fn name<H: Host>(&mut self, host: &mut H, id: &TopicId) -> Option<Vec<u8>> {
        let name = self.look_up(host, id);
        if name.is_none() {
            self.forget(id);
        }
        name
    }

    /// Whether a broker has named this topic.
    pub(crate) fn is_known<H: Host>(&mut self, host: &mut H, name: &[u8]) -> bool {
        let id = name_id(name);
        let is_known = self.look_up(host, &id).is_some();
        if !is_known {
            self.forget(&id);
        }
        is_known
    }

    /// A broker named a topic without error, with its id if it has one ([`NO_ID`] if not).
    pub(crate) fn learn<H: Host>(&mut self, host: &mut H, id: &TopicId, name: &[u8]) {
        if name.is_empty() || name.len() > usize::from(u8::MAX) {
            return;
        }
        if *id != NO_ID && self.is_news(id, name) {
            self.store(host, id, name);
            // The id may have stood for another name on this worker.
            self.resolved.remove(id);
        }
        let name_id = name_id(name);
        if self.is_news(&name_id, &[]) {
            self.store(host, &name_id, &[]);
        }
    }

    /// Whether this worker does not know the entry for stored; from now on it does.
    fn is_news(&mut self, id: &TopicId, name: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write(id);
        hasher.write(name);
        let hash = hasher.finish();
        if self.learnt.is_empty() {
            self.learnt = vec![0; LEARNT_MAX];
        }
        match self.learnt.get_mut(learnt_place(id)) {
            Some(slot) => std::mem::replace(slot, hash) != hash,
            None => true,
        }
    }

    /// The entry is not there, or not any more: newer ones drove it out. A broker that names it
    /// again brings it back.
    fn forget(&mut self, id: &TopicId) {
        if let Some(slot) = self.learnt.get_mut(learnt_place(id)) {
            *slot = 0;
        }
    }

    /// The name of an entry, which is empty for one that stands for a name.
    fn look_up<H: Host>(&mut self, host: &mut H, id: &TopicId) -> Option<Vec<u8>> {
        self.set_key(id);
        let (set, _) = host.shared(&self.key)?;
        entries(&set).find(|(entry, _)| entry == id).map(|(_, name)| name.to_vec())
    }

    /// Puts an entry at the end of its set, in the place of the oldest if the set is full.
    fn store<H: Host>(&mut self, host: &mut H, id: &TopicId, name: &[u8]) {
        self.set_key(id);
        for _ in 0..STORE_TRIES_MAX {
            let (set, expect) = match host.shared(&self.key) {
                Some((set, version)) => (set, Expect::Version(version)),
                None => (Vec::new(), Expect::Absent),
            };
            if entries(&set).any(|entry| entry == (*id, name)) {
                return;
            }
            let others = entries(&set).filter(|(entry, _)| entry != id);
            let kept = others.clone().count();
            let full = usize::try_from(SET_ENTRIES_MAX).unwrap_or(0);
            let surplus = kept.saturating_add(1).saturating_sub(full);
            let mut changed =
                Vec::with_capacity(set.len().saturating_add(ENTRY_HEAD).saturating_add(name.len()));
            for (id, name) in others.skip(surplus).chain([(*id, name)]) {
                changed.extend_from_slice(&id);
                changed.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
                changed.extend_from_slice(name);
            }
            if host.share(&self.key, &changed, expect) {
                return;
            }
        }
    }

    fn set_key(&mut self, id: &TopicId) {
        let mut hasher = DefaultHasher::new();
        hasher.write(id);
        let set = hasher.finish().checked_rem(self.sets).unwrap_or(0);
        self.key.clear();
        self.key.extend_from_slice(&self.prefix);
        self.key.extend_from_slice(&set.to_be_bytes());
    }
}

/// The entries of a set: an id, the length of a name, the name.
fn entries(set: &[u8]) -> impl Iterator<Item = (TopicId, &[u8])> + Clone {
    let mut rest = set;
    std::iter::from_fn(move || {
        let (id, tail) = rest.split_first_chunk::<16>()?;
        let (length, tail) = tail.split_first()?;
        let (name, tail) = tail.split_at_checked(usize::from(*length))?;
        rest = tail;
        Some((*id, name))
    })
}

/// Stands for a name among the ids. No id is like it: the hash makes up half of it and the other
/// half is the same for all.
fn name_id(name: &[u8]) -> TopicId {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    let mut id = NO_ID;
    if let Some((front, _)) = id.split_first_chunk_mut::<8>() {
        *front = hasher.finish().to_be_bytes();
    }
    id
}

/// Where a worker remembers that it stored an entry.
fn learnt_place(id: &TopicId) -> usize {
    let mut hasher = DefaultHasher::new();
    hasher.write(id);
    // Masked while it is 64 bits wide: where usize has 32 a hash as such does not fit.
    usize::try_from(hasher.finish() & LEARNT_MASK).unwrap_or(0)
}

/// Bytes of an entry in front of the name.
const ENTRY_HEAD: usize = 17;
/// Entries of a set; a topic takes two entries, one for its id and one for its name.
const SET_ENTRIES_MAX: u32 = 8;
/// Entries of which a worker knows that they are stored; a power of two.
const LEARNT_MAX: usize = 32 * 1024;
const LEARNT_MASK: u64 = LEARNT_MAX as u64 - 1;
/// How often a worker tries to store an entry; the next answer of a broker tries again.
const STORE_TRIES_MAX: u32 = 4;

const _: () = assert!(LEARNT_MAX.is_power_of_two());

#[cfg(test)]
mod tests;
