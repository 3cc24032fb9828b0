//! The table behind [`super::Keys`]: states of keys and the three bounds.
//!
//! A key is held by a request, or logged (its records are in the write-ahead log and someone waits for them), or
//! answered. Held and logged keys are not forgotten; answered ones are, by age, by number and by their outcomes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_gateway_api::{Outcome, Refusal};

use crate::metrics::KeysState;
use crate::settings::IdempotencySettings;

/// SHA-256 of client and key: of one size however long they are, and not to be made to collide.
pub(super) type Id = [u8; 32];

/// A body's fingerprint and its number of records.
type Body = (u64, usize);

/// What is forgotten, to be freed after the lock: make it before, so that it is dropped after.
pub(super) type Garbage = Vec<Known>;

pub(super) struct Table {
    settings: IdempotencySettings,
    outcomes_max: usize,
    keys: HashMap<Id, Known>,
    /// Answers by age, the oldest first. Some are stale: of keys that got a later answer, or are gone.
    aging: VecDeque<Aging>,
    /// Of the latest answer.
    generation: u64,
    /// All that are remembered.
    outcomes: usize,
    /// Keys that are neither held nor logged.
    answered: usize,
    counts: KeysState,
}

pub(super) enum Claimed {
    New,
    Again(Arc<[Outcome]>),
    InProgress,
    Reused,
    Answered(Arc<[Outcome]>),
    Full,
}

pub(super) struct Known {
    body: Body,
    state: State,
    /// The latest, if there was one.
    answer: Option<Arc<[Outcome]>>,
}

enum State {
    Held(Hold),
    Logged,
    Answered { generation: u64, forget_at: Instant },
}

struct Hold {
    /// What the write-ahead log's reader said meanwhile: it may overtake the request that put its records there.
    settled: Vec<(u32, Outcome)>,
    /// Whether that was about this request's records, and not only about those of an earlier one.
    finished: bool,
    /// When the answer would be forgotten if the request gave up.
    forget_at: Instant,
}

struct Aging {
    id: Id,
    generation: u64,
    forget_at: Instant,
}

/// So many answers that are past their window go with one call; each call adds at most one.
const FORGET_MAX: usize = 4;
/// Outcomes that are remembered for each key, on average.
const OUTCOMES_PER_KEY: usize = 8;
/// With fewer stale entries it is not worth clearing them away.
const STALE_MIN: usize = 64;
/// Stands for a record that was refused, or not decided: whoever repeats the request tries it again, and gets another.
const OPEN: Outcome = Outcome::Refused(Refusal::InProgress);

impl Table {
    pub(super) fn new(settings: IdempotencySettings) -> Self {
        Self {
            settings,
            outcomes_max: settings.keys_max.saturating_mul(OUTCOMES_PER_KEY),
            keys: HashMap::new(),
            aging: VecDeque::new(),
            generation: 0,
            outcomes: 0,
            answered: 0,
            counts: KeysState::default(),
        }
    }

    pub(super) fn window(&self) -> Duration {
        self.settings.window
    }

    #[cfg(test)]
    pub(super) fn aging_len(&self) -> usize {
        self.aging.len()
    }

    pub(super) fn state(&self) -> KeysState {
        KeysState {
            keys: self.keys.len(),
            in_progress: self.keys.len() - self.answered,
            outcomes: self.outcomes,
            ..self.counts
        }
    }

    pub(super) fn claim(
        &mut self,
        id: Id,
        body: Body,
        now: Instant,
        garbage: &mut Garbage,
    ) -> Claimed {
        self.forget_past(now, garbage);
        let claimed = self.claim_one(id, body, now, garbage);
        let counts = &mut self.counts;
        *match &claimed {
            Claimed::New => &mut counts.claims_new,
            Claimed::Again(_) => &mut counts.claims_again,
            Claimed::InProgress => &mut counts.claims_in_progress,
            Claimed::Reused => &mut counts.claims_reused,
            Claimed::Answered(_) => &mut counts.claims_answered,
            Claimed::Full => &mut counts.claims_full,
        } += 1;
        claimed
    }

    fn claim_one(&mut self, id: Id, body: Body, now: Instant, garbage: &mut Garbage) -> Claimed {
        let held =
            |forget_at| State::Held(Hold { settled: Vec::new(), finished: false, forget_at });
        if let Some(known) = self.keys.get_mut(&id) {
            match (&known.state, &known.answer) {
                // Its turn in the queue has not come yet.
                (State::Answered { forget_at, .. }, _) if *forget_at <= now => {
                    self.remove(&id, garbage);
                }
                _ if known.body != body => return Claimed::Reused,
                (State::Answered { forget_at, .. }, Some(answer)) => {
                    let answer = answer.clone();
                    if answer.iter().all(Outcome::is_success) {
                        return Claimed::Answered(answer);
                    }
                    known.state = held(*forget_at);
                    self.answered -= 1;
                    return Claimed::Again(answer);
                }
                _ => return Claimed::InProgress,
            }
        }
        if !self.make_room(garbage) {
            return Claimed::Full;
        }
        let state = held(now + self.settings.window);
        self.keys.insert(id, Known { body, state, answer: None });
        Claimed::New
    }

