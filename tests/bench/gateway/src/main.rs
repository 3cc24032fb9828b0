//! What kafka-gateway is measured against and with. Every server here listens on 127.0.0.1 alone and ends when its
//! standard input does, so nothing outlives the run that started it; the load ends by itself.
//!
//! ```text
//! kafka-gateway-bench bare     --port 4242
//! kafka-gateway-bench stand-in --port 4242 --brokers 127.0.0.1:9092 [--set queue.buffering.max.ms=10]...
//! kafka-gateway-bench rate     --port 4242 --path /push --body-file FILE --rate 4000 --seconds 10 --connections 256
//! ```

mod bare;
mod options;
mod rate;
mod stand_in;

use std::io::Read;
use std::process::ExitCode;

use crate::options::Options;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("kafka-gateway-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().ok_or("say bare, stand-in or rate")?;
    let options = Options::parse(arguments)?;
    let mut builder = match command.as_str() {
        // The load shares the machine with what it measures: one thread, and no stealing of work.
        "rate" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        match command.as_str() {
            "bare" => until_abandoned(bare::serve(&options)).await,
            "stand-in" => until_abandoned(stand_in::serve(&options)).await,
            "rate" => rate::run(&options).await,
            other => Err(format!("no such command: {other}")),
        }
    })
}

/// Runs a server until standard input ends, which it does when whoever started the server is gone.
async fn until_abandoned(server: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    std::thread::spawn(|| {
        let mut rest = [0_u8; 64];
        while matches!(std::io::stdin().read(&mut rest), Ok(1..)) {}
        std::process::exit(0);
    });
    server.await
}
