//! The command line, made of [`variables`]: every variable is a flag, before and behind the subcommand.

use clap::{Arg, ArgMatches, Command, builder::PossibleValuesParser};

use super::variables::{self, Form, Variable};

/// The command line as clap knows it.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new("kafka-canary")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Proof from outside that a Kafka cluster serves its users")
        .long_about(
            "Proof from outside that a Kafka cluster serves its users: writes to and reads from its own topic through \
             every broker, without end, and tells Prometheus and Kubernetes on port 8080.\n\n\
             Every value is an environment variable or a flag; the flag wins, and an empty value is the default.",
        )
        .after_help("Exit status: 0 stopped by a signal, 2 impossible configuration, 70 a fault of the canary itself.")
        .subcommand(check());
    for (heading, list) in
        [("As strimzi-canary", &variables::STRIMZI[..]), ("Own", &variables::OWN[..])]
    {
        command =
            command.args(list.iter().map(|variable| argument(variable).help_heading(heading)));
    }
    command
}

fn check() -> Command {
    Command::new("check")
        .about("One round over all partitions of the topic, a table, and an exit status for scripts")
        .after_help(
            "Exit status: 0 every partition was served, 1 a partition was not, 2 impossible configuration, \
             3 the cluster was not reached or the topic is missing.",
        )
        .arg(
            Arg::new("once")
                .long("once")
                .num_args(0)
                .action(clap::ArgAction::SetTrue)
                .help("One round; this is what check does anyway, the flag says so in scripts"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FORMAT")
                .value_parser(PossibleValuesParser::new(["table", "json"]))
                .default_value("table")
                .help("What is written to standard output"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .value_parser(clap::value_parser!(u64).range(1..=3600))
                .default_value("30")
                .help("How long the whole check may take; what is open then has failed"),
        )
        .arg(
            Arg::new("no-create")
                .long("no-create")
                .num_args(0)
                .action(clap::ArgAction::SetTrue)
                .help("Do not make the topic when it is missing"),
        )
}

fn argument(variable: &'static Variable) -> Arg {
    let default = if variable.default.is_empty() { "none" } else { variable.default };
    let argument = Arg::new(variable.name)
        .long(variable.flag)
        .global(true)
        .help(format!("{} [env: {}] [default: {default}]", variable.help, variable.name))
        .hide_possible_values(true);
    match variable.form {
        Form::Text(word) | Form::Secret(word) => argument.value_name(word),
        Form::Number => argument.value_name("NUMBER").allow_negative_numbers(true),
        Form::Milliseconds => argument.value_name("MS"),
        // With "=", so that a word behind the flag is a subcommand and no value.
        Form::Switch => argument
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}

/// What a flag gave, if it was there.
#[must_use]
pub fn value(matches: &ArgMatches, variable: &Variable) -> Option<String> {
    matches.get_one::<String>(variable.name).cloned()
}
