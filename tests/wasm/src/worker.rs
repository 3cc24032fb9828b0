//! One VM on one worker thread: contexts, callbacks, and what they cost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use wasmtime::{Engine, Instance, Linker, Memory, Module, Store, TypedFunc, WasmBacktrace};

use crate::envoy::Process;
use crate::imports;
use crate::scenario::Way;

/// A worker with the filter's VM; contexts live until they are closed.
pub struct Worker {
    store: Store<Guest>,
    instance: Instance,
    last_context: u32,
}

/// A plugin configuration on a worker.
#[derive(Clone, Copy, Debug)]
pub struct Root(u32);

/// A connection on a worker.
#[derive(Clone, Copy, Debug)]
pub struct Stream(u32);

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// Both close callbacks, then done, log and delete.
    Both,
    /// What Envoy does when the broker resets: nothing about the upstream side.
    WithoutUpstream,
    /// The context is deleted and nothing else is said.
    DeleteOnly,
}

/// What the filter asked of its host since the count began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// How often each import was called.
    pub by_import: BTreeMap<&'static str, u64>,
    /// Bytes of connections that were copied into the VM.
    pub buffer_bytes: u64,
    /// The longest of these copies.
    pub buffer_bytes_max: u64,
}

/// What the imports of one VM know.
pub(crate) struct Guest {
    pub(crate) process: Rc<RefCell<Process>>,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    /// `_initialize` runs: Envoy has no metrics, properties or buffers to give yet.
    pub(crate) starting: bool,
    /// Context that the callback at hand belongs to.
    pub(crate) context: u32,
    /// What [`imports::PLUGIN_CONFIGURATION`] or a direction's buffer holds during the callback at
    /// hand.
    pub(crate) buffer: Option<(u32, Vec<u8>)>,
    /// Properties of each context, by path with NUL between its parts.
    pub(crate) properties: BTreeMap<u32, BTreeMap<Vec<u8>, Vec<u8>>>,
    /// Milliseconds between ticks of each root context that asked for them.
    pub(crate) ticks: BTreeMap<u32, u32>,
    /// Stat names by metric id.
    pub(crate) metrics: Vec<String>,
    /// Imports that fail, and with which status.
    pub(crate) faults: BTreeMap<&'static str, u32>,
    pub(crate) calls: Calls,
}

impl Worker {
    pub(crate) fn start(
        process: Rc<RefCell<Process>>,
        (engine, module): &(Engine, Module),
    ) -> Self {
        let guest = Guest {
            process,
            memory: None,
            allocate: None,
            starting: true,
            context: 0,
            buffer: None,
            properties: BTreeMap::new(),
            ticks: BTreeMap::new(),
            metrics: Vec::new(),
            faults: BTreeMap::new(),
            calls: Calls::default(),
        };
        let mut store = Store::new(engine, guest);
        store.set_fuel(FUEL).expect("the engine counts fuel");
        let mut linker = Linker::new(engine);
        imports::link(&mut linker, module).expect("each import is defined once");
        let instance = linker.instantiate(&mut store, module).expect("the module starts");
        store.data_mut().memory = instance.get_memory(&mut store, "memory");
        store.data_mut().allocate = instance
            .get_typed_func(&mut store, "proxy_on_memory_allocate")
            .or_else(|_| instance.get_typed_func(&mut store, "malloc"))
            .ok();
        let mut worker = Self { store, instance, last_context: 0 };
        worker.call::<(), ()>("_initialize", ());
        worker.store.data_mut().starting = false;
        worker
    }

    /// Creates and configures a root context; `None` when the filter refuses the configuration.
    pub fn configure(&mut self, root_id: &str, configuration: &[u8]) -> Option<Root> {
        let root = self.create(0);
        self.set_property(root, &["plugin_root_id"], root_id.as_bytes());
        self.set_property(root, &["plugin_name"], b"kafka");
        assert_eq!(self.call::<_, u32>("proxy_on_vm_start", (root, 0_u32)), 1, "proxy_on_vm_start");
        self.store.data_mut().buffer =
            Some((imports::PLUGIN_CONFIGURATION, configuration.to_vec()));
        let size = u32::try_from(configuration.len()).expect("configurations are small");
        self.store.data_mut().context = root;
        let accepted: u32 = self.call("proxy_on_configure", (root, size));
        self.store.data_mut().buffer = None;
        (accepted == 1).then_some(Root(root))
    }

    /// A client connects on a listener of this direction (1 inbound, 2 outbound, 0 not said).
    pub fn open(&mut self, root: Root, listener_direction: i64) -> Stream {
        // The SDK asks the host when it creates the context, so the properties stand before it is
        // called.
        let next = self.last_context + 1;
        let inherited = self.store.data().properties.get(&root.0).cloned().unwrap_or_default();
        self.store.data_mut().properties.insert(next, inherited);
        self.set_property(next, &["xds", "listener_direction"], &listener_direction.to_le_bytes());
        let stream = self.create(root.0);
        let action: u32 = self.call("proxy_on_new_connection", stream);
        assert_eq!(action, CONTINUE, "proxy_on_new_connection holds the connection back");
        Stream(stream)
    }

    /// Bytes come from the client.
    pub fn downstream(&mut self, stream: Stream, bytes: &[u8]) {
        self.data("proxy_on_downstream_data", imports::DOWNSTREAM_DATA, stream, bytes, false);
    }

    /// Bytes come from the broker.
    pub fn upstream(&mut self, stream: Stream, bytes: &[u8]) {
        self.data("proxy_on_upstream_data", imports::UPSTREAM_DATA, stream, bytes, false);
    }

