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

#[test]
fn since_is_the_first_point_above_nothing() {
    let since = Since::read(&matrix(&[
        ("new", [None, Some(0.0), Some(1.0), Some(1.0)]),
        ("old", [Some(2.0), Some(0.0), None, None]),
        ("silent", [Some(0.0), Some(0.0), Some(0.0), Some(0.0)]),
    ]));
    assert_eq!(since.first(&row("new")), Cell::Number(120.0));
    assert_eq!(since.last(&row("new")), toned("now", Tone::Warning));
    assert_eq!(since.first(&row("old")), Cell::Text("before this range".to_owned()));
    assert_eq!(since.last(&row("old")), Cell::Number(100.0));
    assert_eq!(since.first(&row("silent")), Cell::None);
    assert_eq!(since.first(&row("unknown")), Cell::None);
}
