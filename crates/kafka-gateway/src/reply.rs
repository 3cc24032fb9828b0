//! Answers from other threads to requests, with few wakes.
//!
//! A request runs on the thread of its connection. librdkafka's threads and the log's writer decide about many requests
//! at once; to wake a thread for each of them costs more than the answer. So a thread of connections has a
//! [`Courier`]: answers are laid down there, the first one of a moment wakes it, and it hands them out on the spot.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

/// Hands out answers on the thread that it was made for.
#[derive(Default)]
pub struct Courier {
    letters: Mutex<Vec<Letter>>,
    laid_down: Notify,
}

type Letter = Box<dyn FnOnce() + Send>;

thread_local! {
    static HERE: RefCell<Option<Arc<Courier>>> = const { RefCell::new(None) };
}

impl Courier {
    /// Makes it the one of this thread. [`Courier::run`] must run on it.
    pub fn install() -> Arc<Self> {
        let courier = Arc::new(Self::default());
        HERE.with(|here| *here.borrow_mut() = Some(courier.clone()));
        courier
    }

    /// Hands out answers, without end.
    pub async fn run(&self) {
        let mut letters = Vec::new();
        loop {
            self.laid_down.notified().await;
            std::mem::swap(&mut letters, &mut *self.letters());
            for letter in letters.drain(..) {
                letter();
            }
        }
    }

    fn lay_down(&self, letter: Letter) {
        let mut letters = self.letters();
        letters.push(letter);
        let is_first = letters.len() == 1;
        drop(letters);
        if is_first {
            self.laid_down.notify_one();
        }
    }

    fn letters(&self) -> std::sync::MutexGuard<'_, Vec<Letter>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end at which an answer is given.
pub struct Reply<T> {
    to: oneshot::Sender<T>,
    courier: Option<Arc<Courier>>,
}

/// An answer that comes once. The receiver belongs to the thread that asks for the pair; elsewhere it works as well, and
/// costs a wake.
pub fn channel<T>() -> (Reply<T>, oneshot::Receiver<T>) {
    let (to, receiver) = oneshot::channel();
    let courier = HERE.with(|here| here.borrow().clone());
    (Reply { to, courier }, receiver)
}

impl<T: Send + 'static> Reply<T> {
    /// Gives the answer. Whoever asked may have gone.
    pub fn send(self, answer: T) {
        let to = self.to;
        match self.courier {
            None => drop(to.send(answer)),
            Some(courier) => courier.lay_down(Box::new(move || drop(to.send(answer)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn answers_of_other_threads_come_on_the_thread_that_asked() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let courier = Courier::install();
            tokio::spawn(async move { courier.run().await });
            let asked: Vec<_> = (0..100).map(|_| channel::<usize>()).collect();
            let (replies, receivers): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            let thread = thread::spawn(move || {
                for (number, reply) in replies.into_iter().enumerate() {
                    reply.send(number);
                }
            });
            for (number, receiver) in receivers.into_iter().enumerate() {
                assert_eq!(receiver.await, Ok(number));
            }
            thread.join().unwrap();
        });
        HERE.with(|here| *here.borrow_mut() = None);
    }

    #[test]
    fn without_a_courier_the_answer_goes_straight() {
        let (reply, mut receiver) = thread::spawn(channel::<u8>).join().unwrap();
        reply.send(7);
        assert_eq!(receiver.try_recv(), Ok(7));
        let (reply, receiver) = thread::spawn(channel::<u8>).join().unwrap();
        drop(receiver);
        reply.send(8);
    }
}
