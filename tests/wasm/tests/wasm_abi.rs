//! The interface and the size of the artefact: what Envoy must offer it, what it must offer Envoy.

use std::collections::BTreeSet;

use kafka_filter_wasm_tests::artifact;

/// Every import that the filter calls, and what for. Each is a capability that a restricted Envoy
/// has to grant, and a call that can fail.
const IMPORTS: &[(&str, &str, &str)] = &[
    ("env", "proxy_log", "a refused configuration, and where a panic happened"),
    ("env", "proxy_get_buffer_bytes", "the bytes of connections, and the configuration"),
    ("env", "proxy_get_property", "the listener's direction, and the plugin's root id"),
    ("env", "proxy_define_metric", "series"),
    ("env", "proxy_increment_metric", "counters and gauges"),
    ("env", "proxy_record_metric", "histograms, and gauges that are set"),
    ("env", "proxy_set_property", "who a connection is, for the access log"),
    ("env", "proxy_get_shared_data", "topic ids, label caps and lag, which workers share"),
    ("env", "proxy_set_shared_data", "the same"),
    ("env", "proxy_set_tick_period_milliseconds", "a tick that hands over what was counted"),
    ("wasi_snapshot_preview1", "clock_time_get", "latency, from the monotonic clock"),
    ("wasi_snapshot_preview1", "random_get", "the hash map of a pattern that is compiled"),
    ("wasi_snapshot_preview1", "environ_get", "Rust's start-up"),
    ("wasi_snapshot_preview1", "environ_sizes_get", "Rust's start-up"),
    ("wasi_snapshot_preview1", "fd_write", "Rust's own message when a panic hook panics"),
    ("wasi_snapshot_preview1", "proc_exit", "abort"),
];

/// What the SDK's traits bring along: a context is a table of all their methods, used or not. The
/// filter calls none of them, and the host of `wasm_host` traps on each.
const IMPORTS_OF_THE_SDK: &[&str] = &[
    "proxy_call_foreign_function",
    "proxy_close_stream",
    "proxy_continue_stream",
    "proxy_dequeue_shared_queue",
    "proxy_done",
    "proxy_enqueue_shared_queue",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_status",
    "proxy_grpc_call",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_grpc_send",
    "proxy_grpc_stream",
    "proxy_http_call",
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
    "proxy_set_buffer_bytes",
    "proxy_set_effective_context",
];

/// What Envoy calls on a network filter, and what it recognises the ABI by.
const EXPORTS: &[&str] = &[
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    "proxy_on_context_create",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_new_connection",
    "proxy_on_downstream_data",
    "proxy_on_upstream_data",
    "proxy_on_downstream_connection_close",
    "proxy_on_upstream_connection_close",
    "proxy_on_done",
    "proxy_on_log",
    "proxy_on_delete",
];

/// 600 KiB: what each Envoy of a mesh loads, compiles and keeps.
const SIZE_MAX: usize = 600 * 1024;

#[test]
fn imports_are_those_on_the_list() {
    let (imports, _) = artifact::interface();
    let imports: BTreeSet<_> =
        imports.iter().map(|(from, name)| (from.as_str(), name.as_str())).collect();
    let of_the_sdk = IMPORTS_OF_THE_SDK.iter().map(|name| ("env", *name));
    let listed: BTreeSet<_> =
        IMPORTS.iter().map(|(from, name, _)| (*from, *name)).chain(of_the_sdk).collect();
    let new: Vec<_> = imports.difference(&listed).collect();
    assert!(new.is_empty(), "not on the list, so Envoy may not offer them: {new:?}");
    let gone: Vec<_> = listed.difference(&imports).collect();
    assert!(gone.is_empty(), "no longer imported, take them off the list: {gone:?}");
}

#[test]
fn exports_are_what_envoy_calls() {
    let (_, exports) = artifact::interface();
    let missing: Vec<_> =
        EXPORTS.iter().filter(|name| !exports.iter().any(|export| export == *name)).collect();
    assert!(missing.is_empty(), "Envoy needs {missing:?}");
    let versions: Vec<_> =
        exports.iter().filter(|name| name.starts_with("proxy_abi_version_")).collect();
    assert_eq!(
        versions,
        ["proxy_abi_version_0_2_1"],
        "Envoy takes the first version that it finds"
    );
}

#[test]
fn size_is_within_the_budget() {
    let size = artifact::bytes().len();
    println!("size: {size} bytes of {SIZE_MAX}");
    assert!(size <= SIZE_MAX, "{size} bytes are more than {SIZE_MAX}");
}

#[test]
fn what_make_wasm_left_is_what_the_sources_build_to() {
    let same = artifact::shipped_bytes() == artifact::bytes();
    assert!(same, "dist/kafka_filter.wasm is older than the sources: run `make wasm`");
}
