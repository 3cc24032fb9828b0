//! Gives up what is damaged in a log, and keeps the rest.
