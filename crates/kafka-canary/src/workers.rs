//! A task for each broker, so that one which hangs holds up no other; and how loops follow their targets.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::targets::Targets;

/// Tasks by broker, each made for one job; a task whose job changes is ended and made anew.
pub(crate) struct Workers<Job> {
    running: BTreeMap<i32, (Job, AbortOnDropHandle<()>)>,
}

impl<Job: Clone + PartialEq> Workers<Job> {
    pub(crate) fn new() -> Self {
        Self { running: BTreeMap::new() }
    }

    /// Ends the tasks of brokers that have no job any more, and starts those that are missing.
    pub(crate) fn follow<Work>(
        &mut self,
        jobs: BTreeMap<i32, Job>,
        start: impl Fn(i32, Job) -> Work,
    ) where
        Work: Future<Output = ()> + Send + 'static,
    {
        self.running
            .retain(|broker, (job, task)| jobs.get(broker) == Some(job) && !task.is_finished());
        for (broker, job) in jobs {
            self.running.entry(broker).or_insert_with(|| {
                let work = tokio::spawn(start(broker, job.clone()));
                (job, AbortOnDropHandle::new(work))
            });
        }
    }

    /// The job of a broker's task.
    pub(crate) fn job(&self, broker: i32) -> Option<&Job> {
        self.running.get(&broker).map(|(job, _)| job)
    }
}

/// Waits until there are new targets; for ever when there will be none.
pub(crate) async fn changed(targets: &mut watch::Receiver<Arc<Targets>>) {
    if targets.changed().await.is_err() {
        pending().await
    }
}

/// When within an interval number `n` has its turn: spread evenly for any count of them, and the same when others come
/// or go (multiples of the golden ratio).
pub(crate) fn stagger(n: i32, interval: Duration) -> Duration {
    interval.mul_f64((f64::from(n).abs() * 0.618_033_988_749_895).fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_over_the_interval() {
        for count in [3, 10, 51] {
            let mut turns: Vec<Duration> =
                (0..count).map(|n| stagger(n, Duration::from_secs(1))).collect();
            turns.sort();
            let widest = turns.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(turns.iter().all(|turn| *turn < Duration::from_secs(1)));
            assert!(widest < Duration::from_secs(1) * 2 / count as u32, "{count}: {widest:?}");
        }
    }

    #[tokio::test]
    async fn a_changed_job_ends_the_old_task_and_an_equal_one_does_not() {
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let start = |broker: i32, job: &'static str| {
            let told = told.clone();
            async move {
                told.send((broker, job)).unwrap();
                pending::<()>().await
            }
        };
        let mut workers = Workers::new();
        workers.follow(BTreeMap::from([(1, "a"), (2, "b")]), start);
        workers.follow(BTreeMap::from([(1, "a"), (2, "c")]), start);
        let mut started = Vec::new();
        while !started.contains(&(1, "a")) || !started.contains(&(2, "c")) {
            started.push(heard.recv().await.unwrap());
        }
        assert_eq!(started.iter().filter(|(broker, _)| *broker == 1).count(), 1);
        assert_eq!(workers.job(2), Some(&"c"));
        workers.follow(BTreeMap::new(), start);
        assert_eq!(workers.job(1), None);
    }
}
