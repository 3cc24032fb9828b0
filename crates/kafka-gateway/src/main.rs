//! The program `kafka-gateway`.

fn main() {}
