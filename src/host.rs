//! Calls to Envoy, by a thin layer over the ABI instead of the SDK's.
//!
//! The SDK panics on a status that it does not expect, which would end the VM. Here a status is a
//! number: what fails costs a figure. References: proxy-wasm ABI 0.2.1, WASI preview 1.

use std::ops::Deref;
use std::time::Duration;

use kafka_filter::metrics::catalog::Kind;
use kafka_filter::{Clock, Expect, Fact, Host, Source};
use log::{Level, LevelFilter, Log, Metadata, Record};

/// Envoy, as the worker sees it.
pub(crate) struct EnvoyHost;

/// The bytes of one data callback; valid inside it only.
pub(crate) struct Buffer {
    kind: u32,
    size: usize,
}

/// Bytes that the host wrote into memory which it had this module allocate.
pub(crate) struct HostBytes(Box<[u8]>);

impl Host for EnvoyHost {
    fn define_metric(&mut self, kind: Kind, name: &str) -> Option<u32> {
        let kind = match kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Histogram => 2,
        };
        let mut id = 0;
        // SAFETY: the host reads `name` and writes `id` during the call.
        let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &mut id) };
        (status == OK).then_some(id)
    }

    fn add(&mut self, metric: u32, amount: i64) {
        // SAFETY: no pointers.
        let _ = unsafe { proxy_increment_metric(metric, amount) };
    }

    fn record(&mut self, metric: u32, value: u64) {
        // SAFETY: no pointers.
        let _ = unsafe { proxy_record_metric(metric, value) };
    }

    fn shared(&mut self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        let mut version = 0;
        let value = receive(|data, size| {
            // SAFETY: the host reads `key` and writes the other three during the call.
            unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut version) }
        })?;
        Some((value.0.into_vec(), version))
    }

    fn share(&mut self, key: &[u8], value: &[u8], expect: Expect) -> bool {
        let cas = match expect {
            // The host compares only where there is a value, and no value has this version.
            Expect::Absent => u32::MAX,
            Expect::Version(version) => version,
        };
        // SAFETY: the host reads `key` and `value` during the call.
        let status = unsafe {
            proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas)
        };
        status == OK
    }

    fn note(&mut self, fact: Fact, text: &str) {
        let key = fact.key();
        // SAFETY: the host reads `key` and `text` during the call.
        let _ = unsafe { proxy_set_property(key.as_ptr(), key.len(), text.as_ptr(), text.len()) };
    }
}

impl Buffer {
    /// Bytes from the client, `size` of them.
    pub(crate) fn downstream(size: usize) -> Self {
        Self { kind: DOWNSTREAM_DATA, size }
    }

    /// Bytes from the broker, `size` of them.
    pub(crate) fn upstream(size: usize) -> Self {
        Self { kind: UPSTREAM_DATA, size }
    }
}

impl Source for Buffer {
    type Window = HostBytes;

    fn len(&self) -> usize {
        self.size
    }

    fn read(&mut self, offset: usize, length: usize) -> Option<HostBytes> {
        buffer(self.kind, offset, length)
    }
}

impl Deref for HostBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// The configuration of the plugin; nothing when there is none.
pub(crate) fn plugin_configuration(size: usize) -> Vec<u8> {
    buffer(PLUGIN_CONFIGURATION, 0, size).map(|bytes| bytes.0.into_vec()).unwrap_or_default()
}

/// A property by its path; `None` when the host does not have it.
pub(crate) fn property(path: &[&str]) -> Option<Vec<u8>> {
    let path = path.join("\0");
    let value = receive(|data, size| {
        // SAFETY: the host reads `path` and writes the other two during the call.
        unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) }
    })?;
    Some(value.0.into_vec())
}

/// Envoy's `TrafficDirection` of the connection's listener.
pub(crate) fn listener_direction() -> Option<i64> {
    let bytes = property(&["xds", "listener_direction"])?;
    bytes.try_into().ok().map(i64::from_le_bytes)
}

/// Has the root context called every so often, on each worker.
pub(crate) fn set_tick_period(period: Duration) {
    let milliseconds = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: no pointers.
    let _ = unsafe { proxy_set_tick_period_milliseconds(milliseconds) };
}

/// A clock that never goes back, in nanoseconds; Envoy's steady clock. 0 when the host fails.
pub(crate) fn monotonic_ns() -> u64 {
    time_ns(CLOCK_MONOTONIC)
}

/// Both clocks.
pub(crate) fn clock() -> Clock {
    let unix_ms = i64::try_from(time_ns(CLOCK_REALTIME) / NS_PER_MS).unwrap_or(0);
    Clock { monotonic_ns: monotonic_ns(), unix_ms }
}

fn time_ns(clock: u32) -> u64 {
    let mut time = 0;
    // SAFETY: the host writes `time` during the call.
    let status = unsafe { clock_time_get(clock, 1, &mut time) };
    if status == 0 { time } else { 0 }
}

/// Whether the host gives random bytes. The standard library's hash maps begin with some, and panic
/// without.
pub(crate) fn gives_random_bytes() -> bool {
    let mut byte = 0;
    // SAFETY: the host writes `byte` during the call.
    unsafe { random_get(&mut byte, 1) == 0 }
}

/// Sends log records and panic messages to Envoy's log.
pub(crate) fn init_log() {
    if log::set_logger(&EnvoyLog).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
    // A panic is a bug that ends the VM; let it at least say where.
    std::panic::set_hook(Box::new(|panic| write_log(CRITICAL, &panic.to_string())));
}

struct EnvoyLog;

impl Log for EnvoyLog {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            Level::Error => 4,
            Level::Warn => 3,
            Level::Info => 2,
            Level::Debug => 1,
            Level::Trace => 0,
        };
        write_log(level, &record.args().to_string());
    }

    fn flush(&self) {}
}

fn write_log(level: u32, message: &str) {
    // SAFETY: the host reads `message` during the call.
    let _ = unsafe { proxy_log(level, message.as_ptr(), message.len()) };
}

fn buffer(kind: u32, offset: usize, length: usize) -> Option<HostBytes> {
    receive(|data, size| {
        // SAFETY: the host writes `data` and `size` during the call.
        unsafe { proxy_get_buffer_bytes(kind, offset, length, data, size) }
    })
}

/// Takes over bytes that the host hands out: it has them allocated by `proxy_on_memory_allocate`,
/// writes them, and tells where.
fn receive(call: impl FnOnce(&mut *mut u8, &mut usize) -> u32) -> Option<HostBytes> {
    let mut data: *mut u8 = std::ptr::null_mut();
    let mut size = 0;
    if call(&mut data, &mut size) != OK {
        return None;
    }
    if data.is_null() {
        return Some(HostBytes(Box::default()));
    }
    let bytes = std::ptr::slice_from_raw_parts_mut(data, size);
    // SAFETY: `data` is a boxed slice of `size` bytes which the SDK's allocation callback made and
    // forgot, and nobody else frees it.
    Some(HostBytes(unsafe { Box::from_raw(bytes) }))
}

const OK: u32 = 0;
const DOWNSTREAM_DATA: u32 = 2;
const UPSTREAM_DATA: u32 = 3;
const PLUGIN_CONFIGURATION: u32 = 7;
const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const NS_PER_MS: u64 = 1_000_000;
const CRITICAL: u32 = 5;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_set_tick_period_milliseconds(milliseconds: u32) -> u32;
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_buffer_bytes(
        kind: u32,
        start: usize,
        max_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, amount: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        version: u32,
    ) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
    fn random_get(bytes: *mut u8, size: usize) -> u32;
}
