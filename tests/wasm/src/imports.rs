//! The host functions of proxy-wasm and WASI that the filter calls, as Envoy 1.40 behaves; all
//! others trap.
//!
//! Each one counts its call, and fails with the status that a test asked for ([`Worker::fail`])
//! before it does anything. What Envoy would refuse is refused here with the same status; a pointer
//! outside the VM's memory is a trap, as in V8.
//!
//! [`Worker::fail`]: crate::Worker::fail

use wasmtime::{Caller, Extern, Linker, Module, Result, bail, format_err};

use crate::envoy::{LogLine, Stat};
use crate::worker::Guest;

/// Buffer type of the bytes that a client sent.
pub(crate) const DOWNSTREAM_DATA: u32 = 2;
/// Buffer type of the bytes that a broker sent.
pub(crate) const UPSTREAM_DATA: u32 = 3;
/// Buffer type of the plugin's configuration.
pub(crate) const PLUGIN_CONFIGURATION: u32 = 7;

/// Every import there is.
pub(crate) const NAMES: &[&str] = &[
    "proxy_log",
    "proxy_set_tick_period_milliseconds",
    "proxy_get_buffer_bytes",
    "proxy_get_property",
    "proxy_set_property",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "fd_write",
    "clock_time_get",
    "random_get",
    "environ_get",
    "environ_sizes_get",
    "proc_exit",
];

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;
const CAS_MISMATCH: u32 = 8;

/// Nanoseconds since 1970 when the steady clock is at zero.
const STARTED_UNIX_NS: u64 = 1_700_000_000_000_000_000;

const COUNTER: u32 = 0;
const GAUGE: u32 = 1;
const HISTOGRAM: u32 = 2;

const WASI: &str = "wasi_snapshot_preview1";

type Host<'a> = Caller<'a, Guest>;

/// Defines every import of the module.
pub(crate) fn link(linker: &mut Linker<Guest>, module: &Module) -> Result<()> {
    link_basics(linker)?;
    link_data(linker)?;
    link_metrics(linker)?;
    link_wasi(linker)?;
    linker.define_unknown_imports_as_traps(module)
}

fn link_basics(linker: &mut Linker<Guest>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_log",
        |mut host: Host<'_>, level: u32, at: u32, size: u32| {
            if let Some(status) = begin(&mut host, "proxy_log", true)? {
                return Ok(status);
            }
            let text = String::from_utf8_lossy(&read(&mut host, at, size)?).into_owned();
            host.data().process.borrow_mut().log.push(LogLine { level, text });
            Result::Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_tick_period_milliseconds",
        |mut host: Host<'_>, period: u32| {
            if let Some(status) = begin(&mut host, "proxy_set_tick_period_milliseconds", false)? {
                return Ok(status);
            }
            let guest = host.data_mut();
            guest.ticks.insert(guest.context, period);
            Result::Ok(OK)
        },
    )?;
    Ok(())
}

fn link_data(linker: &mut Linker<Guest>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut host: Host<'_>, kind: u32, start: u32, size: u32, to: u32, to_size: u32| {
            if let Some(status) = begin(&mut host, "proxy_get_buffer_bytes", false)? {
                return Ok(status);
            }
            get_buffer_bytes(&mut host, kind, start, size, to, to_size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut host: Host<'_>, at: u32, size: u32, to: u32, to_size: u32| {
            if let Some(status) = begin(&mut host, "proxy_get_property", false)? {
                return Ok(status);
            }
            let path = read(&mut host, at, size)?;
            let guest = host.data();
            let found =
                guest.properties.get(&guest.context).and_then(|known| known.get(&path)).cloned();
            match found {
                Some(value) => give(&mut host, &value, to, to_size),
                None => Result::Ok(NOT_FOUND),
            }
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut host: Host<'_>, at: u32, size: u32, value_at: u32, value_size: u32| {
            if let Some(status) = begin(&mut host, "proxy_set_property", false)? {
                return Ok(status);
            }
            let key = String::from_utf8_lossy(&read(&mut host, at, size)?).into_owned();
            let value =
                String::from_utf8_lossy(&read(&mut host, value_at, value_size)?).into_owned();
            host.data().process.borrow_mut().filter_state.insert(key, value);
            Result::Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut host: Host<'_>, at: u32, size: u32, to: u32, to_size: u32, to_version: u32| {
            if let Some(status) = begin(&mut host, "proxy_get_shared_data", false)? {
                return Ok(status);
            }
            let key = read(&mut host, at, size)?;
            let found = host.data().process.borrow().shared.get(&key).cloned();
            let Some((value, version)) = found else { return Result::Ok(NOT_FOUND) };
            write(&mut host, to_version, &version.to_le_bytes())?;
            give(&mut host, &value, to, to_size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut host: Host<'_>, at: u32, size: u32, value_at: u32, value_size: u32, version: u32| {
            if let Some(status) = begin(&mut host, "proxy_set_shared_data", false)? {
                return Ok(status);
            }
            let key = read(&mut host, at, size)?;
            let value = read(&mut host, value_at, value_size)?;
            let mut process = host.data().process.borrow_mut();
            // Envoy compares only with a value that is there: an absent key takes any version.
            let old = process.shared.get(&key).map(|(_, version)| *version);
            if version != 0 && old.is_some_and(|old| old != version) {
                return Result::Ok(CAS_MISMATCH);
            }
            process.last_version += 1;
            let version = process.last_version;
            process.shared.insert(key, (value, version));
            Result::Ok(OK)
        },
    )?;
    Ok(())
}

