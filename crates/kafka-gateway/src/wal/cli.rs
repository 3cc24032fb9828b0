//! `kafka-gateway wal`: what an operator does with a log's folder.
