//! The loops of the process, by name.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};

/// The loops, by name.
#[derive(Default)]
pub(super) struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    pub(super) fn start(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let id = self.running.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits for a loop to end and says how; before the stop none should.
    pub(super) async fn next(&mut self) -> String {
        match self.running.join_next_with_id().await {
            Some(ended) => self.told(ended),
            None => std::future::pending().await,
        }
    }

    /// Waits for a loop of this name to end.
    pub(super) async fn ended(&mut self, name: &'static str) {
        while self.names.values().any(|running| *running == name) {
            match self.running.join_next_with_id().await {
                Some(ended) => {
                    let failed = ended.is_err();
                    let told = self.told(ended);
                    if failed {
                        tracing::error!("{told} while stopping");
                    }
                }
                None => return,
            }
        }
    }

    fn told(&mut self, ended: Result<(Id, ()), JoinError>) -> String {
        let mut name = |id| self.names.remove(&id).unwrap_or("unnamed");
        match ended {
            Ok((id, ())) => format!("the {} loop ended", name(id)),
            Err(error) => format!("the {} loop failed: {error}", name(error.id())),
        }
    }
}
