//! Answers of one moment, so that what several viewers ask is asked once. A failure is an answer too: a Prometheus that
//! does not answer is not asked again for each viewer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::SourceError;

/// Answers by their question.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    /// How many numbers an answer has.
    size: fn(&T) -> usize,
    moment: Mutex<Moment<T>>,
}

/// An answer that may be on its way.
type Cell<T> = Arc<OnceCell<Result<Arc<T>, SourceError>>>;

#[derive(Debug)]
struct Moment<T> {
    at_ms: i64,
    answers: HashMap<String, Cell<T>>,
    numbers: usize,
}

/// Questions of one moment: the pages of all viewers have far fewer.
const ANSWERS_MAX: usize = 4096;

/// Numbers in the answers of one moment, 16 bytes and a share of their labels each; what is beyond is asked anew.
const NUMBERS_MAX: usize = 4_000_000;

/// How late a viewer can be: a page is given up after half of it.
const LATE_MS_MAX: i64 = 60_000;

impl<T> Cache<T> {
    pub(crate) fn new(size: fn(&T) -> usize) -> Self {
        let moment = Moment { at_ms: i64::MIN, answers: HashMap::new(), numbers: 0 };
        Self { size, moment: Mutex::new(moment) }
    }

    /// The answer to a question at a moment, made by `make` for the first who asks.
    pub(crate) async fn get(
        &self,
        at_ms: i64,
        question: String,
        make: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<Arc<T>, SourceError> {
        let Some(cell) = self.cell(at_ms, &question) else { return make.await.map(Arc::new) };
        let answer = cell.get_or_init(|| async {
            let answer = make.await.map(Arc::new);
            self.made(at_ms, &question, &answer);
            answer
        });
        answer.await.clone()
    }

    /// Keeps no answer that is one too many.
    fn made(&self, at_ms: i64, question: &str, answer: &Result<Arc<T>, SourceError>) {
        let numbers = answer.as_ref().map_or(0, |answer| (self.size)(answer));
        let mut moment = self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        if moment.at_ms != at_ms {
            return;
        }
        if moment.numbers.saturating_add(numbers) > NUMBERS_MAX {
            moment.answers.remove(question);
        } else {
            moment.numbers += numbers;
        }
    }

    fn cell(&self, at_ms: i64, question: &str) -> Option<Cell<T>> {
        let mut moment = self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back does not make everybody late.
        let is_set_back = moment.at_ms.saturating_sub(at_ms) > LATE_MS_MAX;
        if at_ms > moment.at_ms || is_set_back {
            moment.at_ms = at_ms;
            moment.answers.clear();
            moment.numbers = 0;
        }
        // A viewer that is late, or one too many, is answered for itself.
        let known = moment.answers.contains_key(question);
        if at_ms < moment.at_ms || (!known && moment.answers.len() >= ANSWERS_MAX) {
            return None;
        }
        Some(Arc::clone(moment.answers.entry(question.to_owned()).or_default()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_question_is_asked_once_in_a_moment() {
        let cache = Cache::new(|_| 1);
        let made = AtomicU32::new(0);
        let ask = |at_ms, question: &str| {
            cache.get(at_ms, question.to_owned(), async {
                tokio::task::yield_now().await;
                Ok(made.fetch_add(1, Ordering::Relaxed))
            })
        };
        let (first, second) = tokio::join!(ask(1, "a"), ask(1, "a"));
        assert_eq!((*first.unwrap(), *second.unwrap()), (0, 0));
        assert_eq!(*ask(1, "b").await.unwrap(), 1);
        assert_eq!(*ask(2, "a").await.unwrap(), 2, "a new moment");
        assert_eq!(*ask(1, "a").await.unwrap(), 3, "a late viewer gets its own");
        assert_eq!(*ask(2, "a").await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_failure_is_an_answer() {
        let cache = Cache::new(|_: &u32| 1);
        let error = SourceError { message: "gone".to_owned(), remedy: "wait".to_owned() };
        let failed = cache.get(1, "a".to_owned(), async { Err(error.clone()) }).await;
        assert_eq!(failed, Err(error.clone()));
        assert_eq!(cache.get(1, "a".to_owned(), async { Ok(1) }).await, Err(error));
        assert_eq!(cache.get(2, "a".to_owned(), async { Ok(1) }).await, Ok(Arc::new(1)));
    }

    #[tokio::test]
    async fn what_is_too_much_is_answered_and_not_kept() {
        let cache = Cache::new(|numbers: &usize| *numbers);
        let ask =
            |question: &str, numbers| cache.get(1, question.to_owned(), async move { Ok(numbers) });
        assert_eq!(*ask("a", NUMBERS_MAX - 1).await.unwrap(), NUMBERS_MAX - 1);
        assert_eq!(*ask("b", 2).await.unwrap(), 2);
        assert_eq!(*ask("b", 3).await.unwrap(), 3, "not kept");
        assert_eq!(*ask("c", 1).await.unwrap(), 1);
        assert_eq!(*ask("c", 2).await.unwrap(), 1, "kept");
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_begins_anew() {
        let cache = Cache::new(|_: &u32| 1);
        let ask = |at_ms, number| cache.get(at_ms, "a".to_owned(), async move { Ok(number) });
        assert_eq!(*ask(3_600_000, 1).await.unwrap(), 1);
        assert_eq!(*ask(0, 2).await.unwrap(), 2);
        assert_eq!(*ask(0, 3).await.unwrap(), 2, "kept");
    }
}
