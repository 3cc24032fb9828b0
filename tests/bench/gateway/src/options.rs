//! `--name value` pairs; a name may come several times.

use std::str::FromStr;

/// What was given, in order.
pub(crate) struct Options(Vec<(String, String)>);

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut found = Vec::new();
        while let Some(argument) = arguments.next() {
            let name = argument.strip_prefix("--").ok_or(format!("{argument} is no option"))?;
            let value = arguments.next().ok_or(format!("--{name} needs a value"))?;
            found.push((name.to_owned(), value));
        }
        Ok(Self(found))
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let wanted = self.0.iter().filter(move |(found, _)| found == name);
        wanted.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        let given = self.0.iter().find(|(found, _)| found == name);
        given.map(|(_, value)| value.as_str()).ok_or(format!("--{name} is missing"))
    }

    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<T, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("--{name}: {text} is no such number"))
    }
}