fn get_buffer_bytes(
    host: &mut Host<'_>,
    kind: u32,
    start: u32,
    size: u32,
    to: u32,
    to_size: u32,
) -> Result<u32> {
    let Some((held, bytes)) = host.data().buffer.clone() else { return Ok(NOT_FOUND) };
    if held != kind {
        // The other direction's buffer: there, and empty.
        return give(host, &[], to, to_size);
    }
    let (start, size) = (usize::try_from(start)?, usize::try_from(size)?);
    let Some(rest) = bytes.get(start..) else { return Ok(BAD_ARGUMENT) };
    let part = rest.get(..size).unwrap_or(rest);
    if kind != PLUGIN_CONFIGURATION {
        let copied = u64::try_from(part.len())?;
        let calls = &mut host.data_mut().calls;
        calls.buffer_bytes += copied;
        calls.buffer_bytes_max = calls.buffer_bytes_max.max(copied);
    }
    give(host, part, to, to_size)
}

fn link_metrics(linker: &mut Linker<Guest>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut host: Host<'_>, kind: u32, at: u32, size: u32, to: u32| {
            if let Some(status) = begin(&mut host, "proxy_define_metric", false)? {
                return Ok(status);
            }
            let fresh = match kind {
                COUNTER => Stat::Counter(0),
                GAUGE => Stat::Gauge(0),
                HISTOGRAM => Stat::Histogram(Vec::new()),
                _ => return Ok(BAD_ARGUMENT),
            };
            let name = String::from_utf8(read(&mut host, at, size)?)?;
            let guest = host.data_mut();
            guest.process.borrow_mut().stats.entry(name.clone()).or_insert(fresh);
            guest.metrics.push(name);
            let id = u32::try_from(guest.metrics.len())?;
            write(&mut host, to, &id.to_le_bytes())?;
            Result::Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_increment_metric",
        |mut host: Host<'_>, id: u32, offset: i64| {
            if let Some(status) = begin(&mut host, "proxy_increment_metric", false)? {
                return Ok(status);
            }
            with_stat(&mut host, id, |stat| match stat {
                Stat::Counter(value) if offset > 0 => {
                    *value += offset.unsigned_abs();
                    OK
                }
                Stat::Gauge(value) => {
                    *value += offset;
                    OK
                }
                Stat::Counter(_) | Stat::Histogram(_) => BAD_ARGUMENT,
            })
        },
    )?;
    linker.func_wrap("env", "proxy_record_metric", |mut host: Host<'_>, id: u32, value: u64| {
        if let Some(status) = begin(&mut host, "proxy_record_metric", false)? {
            return Ok(status);
        }
        with_stat(&mut host, id, |stat| {
            match stat {
                Stat::Counter(sum) => *sum += value,
                Stat::Gauge(present) => *present = value.cast_signed(),
                Stat::Histogram(samples) => samples.push(value),
            }
            OK
        })
    })?;
    Ok(())
}

fn with_stat(host: &mut Host<'_>, id: u32, change: impl FnOnce(&mut Stat) -> u32) -> Result<u32> {
    let guest = host.data();
    let Some(name) = usize::try_from(id)?.checked_sub(1).and_then(|index| guest.metrics.get(index))
    else {
        return Ok(NOT_FOUND);
    };
    let mut process = guest.process.borrow_mut();
    Ok(process.stats.get_mut(name).map_or(NOT_FOUND, change))
}

