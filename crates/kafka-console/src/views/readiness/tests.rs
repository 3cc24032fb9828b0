use super::*;
use crate::expr::Line;

fn row(client: &str) -> Vec<Arc<str>> {
    [client, "Fetch", "3"].into_iter().map(Arc::from).collect()
}

fn matrix(lines: &[(&str, [Option<f64>; 4])]) -> Matrix {
    Matrix {
        times_s: vec![100, 110, 120, 130],
        lines: lines
            .iter()
            .map(|(client, points)| Line { labels: row(client), points: points.to_vec() })
            .collect(),
    }
}

fn since(lines: &[(&str, [Option<f64>; 4])], window: u64, now: &[&str]) -> Since {
    Since {
        seen: Since::read(&matrix(lines), Duration::from_secs(window)),
        now: now.iter().map(|client| row(client)).collect(),
        watched_from_s: 0,
    }
}

#[test]
fn since_is_the_first_point_above_nothing() {
    let lines = [
        ("new", [None, Some(0.0), Some(1.0), Some(1.0)]),
        ("old", [Some(2.0), Some(0.0), None, None]),
        ("silent", [Some(0.0), Some(0.0), Some(0.0), Some(0.0)]),
    ];
    let since = since(&lines, 10, &["new"]);
    assert_eq!(since.first(&row("new")), Cell::Number(120.0));
    assert_eq!(since.last(&row("new")), toned("now", Tone::Warning));
    assert_eq!(since.first(&row("old")), Cell::Text("before this range".to_owned()));
    assert_eq!(since.last(&row("old")), Cell::Number(100.0));
    assert_eq!(since.first(&row("silent")), Cell::None);
    assert_eq!(since.first(&row("unknown")), Cell::None);
}

#[test]
fn what_was_there_when_the_console_began_to_look_is_no_news() {
    let lines = [
        ("there", [None, Some(1.0), Some(1.0), Some(1.0)]),
        ("came", [None, Some(0.0), Some(1.0), Some(1.0)]),
    ];
    let since = Since { watched_from_s: 110, ..since(&lines, 10, &[]) };
    assert_eq!(since.first(&row("there")), Cell::Text("before the console looked".to_owned()));
    assert_eq!(since.first(&row("came")), Cell::Number(120.0));
}

/// Points 10 s apart that look back over 20 s: the last that sees a request is 10 s too late, and the newest one does
/// not say that the client still speaks.
#[test]
fn last_seen_is_no_later_than_the_last_request_may_have_been() {
    let lines = [
        ("once", [Some(0.0), Some(1.0), Some(1.0), Some(0.0)]),
        ("ended", [Some(0.0), Some(0.0), Some(1.0), Some(1.0)]),
        ("short", [Some(0.0), Some(1.0), Some(0.0), Some(0.0)]),
    ];
    let since = since(&lines, 20, &[]);
    assert_eq!(since.first(&row("once")), Cell::Number(110.0));
    assert_eq!(since.last(&row("once")), Cell::Number(110.0));
    assert_eq!(since.last(&row("ended")), Cell::Number(120.0));
    assert_eq!(since.last(&row("short")), Cell::Number(110.0), "not before it came");
}
