//! The canary's own connections against peers that are dead, slow, hostile, or not Kafka at all: on loopback, each
//! peer a task of the test. Real brokers are in `tests/canary`.

mod choice;
mod hostile;
mod login;
mod peer;
mod tls;
mod tokens;
