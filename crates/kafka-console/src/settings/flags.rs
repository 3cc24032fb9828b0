//! The command line, from one list: each flag has an environment variable of the same meaning.

use clap::{Arg, ArgAction, Command, builder::PossibleValuesParser};

/// A flag and its variable.
#[derive(Debug)]
pub struct Flag {
    /// Without the dashes.
    pub name: &'static str,
    /// The environment variable of the same meaning.
    pub variable: &'static str,
    /// What stands for its value in the help.
    pub value: &'static str,
    /// The value when nothing is given; empty for none.
    pub default: &'static str,
    /// Whether it may come more than once; in the variable, values are separated by commas.
    pub many: bool,
    /// What it does.
    pub help: &'static str,
}

/// All of them, in the order of the help.
pub const FLAGS: &[Flag] = &[
    one(
        "listen",
        "KAFKA_CONSOLE_LISTEN",
        "ADDRESS:PORT",
        "127.0.0.1:8085",
        "Where pages are served; 0 as port takes a free one",
    ),
    many(
        "proxy",
        "KAFKA_CONSOLE_PROXY",
        "URL",
        "Scrape this Envoy's admin address, such as http://127.0.0.1:9901; a path in it replaces \
          --proxies-path",
    ),
    one(
        "proxies-file",
        "KAFKA_CONSOLE_PROXIES_FILE",
        "FILE",
        "",
        "Scrape the proxies of this list, JSON or YAML as Prometheus' file_sd; it is \
         watched",
    ),
    many(
        "proxies-dns",
        "KAFKA_CONSOLE_PROXIES_DNS",
        "NAME:PORT",
        "Scrape every address of this name",
    ),
    one(
        "proxies-path",
        "KAFKA_CONSOLE_PROXIES_PATH",
        "PATH",
        "/stats/prometheus",
        "Where proxies have their metrics",
    ),
    one(
        "scrape-interval",
        "KAFKA_CONSOLE_SCRAPE_INTERVAL",
        "TIME",
        "10s",
        "How often proxies are scraped; with --prometheus, how often that scrapes them: 500ms to 60s",
    ),
    one(
        "prometheus",
        "KAFKA_CONSOLE_PROMETHEUS",
        "URL",
        "",
        "Ask this Prometheus instead of scraping proxies",
    ),
    one(
        "prometheus-token-file",
        "KAFKA_CONSOLE_PROMETHEUS_TOKEN_FILE",
        "FILE",
        "",
        "A bearer token for Prometheus",
    ),
    one(
        "prometheus-url-public",
        "KAFKA_CONSOLE_PROMETHEUS_URL_PUBLIC",
        "URL",
        "",
        "Where people's browsers reach Prometheus, for links at numbers",
    ),
    one(
        "token-file",
        "KAFKA_CONSOLE_TOKEN_FILE",
        "FILE",
        "",
        "Let in who has this token, of 16 characters at least; the file is read again when \
         it changes",
    ),
    one(
        "trusted-header",
        "KAFKA_CONSOLE_TRUSTED_HEADER",
        "NAME",
        "",
        "Let in whom a proxy in front names in this header",
    ),
    many(
        "trusted-proxy",
        "KAFKA_CONSOLE_TRUSTED_PROXY",
        "NETWORK",
        "The proxies whose header is believed, as 10.0.0.0/8",
    ),
    many(
        "allowed-host",
        "KAFKA_CONSOLE_ALLOWED_HOST",
        "NAME",
        "Answer requests for this host name too; on a loopback address only its own names \
          are answered, elsewhere all unless this is given",
    ),
    one(
        "log-level",
        "KAFKA_CONSOLE_LOG_LEVEL",
        "LEVEL",
        "info",
        "off, error, warn, info, debug, trace, or by module: info,kafka_console=debug",
    ),
    one(
        "log-format",
        "KAFKA_CONSOLE_LOG_FORMAT",
        "text|json",
        "text",
        "Lines for people, or a JSON object a line",
    ),
];

const fn one(
    name: &'static str,
    variable: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Flag {
    Flag { name, variable, value, default, many: false, help }
}

const fn many(
    name: &'static str,
    variable: &'static str,
    value: &'static str,
    help: &'static str,
) -> Flag {
    Flag { name, variable, value, default: "", many: true, help }
}

impl Flag {
    fn argument(&self) -> Arg {
        let argument = Arg::new(self.name)
            .long(self.name)
            .value_name(self.value)
            .env(self.variable)
            .hide_env_values(true)
            .help(self.help);
        let argument = match self.default {
            "" => argument,
            default => argument.default_value(default),
        };
        if self.name == "log-format" {
            return argument.value_parser(PossibleValuesParser::new(["text", "json"]));
        }
        if self.many { argument.action(ArgAction::Append).value_delimiter(',') } else { argument }
    }
}

/// The command line as clap knows it.
#[must_use]
pub fn command() -> Command {
    Command::new("kafka-console")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The mesh's Kafka traffic in a browser, from the filter's metrics alone")
        .after_help("Exit status: 0 stopped by a signal, 2 impossible settings, 70 a fault of the console itself.")
        .args(FLAGS.iter().map(Flag::argument))
}
