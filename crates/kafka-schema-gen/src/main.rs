//! Turns Kafka's JSON message definitions into the tables of kafka-wire: offline, deterministic,
//! and only when every definition was understood whole.

mod definition;
mod emit;
mod error;
mod json;
mod lower;
mod output;
mod roles;
mod union;
mod verify;
mod versions;

use std::path::PathBuf;
use std::process::ExitCode;

use error::Error;
use union::Release;

const USAGE: &str =
    "usage: kafka-schema-gen --messages FOLDER [--messages FOLDER] --out FOLDER [--check]
  --messages  message definitions of one Kafka release, in a folder named after it; newest first
  --out       the folder `generated` of kafka-wire; its `generated.rs` stands beside it
  --check     write nothing; fail when what is there differs";

/// What the command line says.
struct Arguments {
    messages: Vec<PathBuf>,
    out: PathBuf,
    check: bool,
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("kafka-schema-gen: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("kafka-schema-gen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, Error> {
    let releases: Vec<Release> =
        arguments.messages.iter().map(|folder| Release::read(folder)).collect::<Result<_, _>>()?;
    let names: Vec<&str> = releases.iter().map(|release| release.name.as_str()).collect();
    let apis = union::unite(&releases)?;
    let files = emit::files(&apis, &names, &union::changes(&releases)?)?;
    let mut layouts = 0_usize;
    for api in &apis {
        layouts = layouts.saturating_add(api.request.valid.iter().count());
    }
    let what = format!("{} APIs, {layouts} versions of Kafka {}", apis.len(), names.join(" and "));
    if arguments.check {
        output::check(&arguments.out, &files)?;
        Ok(format!("the tables are those of {what}"))
    } else {
        let changed = output::write(&arguments.out, &files)?;
        Ok(format!("{what}: {changed} of {} files changed", files.len()))
    }
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut messages, mut out, mut check) = (Vec::new(), None, false);
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().map(PathBuf::from).ok_or(format!("{argument} needs a folder"));
            match argument.as_str() {
                "--messages" => messages.push(value()?),
                "--out" => out = Some(value()?),
                "--check" => check = true,
                _ => return Err(format!("unknown argument {argument}")),
            }
        }
        if messages.is_empty() {
            return Err("--messages is missing".to_owned());
        }
        let out = out.ok_or("--out is missing")?;
        Ok(Self { messages, out, check })
    }
}