    /// The answer of a request that held the key.
    pub(super) fn answer(
        &mut self,
        id: &Id,
        outcomes: Arc<[Outcome]>,
        now: Instant,
        garbage: &mut Garbage,
    ) {
        if let Some(hold) = self.unhold(id) {
            let answer = merged(outcomes, &hold.settled);
            self.store(id, answer, now + self.settings.window, garbage);
        }
    }

    /// The request's records are in the log, and are not decided yet or were meanwhile.
    pub(super) fn logged(&mut self, id: &Id, now: Instant, garbage: &mut Garbage) {
        let Some(hold) = self.unhold(id) else { return };
        if hold.finished {
            let answer = merged(self.before(id), &hold.settled);
            self.store(id, answer, now + self.settings.window, garbage);
        } else if !hold.settled.is_empty() {
            self.replace(id, &hold.settled);
        }
    }

    /// The request gave up: all is as before, but for what was settled meanwhile.
    pub(super) fn release(&mut self, id: &Id, garbage: &mut Garbage) {
        let Some(hold) = self.unhold(id) else { return };
        let answer = merged(self.before(id), &hold.settled);
        self.store(id, answer, hold.forget_at, garbage);
    }

    pub(super) fn settle(
        &mut self,
        id: Id,
        body: Body,
        outcomes: &[(u32, Outcome)],
        now: Instant,
        garbage: &mut Garbage,
    ) {
        if !self.keys.contains_key(&id) {
            if !self.make_room(garbage) {
                return;
            }
            self.keys.insert(id, Known { body, state: State::Logged, answer: None });
        }
        let Some(known) = self.keys.get_mut(&id) else { return };
        // Otherwise forgotten and used again for something else.
        if known.body == body {
            let covers = covers_open(known.answer.as_deref(), outcomes);
            match &mut known.state {
                State::Held(hold) => {
                    hold.settled.extend_from_slice(outcomes);
                    hold.finished |= covers;
                }
                State::Logged if covers => {
                    let answer = merged(self.before(&id), outcomes);
                    self.store(&id, answer, now + self.settings.window, garbage);
                }
                State::Logged | State::Answered { .. } => self.replace(&id, outcomes),
            }
        }
    }

    pub(super) fn restore_answer(
        &mut self,
        id: Id,
        body: Body,
        answer: Arc<[Outcome]>,
        forget_at: Instant,
        garbage: &mut Garbage,
    ) {
        // An earlier one may be of other records of the same request: of each record the latest success counts.
        let before = self.keys.get(&id).filter(|known| known.body == body);
        let before = before.and_then(|known| known.answer.clone());
        let answer = before.map_or_else(|| answer.clone(), |before| successes(&before, &answer));
        self.remove(&id, garbage);
        if self.make_room(garbage) {
            self.keys.insert(id, Known { body, state: State::Logged, answer: None });
            self.store(&id, answer, forget_at, garbage);
        }
    }

    pub(super) fn restore_logged(&mut self, id: Id, body: Body, garbage: &mut Garbage) {
        if let Some(known) = self.keys.get_mut(&id) {
            if let State::Answered { .. } = known.state {
                known.state = State::Logged;
                self.answered -= 1;
            }
        } else if self.make_room(garbage) {
            self.keys.insert(id, Known { body, state: State::Logged, answer: None });
        }
    }

    /// Ends the hold on a key, which is logged then.
    fn unhold(&mut self, id: &Id) -> Option<Hold> {
        let known = self.keys.get_mut(id)?;
        match std::mem::replace(&mut known.state, State::Logged) {
            State::Held(hold) => Some(hold),
            other => {
                known.state = other;
                None
            }
        }
    }

    /// The answer so far, of a key that is not answered.
    fn before(&self, id: &Id) -> Arc<[Outcome]> {
        let Some(known) = self.keys.get(id) else { return Arc::new([]) };
        match &known.answer {
            Some(answer) => answer.clone(),
            None => std::iter::repeat_n(OPEN, known.body.1).collect(),
        }
    }

