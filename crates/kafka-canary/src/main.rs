//! The program `kafka-canary`.

fn main() {}
