//! The table of errors of one thing, be it a topic or a group.

use super::errors;
use super::sheet::{Answers, Ask};
use super::table::{Table, heading};
use crate::page::{Cell, Panel, Unit};

/// Errors by request and name, over the window and over the range.
pub(super) fn table(
    help: &'static str,
    empty: &'static str,
    now: &Ask,
    in_range: &Ask,
    answers: &Answers,
) -> Panel {
    const IN_RANGE: &str = "How many, over the whole range.";
    Table::new("errors", "Errors", help)
        .label("request", "Request", None, "The API that was answered with the error.")
        .label("error", "Error", None, "As Kafka spells it.")
        .measure(heading("now", "Now", Unit::ErrorsPerSecond, "Over the window."), now)
        .measure(heading("in_range", "In this range", Unit::Count, IN_RANGE), in_range)
        .cell(heading("meaning", "What it is", Unit::Text, "And where to look."), |key| match key {
            [request, error, ..] => Cell::Text(errors::meaning(request, error).to_owned()),
            _ => Cell::None,
        })
        .sorted("now", &["in_range"])
        .empty(empty)
        .panel(answers)
}