    /// Puts outcomes into an answer without a change of state or age.
    fn replace(&mut self, id: &Id, outcomes: &[(u32, Outcome)]) {
        let answer = compact(merged(self.before(id), outcomes));
        if let Some(known) = self.keys.get_mut(id) {
            self.outcomes += answer.len();
            self.outcomes -= known.answer.replace(answer).map_or(0, |before| before.len());
        }
    }

    /// Makes a key answered that is not. Without any success it is forgotten: there is nothing to protect.
    fn store(
        &mut self,
        id: &Id,
        answer: Arc<[Outcome]>,
        forget_at: Instant,
        garbage: &mut Garbage,
    ) {
        if !answer.iter().any(Outcome::is_success) {
            self.remove(id, garbage);
            return;
        }
        let answer = compact(answer);
        let Some(known) = self.keys.get_mut(id) else { return };
        self.generation += 1;
        self.answered += 1;
        let generation = self.generation;
        self.outcomes += answer.len();
        self.outcomes -= known.answer.replace(answer).map_or(0, |before| before.len());
        known.state = State::Answered { generation, forget_at };
        if self.aging.len() > 2 * self.answered + STALE_MIN {
            let keys = &self.keys;
            self.aging.retain(|aging| is_current(keys, aging));
        }
        self.aging.push_back(Aging { id: *id, generation, forget_at });
        // One answer alone may have more: it is no use to forget what was just stored.
        while self.outcomes > self.outcomes_max && self.answered > 1 {
            self.forget_oldest(garbage);
        }
    }

    /// Whether there is room for one more key, after the oldest answer went for it.
    fn make_room(&mut self, garbage: &mut Garbage) -> bool {
        self.keys.len() < self.settings.keys_max || self.forget_oldest(garbage)
    }

    /// Forgets the oldest answer before its time, if there is any.
    fn forget_oldest(&mut self, garbage: &mut Garbage) -> bool {
        while let Some(aging) = self.aging.pop_front() {
            if is_current(&self.keys, &aging) {
                self.remove(&aging.id, garbage);
                self.counts.forgotten_early += 1;
                return true;
            }
        }
        false
    }

    fn forget_past(&mut self, now: Instant, garbage: &mut Garbage) {
        for _ in 0..FORGET_MAX {
            match self.aging.front() {
                Some(aging) if aging.forget_at <= now || !is_current(&self.keys, aging) => {}
                _ => return,
            }
            if let Some(aging) = self.aging.pop_front()
                && is_current(&self.keys, &aging)
            {
                self.remove(&aging.id, garbage);
            }
        }
    }

    fn remove(&mut self, id: &Id, garbage: &mut Garbage) {
        if let Some(known) = self.keys.remove(id) {
            self.outcomes -= known.answer.as_ref().map_or(0, |answer| answer.len());
            if let State::Answered { .. } = known.state {
                self.answered -= 1;
            }
            garbage.push(known);
        }
    }
}

fn is_current(keys: &HashMap<Id, Known>, aging: &Aging) -> bool {
    keys.get(&aging.id).is_some_and(|known| {
        matches!(known.state, State::Answered { generation, .. } if generation == aging.generation)
    })
}

/// Whether something is decided that was not: an earlier request's records are successes in the answer already.
fn covers_open(answer: Option<&[Outcome]>, outcomes: &[(u32, Outcome)]) -> bool {
    outcomes.iter().any(|(index, _)| {
        let before = answer.and_then(|answer| answer.get(*index as usize));
        !before.is_some_and(Outcome::is_success)
    })
}

/// The answer with these outcomes in their places.
fn merged(answer: Arc<[Outcome]>, outcomes: &[(u32, Outcome)]) -> Arc<[Outcome]> {
    if outcomes.is_empty() {
        return answer;
    }
    let mut merged = answer.to_vec();
    for (index, outcome) in outcomes {
        if let Some(place) = merged.get_mut(*index as usize) {
            place.clone_from(outcome);
        }
    }
    merged.into()
}

/// What the later answer says, and what only the earlier one knows.
fn successes(earlier: &[Outcome], later: &[Outcome]) -> Arc<[Outcome]> {
    let of = |(earlier, later): (&Outcome, &Outcome)| {
        if later.is_success() { later.clone() } else { earlier.clone() }
    };
    earlier.iter().zip(later).map(of).collect()
}

/// Refusals are tried again and never told twice: their texts need not be kept.
fn compact(answer: Arc<[Outcome]>) -> Arc<[Outcome]> {
    if answer.iter().all(Outcome::is_success) {
        return answer;
    }
    let short = |outcome: &Outcome| if outcome.is_success() { outcome.clone() } else { OPEN };
    answer.iter().map(short).collect()
}
