//! One plugin configuration on one worker: reads it, and makes a stream for each connection.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use kafka_filter::Filter;
use kafka_filter::config::Config;
use proxy_wasm::traits::{Context, RootContext, StreamContext};
use proxy_wasm::types::ContextType;

use crate::host::{self, EnvoyHost};
use crate::stream::Stream;

/// The root context. Its filter outlives it in the streams that still use it.
#[derive(Default)]
pub(crate) struct Root {
    filter: Option<Rc<RefCell<Filter>>>,
}

impl Context for Root {
    /// The configuration ends, and its last connection has: nothing may stay uncounted.
    fn on_done(&mut self) -> bool {
        self.with_filter(|filter| filter.settle(&mut EnvoyHost));
        true
    }
}

impl Root {
    fn with_filter(&self, run: impl FnOnce(&mut Filter)) {
        if let Some(filter) = &self.filter
            && let Ok(mut filter) = filter.try_borrow_mut()
        {
            run(&mut filter);
        }
    }
}

impl RootContext for Root {
    /// False refuses the configuration: Envoy keeps the listener that it has, or does not start.
    fn on_configure(&mut self, size: usize) -> bool {
        let text = host::plugin_configuration(size);
        let config = match Config::parse_where(&text, host::gives_random_bytes) {
            Ok(config) => config,
            Err(error) => {
                log::error!("kafka-filter: {error}");
                return false;
            }
        };
        let root_id = host::property(&["plugin_root_id"]).unwrap_or_default();
        let mut filter = Filter::new(config, &String::from_utf8_lossy(&root_id));
        filter.start(&mut EnvoyHost, host::clock());
        self.filter = Some(Rc::new(RefCell::new(filter)));
        host::set_tick_period(TICK);
        true
    }

    fn on_tick(&mut self) {
        self.with_filter(|filter| filter.on_tick(&mut EnvoyHost, host::clock()));
    }

    fn create_stream_context(&self, _context_id: u32) -> Option<Box<dyn StreamContext>> {
        // Never `None`, on which the SDK panics: without a configuration the stream does nothing.
        Some(Box::new(Stream::new(self.filter.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::StreamContext)
    }
}

/// How long counts wait in this worker's memory before Envoy hears of them.
const TICK: Duration = Duration::from_secs(1);
