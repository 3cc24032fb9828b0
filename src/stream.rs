//! One connection: hands its bytes to the core as they pass.

use std::cell::RefCell;
use std::rc::Rc;

use kafka_filter::config::ReporterSetting;
use kafka_filter::{Connection, Filter};
use proxy_wasm::traits::{Context, StreamContext};
use proxy_wasm::types::Action;

use crate::host::{self, Buffer, EnvoyHost};

/// A stream context.
pub(crate) struct Stream {
    filter: Option<Rc<RefCell<Filter>>>,
    connection: Option<Connection>,
}

impl Stream {
    pub(crate) fn new(filter: Option<Rc<RefCell<Filter>>>) -> Self {
        Self { filter, connection: None }
    }

    /// As [`Self::with`], for a callback with `size` bytes. The end of a stream often comes without any, and
    /// a connection that does little should not pay twice for looking at nothing.
    fn with_bytes(&mut self, size: usize, run: impl FnOnce(&mut Connection, &mut Filter)) {
        if size > 0 {
            self.with(run);
        }
    }

    /// Runs on the connection and its filter; does nothing where one of them is not there.
    fn with(&mut self, run: impl FnOnce(&mut Connection, &mut Filter)) {
        let (Some(filter), Some(connection)) = (&self.filter, &mut self.connection) else {
            return;
        };
        // Envoy calls one stream at a time, so the filter is free; if not, a callback goes unseen.
        if let Ok(mut filter) = filter.try_borrow_mut() {
            run(connection, &mut filter);
        }
    }
}

impl Context for Stream {}

impl StreamContext for Stream {
    fn on_new_connection(&mut self) -> Action {
        if let Some(filter) = &self.filter
            && let Ok(mut filter) = filter.try_borrow_mut()
        {
            // The property costs as much as several counts, so it is read only where it decides.
            let direction = match filter.config().reporter {
                ReporterSetting::Auto => host::listener_direction(),
                ReporterSetting::Fixed(_) => None,
            };
            self.connection = Some(Connection::open(&mut filter, &mut EnvoyHost, direction));
        }
        Action::Continue
    }

    fn on_downstream_data(&mut self, size: usize, _end_of_stream: bool) -> Action {
        self.with_bytes(size, |connection, filter| {
            if !connection.pass_downstream(size) {
                let mut bytes = Buffer::downstream(size);
                let now_ns = host::monotonic_ns();
                connection.on_downstream(filter, &mut EnvoyHost, now_ns, &mut bytes);
            }
        });
        Action::Continue
    }

    fn on_upstream_data(&mut self, size: usize, _end_of_stream: bool) -> Action {
        self.with_bytes(size, |connection, filter| {
            if !connection.pass_upstream(size) {
                let mut bytes = Buffer::upstream(size);
                let now_ns = host::monotonic_ns();
                connection.on_upstream(filter, &mut EnvoyHost, now_ns, &mut bytes);
            }
        });
        Action::Continue
    }
}

/// The one callback that Envoy always makes: an upstream's close is not told reliably.
impl Drop for Stream {
    fn drop(&mut self) {
        self.with(|connection, filter| connection.close(filter, &mut EnvoyHost));
    }
}
