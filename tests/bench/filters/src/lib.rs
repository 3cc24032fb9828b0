//! Two network filters to measure against: `null` crosses into the VM and returns, `copy` also copies every
//! byte of each callback into wasm memory.
//!
//! Both let every byte pass at once. `null` is the price of proxy-wasm itself, `copy` is what a filter pays that
//! hands whole buffers to its decoder; kafka-filter has to stay near the first and far from the second.

// The SDK's macro makes a public function that documents itself.
#![allow(missing_docs)]

use proxy_wasm::traits::{Context, RootContext, StreamContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(Root { work: Work::Nothing }));
}}

/// What is done with the bytes of a callback.
#[derive(Clone, Copy)]
enum Work {
    Nothing,
    Copy,
}

struct Root {
    work: Work,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match self.get_plugin_configuration().as_deref() {
            Some(b"null") => self.work = Work::Nothing,
            Some(b"copy") => self.work = Work::Copy,
            _ => {
                log::error!("the plugin configuration must be the string \"null\" or \"copy\"");
                return false;
            }
        }
        true
    }

    fn create_stream_context(&self, _id: u32) -> Option<Box<dyn StreamContext>> {
        Some(Box::new(Stream { work: self.work, copied: 0 }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::StreamContext)
    }
}

struct Stream {
    work: Work,
    /// Bytes copied so far, so that the copy has a use the optimizer must respect.
    copied: usize,
}

impl Stream {
    fn keep(&mut self, bytes: Option<Vec<u8>>) {
        self.copied =
            self.copied.saturating_add(std::hint::black_box(bytes).map_or(0, |b| b.len()));
    }
}

impl Context for Stream {}

impl StreamContext for Stream {
    fn on_downstream_data(&mut self, size: usize, _end: bool) -> Action {
        if matches!(self.work, Work::Copy) {
            let bytes = self.get_downstream_data(0, size);
            self.keep(bytes);
        }
        Action::Continue
    }

    fn on_upstream_data(&mut self, size: usize, _end: bool) -> Action {
        if matches!(self.work, Work::Copy) {
            let bytes = self.get_upstream_data(0, size);
            self.keep(bytes);
        }
        Action::Continue
    }
}
