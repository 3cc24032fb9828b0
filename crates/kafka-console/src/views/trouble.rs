//! What every page must say although no number on it does: that nobody answers, that groups find no coordinator, that
//! other proxies than the chosen ones have counted.

use super::series::{Series, ratio};
use super::sheet::{Answers, Ask, Sheet, label};
use super::{View, errors, info, warning};
use crate::expr::Matcher;
use crate::expr::catalog::names;
use crate::page::Note;
use crate::source::SourceError;

struct Asks {
    by_reporter: Ask,
    requests: Ask,
    unacknowledged: Ask,
    responses: Ask,
    coordinator: Ask,
}

/// Notes for the top of any page.
pub(super) async fn notes(view: &View<'_>) -> Result<Vec<Note>, SourceError> {
    let mut sheet = Sheet::default();
    let asks = Asks::new(&mut sheet, view);
    let answers = sheet.answer(view.source).await?;
    let found =
        [asks.seen_by(view, &answers), asks.unanswered(&answers), asks.no_coordinator(&answers)];
    Ok(found.into_iter().flatten().collect())
}

impl Asks {
    fn new(sheet: &mut Sheet, view: &View<'_>) -> Self {
        let window = view.asked.window();
        let by_reporter = Series::of(names::REQUESTS).by(&["reporter"]);
        let failover = view.series(names::RESPONSE_ERRORS).by(REQUEST);
        let failover = failover.with(Matcher::one_of("error", errors::FAILOVER)).rate();
        Self {
            by_reporter: sheet
                .ask(by_reporter.with(Matcher::one_of("request", OF_CLIENTS)).rate(), window),
            requests: sheet.ask(view.series(names::REQUESTS).rate(), window),
            unacknowledged: sheet.ask(view.series(names::UNACKNOWLEDGED_REQUESTS).rate(), window),
            responses: sheet.ask(view.series(names::RESPONSES).rate(), window),
            coordinator: sheet
                .ask(ratio(failover, view.series(names::RESPONSES).by(REQUEST).rate()), window),
        }
    }

    /// Where the filter runs at brokers alone, the proxies that a page asks at first have counted nothing; where some
    /// clients have a proxy and others do not, the others are missing.
    fn seen_by(&self, view: &View<'_>, answers: &Answers) -> Option<Note> {
        let chosen = view.asked.reporter();
        let counted = |chosen_ones: bool| {
            let samples = answers.vector(&self.by_reporter).iter();
            let samples = samples.filter(move |one| chosen.has(label(one, 0)) == chosen_ones);
            samples.filter(|one| one.value > 0.0)
        };
        let others = counted(false).max_by(|one, other| one.value.total_cmp(&other.value))?;
        let title = super::asked::Reporter::title_of(label(others, 0))?;
        let remedy = format!("Choose \"{title}\" at Seen by.");
        let here: f64 = counted(true).map(|one| one.value).sum();
        if here <= 0.0 {
            let text = format!(
                "Nothing here was counted by the chosen proxies ({}), and much by others ({title}).",
                chosen.title()
            );
            return Some(warning(text, remedy));
        }
        let times = others.value / here;
        (chosen.is_default() && times > MANY_TIMES).then(|| {
            let text = format!(
                "Other proxies ({title}) have counted {times:.1} times as many requests as these ({}): clients without a \
                 proxy of their own are missing here.",
                chosen.title()
            );
            info(text, Some(&remedy))
        })
    }

    fn unanswered(&self, answers: &Answers) -> Option<Note> {
        let number = |ask| answers.number(ask).unwrap_or_default();
        let awaited = number(&self.requests) - number(&self.unacknowledged);
        let is_silent = number(&self.responses) <= 0.0 && awaited > 0.01 * number(&self.requests);
        is_silent.then(|| {
            warning(
                "Requests go out, and within this window not one was answered.",
                "Do the brokers run, and can the proxies reach them? Requests has what is in flight.",
            )
        })
    }

    /// These codes are left out of what counts as an error, because a failover brings them for seconds.
    fn no_coordinator(&self, answers: &Answers) -> Option<Note> {
        let samples = answers.vector(&self.coordinator).iter();
        let most = samples.max_by(|one, other| one.value.total_cmp(&other.value))?;
        (most.value > MISSING_SHARE).then(|| {
            warning(
                format!(
                    "Groups or transactions find no coordinator: {:.0} % of the answers to {}.",
                    most.value * 100.0,
                    label(most, 0)
                ),
                "After a failover this passes in seconds. If it lasts: do all partitions of __consumer_offsets and \
                 __transaction_state have a leader?",
            )
        })
    }
}

/// What brokers send each other is in no proportion to it.
const OF_CLIENTS: &str = "Produce|FetchConsumer|ShareFetch|Metadata";

/// As the alert `KafkaCoordinatorUnavailable` has it.
const MISSING_SHARE: f64 = 0.2;

/// A gateway on the way of some clients is less.
const MANY_TIMES: f64 = 1.5;

const REQUEST: &[&str] = &["request"];
