//! The artefact under test, always built from the sources as they are: a test of an old one proves
//! nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use wasmtime::{Config, Engine, Module, OptLevel};

/// The artefact as the sources build it now.
pub fn bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| read(&build(&["--profile", "wasm"])))
}

/// The artefact that `make wasm` left for use.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn shipped_bytes() -> Vec<u8> {
    let path = workspace().join(SHIPPED);
    assert!(path.exists(), "{SHIPPED} is missing: run `make wasm` first");
    read(&path)
}

/// The compiled artefact, once for all tests of a process.
pub(crate) fn module() -> &'static (Engine, Module) {
    static MODULE: OnceLock<(Engine, Module)> = OnceLock::new();
    MODULE.get_or_init(|| compile(bytes()))
}

/// The same code with the names of its functions, which what ships does without.
pub(crate) fn named_module() -> &'static (Engine, Module) {
    static MODULE: OnceLock<(Engine, Module)> = OnceLock::new();
    MODULE.get_or_init(|| {
        let inherits = ["--config", "profile.wasm-named.inherits = 'wasm'"];
        let keeps = ["--config", "profile.wasm-named.strip = false"];
        let profile = ["--profile", "wasm-named"];
        compile(&read(&build(&[inherits, keeps, profile].concat())))
    })
}

fn compile(bytes: &[u8]) -> (Engine, Module) {
    let mut config = Config::new();
    config.consume_fuel(true);
    // Compiling takes longer than the tests; fuel counts the module's operations either way.
    config.cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).expect("this machine can run wasmtime");
    let module = Module::new(&engine, bytes).expect("the artefact is a valid module");
    (engine, module)
}

/// The names of the module's imports, and of its exports.
#[must_use]
pub fn interface() -> (Vec<(String, String)>, Vec<String>) {
    let (_, module) = module();
    let imports =
        module.imports().map(|import| (import.module().to_owned(), import.name().to_owned()));
    let exports = module.exports().map(|export| export.name().to_owned());
    (imports.collect(), exports.collect())
}

/// Builds the shell as `make wasm` does; a moment when nothing has changed.
fn build(profile: &[&str]) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .env("CARGO_ENCODED_RUSTFLAGS", flags())
        .args(["build", "--locked", "--target", TARGET, "-p", "kafka-filter-wasm"])
        .args(profile)
        .arg("--message-format=json-render-diagnostics")
        .output()
        .expect("cargo runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the artefact does not build:\n{stderr}");
    let messages = String::from_utf8_lossy(&output.stdout);
    let path = messages
        .split('"')
        .find(|text| text.ends_with("kafka_filter_wasm.wasm") && !text.contains("/deps/"));
    PathBuf::from(path.unwrap_or_else(|| panic!("cargo names no artefact:\n{messages}")))
}

/// The flags by which the bytes do not depend on where the sources lie.
fn flags() -> String {
    let output = Command::new("python3")
        .current_dir(workspace())
        .args(["-B", "release/wasm.py", "flags"])
        .output()
        .expect("python3 runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "release/wasm.py tells no flags:\n{stderr}");
    String::from_utf8(output.stdout).expect("paths are UTF-8")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

const SHIPPED: &str = "dist/kafka_filter.wasm";
const TARGET: &str = "wasm32-wasip1";