    /// The client has sent all it will.
    pub fn downstream_end(&mut self, stream: Stream) {
        self.data("proxy_on_downstream_data", imports::DOWNSTREAM_DATA, stream, &[], true);
    }

    fn data(&mut self, export: &str, buffer: u32, stream: Stream, bytes: &[u8], end: bool) {
        self.store.data_mut().buffer = Some((buffer, bytes.to_vec()));
        self.store.data_mut().context = stream.0;
        let size = u32::try_from(bytes.len()).expect("Envoy's buffers are below 4 GiB");
        let action: u32 = self.call(export, (stream.0, size, u32::from(end)));
        assert_eq!(action, CONTINUE, "{export} holds bytes back");
        self.store.data_mut().buffer = None;
    }

    /// The functions that run when the callback for these bytes has executed so many operations,
    /// the innermost first; `None` when it is over by then. The worker is of no use afterwards.
    pub fn stack_after(
        mut self,
        operations: u64,
        stream: Stream,
        way: Way,
        bytes: &[u8],
    ) -> Option<Vec<String>> {
        let (export, buffer) = match way {
            Way::Down => ("proxy_on_downstream_data", imports::DOWNSTREAM_DATA),
            Way::Up => ("proxy_on_upstream_data", imports::UPSTREAM_DATA),
        };
        self.store.data_mut().buffer = Some((buffer, bytes.to_vec()));
        self.store.data_mut().context = stream.0;
        let size = u32::try_from(bytes.len()).expect("Envoy's buffers are below 4 GiB");
        let function = self
            .instance
            .get_typed_func::<(u32, u32, u32), u32>(&mut self.store, export)
            .expect("Envoy needs this export");
        self.store.set_fuel(operations).expect("the engine counts fuel");
        let error = function.call(&mut self.store, (stream.0, size, 0)).err()?;
        let stack = error.downcast_ref::<WasmBacktrace>().expect("it ran out of fuel");
        let name = |frame: &wasmtime::FrameInfo| frame.func_name().unwrap_or("?").to_owned();
        Some(stack.frames().iter().map(name).collect())
    }

    /// The connection ends.
    pub fn close(&mut self, stream: Stream, goodbye: Goodbye) {
        self.store.data_mut().context = stream.0;
        if goodbye == Goodbye::Both {
            self.call::<_, ()>("proxy_on_upstream_connection_close", (stream.0, PEER_UNKNOWN));
        }
        if goodbye != Goodbye::DeleteOnly {
            self.call::<_, ()>("proxy_on_downstream_connection_close", (stream.0, PEER_REMOTE));
            self.call::<_, u32>("proxy_on_done", stream.0);
            self.call::<_, ()>("proxy_on_log", stream.0);
        }
        self.call::<_, ()>("proxy_on_delete", stream.0);
        self.store.data_mut().properties.remove(&stream.0);
    }

    /// No connection has anything to say for so many seconds: Envoy's timers fire.
    pub fn rest(&mut self, seconds: u32) {
        let ticks = self.store.data().ticks.clone();
        for _ in 0..seconds {
            for (root, period) in &ticks {
                self.store.data_mut().context = *root;
                for _ in 0..1_000_u32.checked_div(*period).unwrap_or(0) {
                    self.call::<_, ()>("proxy_on_tick", *root);
                }
            }
        }
    }

    /// Envoy has no more use for a configuration, at once after its last connection.
    pub fn retire(&mut self, root: Root) {
        self.store.data_mut().context = root.0;
        let done: u32 = self.call("proxy_on_done", root.0);
        assert_eq!(
            done, 1,
            "the filter waits for something, and Envoy would keep the configuration"
        );
        self.call::<_, ()>("proxy_on_delete", root.0);
        self.store.data_mut().ticks.remove(&root.0);
    }

    /// Makes an import fail with this status from now on, without doing its work.
    pub fn fail(&mut self, import: &'static str, status: u32) {
        assert!(imports::NAMES.contains(&import), "{import} is no import of this host");
        self.store.data_mut().faults.insert(import, status);
    }

    /// All imports work again.
    pub fn heal(&mut self) {
        self.store.data_mut().faults.clear();
    }

    /// What was asked of the host since the last time this was called.
    pub fn take_calls(&mut self) -> Calls {
        std::mem::take(&mut self.store.data_mut().calls)
    }

    /// Operations executed so far. Differences are the same in every run.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        FUEL - self.store.get_fuel().expect("the engine counts fuel")
    }

    /// Size of the linear memory in bytes; it never shrinks.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    fn create(&mut self, parent: u32) -> u32 {
        self.last_context += 1;
        let context = self.last_context;
        self.store.data_mut().context = context;
        self.call::<_, ()>("proxy_on_context_create", (context, parent));
        context
    }

    fn set_property(&mut self, context: u32, path: &[&str], value: &[u8]) {
        let properties = self.store.data_mut().properties.entry(context).or_default();
        properties.insert(path.join("\0").into_bytes(), value.to_vec());
    }

    /// A trap here would take down every connection of the worker, so it fails the test.
    fn call<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(
        &mut self,
        export: &str,
        params: P,
    ) -> R {
        let function = self
            .instance
            .get_typed_func::<P, R>(&mut self.store, export)
            .unwrap_or_else(|error| panic!("Envoy needs the export {export}: {error:#}"));
        function.call(&mut self.store, params).unwrap_or_else(|error| {
            let log = &self.store.data().process.borrow().log;
            panic!("{export} trapped: {error:#}\nlog: {log:#?}")
        })
    }
}

/// The only action that lets bytes pass.
const CONTINUE: u32 = 0;
const PEER_UNKNOWN: u32 = 0;
const PEER_REMOTE: u32 = 2;
/// More than any test uses.
const FUEL: u64 = u64::MAX / 2;