fn link_wasi(linker: &mut Linker<Guest>) -> Result<()> {
    linker.func_wrap(
        WASI,
        "fd_write",
        |mut host: Host<'_>, _fd: u32, list: u32, count: u32, to: u32| {
            begin(&mut host, "fd_write", true)?;
            let mut text = Vec::new();
            for index in 0..count {
                let entry = read(&mut host, list + index * 8, 8)?;
                let (at, size) = entry.split_at(4);
                let (at, size) =
                    (u32::from_le_bytes(at.try_into()?), u32::from_le_bytes(size.try_into()?));
                text.extend(read(&mut host, at, size)?);
            }
            write(&mut host, to, &u32::try_from(text.len())?.to_le_bytes())?;
            // Only a panic writes here, and a panic traps right after.
            let text = String::from_utf8_lossy(&text).into_owned();
            host.data().process.borrow_mut().log.push(LogLine { level: LOG_CRITICAL, text });
            Result::Ok(OK)
        },
    )?;
    linker.func_wrap(
        WASI,
        "clock_time_get",
        |mut host: Host<'_>, clock: u32, _precision: u64, to: u32| {
            begin(&mut host, "clock_time_get", true)?;
            let now = host.data().process.borrow().clock_ns;
            let now = match clock {
                CLOCK_REALTIME => now.saturating_add(STARTED_UNIX_NS),
                CLOCK_MONOTONIC => now,
                _ => bail!("clock {clock} is none that Envoy has"),
            };
            write(&mut host, to, &now.to_le_bytes())?;
            Result::Ok(OK)
        },
    )?;
    linker.func_wrap(WASI, "random_get", |mut host: Host<'_>, to: u32, size: u32| {
        if let Some(status) = begin(&mut host, "random_get", false)? {
            return Ok(status);
        }
        // Any bytes will do, and the same ones keep runs alike.
        write(&mut host, to, &vec![0x5A; usize::try_from(size)?])?;
        Result::Ok(OK)
    })?;
    linker.func_wrap(WASI, "environ_sizes_get", |mut host: Host<'_>, count: u32, size: u32| {
        begin(&mut host, "environ_sizes_get", true)?;
        write(&mut host, count, &0_u32.to_le_bytes())?;
        write(&mut host, size, &0_u32.to_le_bytes())?;
        Result::Ok(OK)
    })?;
    linker.func_wrap(WASI, "environ_get", |mut host: Host<'_>, _list: u32, _text: u32| {
        begin(&mut host, "environ_get", true)?;
        Result::Ok(OK)
    })?;
    linker.func_wrap(WASI, "proc_exit", |_: Host<'_>, code: u32| -> Result<()> {
        bail!("proc_exit({code})");
    })?;
    Ok(())
}

/// Counts the call; the status that a test wants instead of the call's work.
fn begin(host: &mut Host<'_>, import: &'static str, while_starting: bool) -> Result<Option<u32>> {
    let guest = host.data_mut();
    if guest.starting && !while_starting {
        bail!("{import} called in _initialize, where Envoy does not have it");
    }
    *guest.calls.by_import.entry(import).or_default() += 1;
    Ok(guest.faults.get(import).copied())
}

/// Hands bytes to the VM in memory that it allocates itself; nothing, a null pointer, for no bytes.
fn give(host: &mut Host<'_>, bytes: &[u8], to: u32, to_size: u32) -> Result<u32> {
    let size = u32::try_from(bytes.len())?;
    let at = if bytes.is_empty() {
        0
    } else {
        let allocate = host.data().allocate.clone();
        let allocate = allocate.ok_or_else(|| format_err!("no export to allocate memory with"))?;
        let at = allocate.call(&mut *host, size)?;
        write(host, at, bytes)?;
        at
    };
    write(host, to, &at.to_le_bytes())?;
    write(host, to_size, &size.to_le_bytes())?;
    Ok(OK)
}

fn read(host: &mut Host<'_>, at: u32, size: u32) -> Result<Vec<u8>> {
    let memory = memory(host)?;
    let (at, size) = (usize::try_from(at)?, usize::try_from(size)?);
    let bytes = memory.data(&*host).get(at..).and_then(|bytes| bytes.get(..size));
    bytes.map(<[u8]>::to_vec).ok_or_else(|| format_err!("{size} bytes at {at} are not in memory"))
}

fn write(host: &mut Host<'_>, at: u32, bytes: &[u8]) -> Result<()> {
    let memory = memory(host)?;
    memory.write(&mut *host, usize::try_from(at)?, bytes)?;
    Ok(())
}

fn memory(host: &mut Host<'_>) -> Result<wasmtime::Memory> {
    // During instantiation the worker has not looked the export up yet.
    match host.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => Err(format_err!("no exported memory")),
    }
}

const LOG_CRITICAL: u32 = 5;
const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
