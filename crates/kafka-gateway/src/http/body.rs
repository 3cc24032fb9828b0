//! Bodies of requests: read whole, into one buffer, within a limit for each and a limit for all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use kafka_gateway_api::Refusal;
use tokio::time::timeout;

/// How many bytes of bodies may be in memory at once.
pub(super) struct Budget {
    used: AtomicUsize,
    max: usize,
}

impl Budget {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), max })
    }

    /// Bytes that are taken.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A look ahead: whether so many more would fit now. It takes nothing, so that a client which announces much and
    /// sends nothing holds up nobody.
    fn fits(&self, bytes: usize) -> Result<(), Refusal> {
        match self.used.load(Ordering::Relaxed).checked_add(bytes) {
            Some(sum) if sum <= self.max => Ok(()),
            _ => Err(full()),
        }
    }
}

fn full() -> Refusal {
    Refusal::Full { what: "the memory for request bodies", retry_after: RETRY_AFTER }
}

/// Bytes taken from a budget, given back when it is dropped.
pub(super) struct Reserved {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reserved {
    pub(super) fn none(budget: &Arc<Budget>) -> Self {
        Self { budget: budget.clone(), bytes: 0 }
    }

    /// # Errors
    /// Nothing is taken when it does not fit.
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Refusal> {
        let grown = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.budget.max);
        match self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown) {
            Ok(_) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(_) => Err(full()),
        }
    }

    /// Gives some of it to another holder.
    pub(super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { budget: self.budget.clone(), bytes }
    }

    /// Gives back what is more than this.
    pub(super) fn shrink(&mut self, bytes: usize) {
        drop(self.split(self.bytes.saturating_sub(bytes)));
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A whole body, and its share of the budget.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _reserved: Reserved,
}

/// A body, as it comes.
pub(super) struct Source {
    body: Body,
    ended: bool,
}

impl Source {
    pub(super) fn new(body: Body) -> Self {
        Self { ended: body.is_end_stream(), body }
    }

    /// Whether all of it was read. Where not, the connection cannot be used for another request.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Its length, where the client has said it.
    fn announced(&self) -> Option<usize> {
        let exact = self.body.size_hint().exact()?;
        Some(usize::try_from(exact).unwrap_or(usize::MAX))
    }

    /// More of it; `None` at its end.
    ///
    /// # Errors
    /// The client sent nothing for too long, or broke off.
    pub(super) async fn next(&mut self, patience: Duration) -> Result<Option<Bytes>, Refusal> {
        while !self.ended {
            // Mostly the bytes are here already, and no timer is needed.
            let frame = match self.body.frame().now_or_never() {
                Some(frame) => frame,
                None => {
                    let frame = timeout(patience, self.body.frame()).await;
                    frame.map_err(|_| Refusal::BodyTimeout)?
                }
            };
            match frame {
                None => self.ended = true,
                Some(Err(error)) => return Err(Refusal::Malformed(format!("the body: {error}"))),
                // Trailers say nothing here.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => {
                        // With a length the end is known: to ask for it would cost a round of waking and a timer.
                        self.ended = self.body.is_end_stream();
                        return Ok(Some(data));
                    }
                    Ok(_) | Err(_) => (),
                },
            }
        }
        Ok(None)
    }
}

/// Reads a body to its end.
///
/// # Errors
/// Too long (said at once where the length was announced), too slow, no memory left, or broken off.
pub(super) async fn read(
    source: &mut Source,
    limit_bytes: usize,
    budget: &Arc<Budget>,
    patience: Duration,
) -> Result<Whole, Refusal> {
    let announced = source.announced();
    if let Some(size_bytes) = announced {
        if size_bytes > limit_bytes {
            return Err(Refusal::TooLarge { size_bytes, limit_bytes });
        }
        budget.fits(size_bytes)?;
    }
    let mut reserved = Reserved::none(budget);
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while let Some(chunk) = source.next(patience).await? {
        let size_bytes = first.len() + rest.len() + chunk.len();
        if size_bytes > limit_bytes {
            return Err(Refusal::TooLarge { size_bytes, limit_bytes });
        }
        reserved.add(chunk.len())?;
        if first.is_empty() && rest.is_empty() {
            // A body that came at once is never copied.
            first = chunk;
            continue;
        }
        if rest.is_empty() {
            rest.reserve_exact(announced.unwrap_or(size_bytes));
            rest.extend_from_slice(&first);
            first = Bytes::new();
        }
        rest.extend_from_slice(&chunk);
    }
    let bytes = if rest.is_empty() { first } else { Bytes::from(rest) };
    Ok(Whole { bytes, _reserved: reserved })
}

/// Bodies come and go within a second.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_overdrawn_and_is_given_back() {
        let budget = Budget::new(10);
        let mut one = Reserved::none(&budget);
        one.add(6).unwrap();
        let mut other = Reserved::none(&budget);
        assert!(other.add(5).is_err());
        assert_eq!(budget.fits(5), Err(full()));
        other.add(4).unwrap();
        drop(one.split(2));
        assert_eq!(budget.fits(2), Ok(()));
        drop(one);
        drop(other);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        assert!(Reserved::none(&budget).add(usize::MAX).is_err());
    }

    #[tokio::test]
    async fn a_body_in_one_piece_is_not_copied() {
        let budget = Budget::new(100);
        let bytes = Bytes::from(vec![b'x'; 50]);
        let body = Body::from(bytes.clone());
        let whole =
            read(&mut Source::new(body), 50, &budget, Duration::from_secs(1)).await.unwrap();
        assert_eq!(whole.bytes.as_ptr(), bytes.as_ptr());
        assert_eq!(budget.used.load(Ordering::Relaxed), 50);
        drop(whole);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_cut_at_the_limit() {
        let budget = Budget::new(90);
        let pieces = || {
            let piece = |n: usize| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; n]));
            Body::from_stream(futures_util::stream::iter([piece(20), piece(0), piece(30)]))
        };
        let whole =
            read(&mut Source::new(pieces()), 50, &budget, Duration::from_secs(1)).await.unwrap();
        assert_eq!(whole.bytes.len(), 50);
        let refusal = read(&mut Source::new(pieces()), 49, &budget, Duration::from_secs(1))
            .await
            .err()
            .unwrap();
        assert_eq!(refusal, Refusal::TooLarge { size_bytes: 50, limit_bytes: 49 });
        let refusal = read(&mut Source::new(pieces()), 60, &budget, Duration::from_secs(1))
            .await
            .err()
            .unwrap();
        assert_eq!(refusal, full(), "the first body is still held");
    }
}
