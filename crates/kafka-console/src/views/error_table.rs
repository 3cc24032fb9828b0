//! The table of errors of everything, or of one thing, be it a topic or a group.

use super::sheet::{Answers, Ask};
use super::table::{Table, heading, toned};
use super::{View, errors};
use crate::page::{Cell, Panel, Tone, Unit};

/// Errors by request and name, over the window and over the range; with words about all, and without any.
pub(super) fn table(
    view: &View<'_>,
    (help, empty): (&'static str, &'static str),
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
        .cell(heading("healthy", "Healthy", Unit::Text, HEALTHY), |key| match key {
            [_, error, ..] if errors::passes(error) => Cell::Text("for seconds".to_owned()),
            [request, error, ..] if errors::is_healthy(request, error) => {
                Cell::Text("yes".to_owned())
            }
            _ => toned("no", Tone::Error),
        })
        .cell(heading("meaning", "What it is", Unit::Text, "And where to look."), |key| match key {
            [request, error, ..] => Cell::Text(errors::meaning(request, error).to_owned()),
            _ => Cell::None,
        })
        .sorted("now", &["in_range"])
        .searched(view)
        .empty(empty)
        .panel(answers)
}

const HEALTHY: &str = "Whether healthy clusters have it; those of a failover for seconds. A code that others treat as \
    harmless still matters when it lasts.";
