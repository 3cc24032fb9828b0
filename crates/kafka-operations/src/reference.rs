//! Pages of the documentation that are made of what a program says of itself, and the test that they are current.

use std::fmt::Write as _;
use std::path::Path;

use crate::metrics::Description;

/// Appends a table of metrics.
pub fn table<'a>(page: &mut String, list: impl Iterator<Item = &'a Description>) {
    page.push_str("\n| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for metric in list {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        // A String takes everything.
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            metric.name,
            metric.kind.word(),
            labels.join(", "),
            cell(&metric.help)
        );
    }
}

/// A text that stays in its cell.
#[must_use]
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Compares a page with its file, or writes the file when `UPDATE_GENERATED` is set. `page` is the file's path in the
/// repository `root`, and `command` writes it.
///
/// # Errors
/// The file cannot be read or written, or is not what is rendered: with the first line that differs.
pub fn compare(root: &Path, page: &str, rendered: &str, command: &str) -> Result<(), String> {
    let file = root.join(page);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        return std::fs::write(&file, rendered).map_err(|error| format!("{page}: {error}"));
    }
    let present = std::fs::read_to_string(&file)
        .map_err(|error| format!("{page}: {error}; `{command}` writes it"))?;
    if present == rendered {
        return Ok(());
    }
    let line = present.lines().zip(rendered.lines()).take_while(|(a, b)| a == b).count();
    Err(format!(
        "{page} is not what the code says, first in line {}:\n  file: {}\n  code: {}\nrun `{command}`",
        line.saturating_add(1),
        present.lines().nth(line).unwrap_or("(end)"),
        rendered.lines().nth(line).unwrap_or("(end)"),
    ))
}

/// Holds the metrics of a text (format 0.0.4) against the list: only what has no labels, or labels whose values are known,
/// is in the text from the start; the list has all. Those of the process itself are left out.
///
/// # Errors
/// The first that is not in the list, or is another kind there; or there are fewer than `least`.
pub fn listed(text: &[u8], list: &[Description], least: usize) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let mut count: usize = 0;
    for (name, kind) in text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .filter(|(name, _)| !name.starts_with("process_"))
    {
        count = count.saturating_add(1);
        let found = list.iter().find(|listed| listed.name == name);
        if found.map(|found| found.kind.word()) != Some(kind) {
            return Err(format!("{name} is served as {kind}, and listed as {found:?}"));
        }
    }
    if count < least { Err(format!("only {count} metrics are served")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;

    use super::*;
    use crate::metrics::{Family, text};

    fn made() -> (Registry, Vec<Description>) {
        let (registry, mut list) = (Registry::new(), Vec::new());
        let mut family = Family::new(&registry, "probe", &mut list);
        family.counter("rounds_total", "Rounds | all").unwrap();
        family.gauges("age_seconds", "Age.", &["broker", "rack"]).unwrap();
        family.single_histogram("took_seconds", "Time.", &[0.1, 1.0]).unwrap();
        (registry, list)
    }

    #[test]
    fn a_row_for_each_metric() {
        let (_, list) = made();
        let mut page = String::from("# Page\n");
        table(&mut page, list.iter());
        assert_eq!(
            page,
            "# Page\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n\
             | `probe_rounds_total` | counter |  | Rounds \\| all |\n\
             | `probe_age_seconds` | gauge | `broker`, `rack` | Age. |\n\
             | `probe_took_seconds` | histogram |  | Time. |\n"
        );
    }

    #[test]
    fn what_is_served_and_not_listed_is_told() {
        let (registry, mut list) = made();
        let text = text(&registry).unwrap();
        assert_eq!(listed(&text, &list, 2), Ok(()), "without labels there are two");
        assert!(listed(&text, &list, 3).is_err());
        list.remove(0);
        let error = listed(&text, &list, 2).unwrap_err();
        assert!(error.contains("probe_rounds_total is served as counter"), "{error}");
    }

    #[test]
    fn the_first_line_that_differs_is_told() {
        let root = std::env::temp_dir().join(format!("reference-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        let missing = compare(&root, "page.md", "a\n", "make help").unwrap_err();
        assert!(missing.starts_with("page.md: ") && missing.ends_with("`make help` writes it"));
        std::fs::write(root.join("page.md"), "a\nb\nc\n").unwrap();
        assert_eq!(compare(&root, "page.md", "a\nb\nc\n", "make help"), Ok(()));
        let differs = compare(&root, "page.md", "a\nx\nc\n", "make help").unwrap_err();
        assert!(differs.contains("line 2:\n  file: b\n  code: x\nrun `make help`"), "{differs}");
        std::fs::remove_dir_all(root).unwrap();
    }
}
