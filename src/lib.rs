//! The proxy-wasm shell of kafka-filter: Envoy's network filter callbacks over the host-neutral core.
//!
//! Every data callback returns `Continue` at once: the filter observes and never holds bytes back.
//! Nothing here or below may panic, because a trap ends the VM and with it every connection of the
//! worker. References: proxy-wasm ABI 0.2.1.
#![deny(unsafe_code)]
#![allow(missing_docs, reason = "the SDK's macro writes the one public function")]

#[allow(unsafe_code, reason = "the one module that calls the host")]
mod host;
mod root;
mod stream;

use proxy_wasm::traits::RootContext;

proxy_wasm::main! {{
    host::init_log();
    proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::new(root::Root::default()) });
}}
