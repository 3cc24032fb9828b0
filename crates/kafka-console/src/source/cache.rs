//! Answers of one moment, so that what several viewers ask is asked once. A failure is an answer too: a Prometheus that
//! does not answer is not asked again for each viewer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::SourceError;

/// Answers by their question.
#[derive(Debug)]
pub(crate) struct Cache<T>(Mutex<Moment<T>>);

/// An answer that may be on its way.
type Cell<T> = Arc<OnceCell<Result<Arc<T>, SourceError>>>;

#[derive(Debug)]
struct Moment<T> {
    at_ms: i64,
    answers: HashMap<String, Cell<T>>,
}

/// Questions of one moment: the pages of all viewers have far fewer.
const ANSWERS_MAX: usize = 4096;

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Mutex::new(Moment { at_ms: i64::MIN, answers: HashMap::new() }))
    }
}

impl<T> Cache<T> {
    /// The answer to a question at a moment, made by `make` for the first who asks.
    pub(crate) async fn get(
        &self,
        at_ms: i64,
        question: String,
        make: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<Arc<T>, SourceError> {
        match self.cell(at_ms, question) {
            Some(cell) => cell.get_or_init(|| async { make.await.map(Arc::new) }).await.clone(),
            None => make.await.map(Arc::new),
        }
    }

    fn cell(&self, at_ms: i64, question: String) -> Option<Cell<T>> {
        let mut moment = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if at_ms > moment.at_ms {
            moment.at_ms = at_ms;
            moment.answers.clear();
        }
        // A viewer that is late, or one too many, is answered for itself.
        let known = moment.answers.contains_key(&question);
        if at_ms < moment.at_ms || (!known && moment.answers.len() >= ANSWERS_MAX) {
            return None;
        }
        Some(Arc::clone(moment.answers.entry(question).or_default()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_question_is_asked_once_in_a_moment() {
        let cache = Cache::default();
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
        let cache = Cache::<u32>::default();
        let error = SourceError { message: "gone".to_owned(), remedy: "wait".to_owned() };
        let failed = cache.get(1, "a".to_owned(), async { Err(error.clone()) }).await;
        assert_eq!(failed, Err(error.clone()));
        assert_eq!(cache.get(1, "a".to_owned(), async { Ok(1) }).await, Err(error));
        assert_eq!(cache.get(2, "a".to_owned(), async { Ok(1) }).await, Ok(Arc::new(1)));
    }
}
