//! The server on a free port of loopback, in front of librdkafka's mock cluster, and clients that behave or do not.

mod bodies;
mod certificates;
mod client;
mod connections;
mod gateway;
mod process;
mod statuses;
mod streams;
mod tls;
