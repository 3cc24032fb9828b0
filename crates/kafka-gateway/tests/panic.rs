//! A panic, in whatever thread or task, ends the program with status 70, after what was accepted was brought away.
//!
//! The program has no path that panics on purpose, so the test's own process is the program: it runs itself again, and
//! there everything that `main` does, with a panic beside it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail by panicking"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, exit};
use std::thread;
use std::time::{Duration, Instant};

use kafka_gateway::logs::Logs;
use kafka_gateway::{run, settings};

const PLACE: &str = "KAFKA_GATEWAY_TEST_PANICS_IN";
const WORDS: &str = "provoked by the test";

#[test]
fn a_panic_ends_the_program_with_70() {
    if let Some(place) = std::env::var_os(PLACE) {
        program(place == "task");
    }
    for place in ["task", "thread"] {
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_panic_ends_the_program_with_70", "--nocapture"])
            .env(PLACE, place)
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(70), "{place}: {said}");
        for expected in [WORDS, "stopping because of a fault", "a task panicked", "stopped"] {
            assert!(said.contains(expected), "{place}: {expected} in\n{said}");
        }
    }
}

/// As `main`, with a broker that is not there, until the panic.
fn program(in_task: bool) -> ! {
    let broker = ("KAFKA_GATEWAY_KAFKA__BROKERS".into(), "127.0.0.1:1".into());
    let mut settings = settings::load(None, [broker]).unwrap();
    settings.drain_timeout = Duration::from_secs(2);
    settings.http.listen = free();
    settings.management = free();
    let management = settings.management;
    let logs = Logs::start(&settings.output).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    thread::spawn(move || {
        answered(management);
        if in_task {
            handle.spawn(async { panic!("{WORDS}") });
        } else {
            panic!("{WORDS}");
        }
    });
    let outcome = runtime.block_on(run::run(settings, logs));
    exit(i32::from(run::exit_status(&outcome)));
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Waits until the program is alive, and so past all that it does at its start.
fn answered(management: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let healthy = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect(management)?;
        connection.write_all(b"GET /healthy HTTP/1.1\r\nhost: x\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    while !healthy().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
        if Instant::now() > deadline {
            exit(3);
        }
        thread::sleep(Duration::from_millis(20));
    }
}
