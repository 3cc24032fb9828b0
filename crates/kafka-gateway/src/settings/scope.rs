//! Values by their keys: whatever is wrong is gathered, so that an operator sees all of it at once, and reading goes on
//! with the default.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::keys::{self, Form, Key};
use super::nearest::nearest;
use super::problem::{Problem, shortened};
use super::raw::{Node, Origin, Value};

/// The root, or one mapping of a list.
pub(super) struct Scope<'a> {
    node: &'a Node,
    /// As keys have it: empty, or `ratelimit.rules[]`.
    pattern: &'static str,
    /// As messages have it: empty, or `ratelimit.rules[2]`.
    path: String,
    problems: &'a RefCell<Vec<Problem>>,
}

impl<'a> Scope<'a> {
    pub(super) fn root(node: &'a Node, problems: &'a RefCell<Vec<Problem>>) -> Self {
        Self { node, pattern: "", path: String::new(), problems }
    }

    /// The mappings of a list.
    pub(super) fn items(&self, key: &Key, pattern: &'static str) -> Vec<Self> {
        let Some(node) = self.find(key) else { return Vec::new() };
        let Value::List(items) = &node.value else {
            self.refuse_kind(key, node, "a list of mappings");
            return Vec::new();
        };
        let item = |(index, node)| Self {
            node,
            pattern,
            path: format!("{}[{index}]", self.shown(key)),
            problems: self.problems,
        };
        items.iter().enumerate().map(item).collect()
    }

    /// Whether there is a value.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.find(key).is_some()
    }

    /// The text, or the default; none when both are empty. Blanks around it are dropped, save for secrets.
    pub(super) fn text(&self, key: &Key) -> Option<String> {
        let text = match self.find(key) {
            None => key.default.to_owned(),
            Some(Node { value: Value::Text(text), .. }) if key.form == Form::Secret => text.clone(),
            Some(Node { value: Value::Text(text), .. }) => text.trim().to_owned(),
            Some(node) => {
                self.refuse_kind(key, node, "a single value");
                key.default.to_owned()
            }
        };
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn file(&self, key: &Key) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    /// Several texts; of [`Form::Texts`] a single one may have commas.
    pub(super) fn texts(&self, key: &Key) -> Vec<String> {
        let Some(node) = self.find(key) else { return Vec::new() };
        let mut texts = Vec::new();
        match &node.value {
            Value::Text(text) if key.form == Form::Texts => {
                texts.extend(text.split(',').map(|part| part.trim().to_owned()));
            }
            Value::Text(text) => texts.push(text.trim().to_owned()),
            Value::List(items) => {
                for item in items {
                    match &item.value {
                        Value::Text(text) => texts.push(text.trim().to_owned()),
                        _ => self.refuse_kind(key, item, "a single value"),
                    }
                }
            }
            _ => self.refuse_kind(key, node, "a list"),
        }
        if texts.iter().any(String::is_empty) {
            self.refuse(key, "has an empty entry; leave it out");
            texts.retain(|text| !text.is_empty());
        }
        texts
    }

    /// A mapping's names and texts; what is empty is left out, as everywhere.
    pub(super) fn mapping(&self, key: &Key) -> Vec<(String, String)> {
        let Some(node) = self.find(key) else { return Vec::new() };
        let Value::Mapping(entries) = &node.value else {
            self.refuse_kind(key, node, "a mapping");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for (name, entry) in entries {
            match &entry.value {
                Value::Null => {}
                Value::Text(text) if text.trim().is_empty() => {}
                Value::Text(text) => texts.push((name.clone(), text.trim().to_owned())),
                Value::List(_) | Value::Mapping(_) => {
                    self.refuse_entry(key, name, None, "is not a single value; write one")
                }
            }
        }
        texts
    }

    /// `true` or `false`, in the spellings that kprf took; none when there is neither a value nor a default.
    pub(super) fn switch(&self, key: &Key) -> Option<bool> {
        let text = self.text(key)?.to_ascii_lowercase();
        match text.as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => {
                self.refuse(key, "is neither; write true or false");
                bool::from_str(key.default).ok()
            }
        }
    }

    /// The same, where the default is false.
    pub(super) fn is_on(&self, key: &Key) -> bool {
        self.switch(key).unwrap_or(false)
    }

    /// A whole number within the key's bounds; none when there is neither a value nor a default.
    pub(super) fn whole(&self, key: &Key) -> Option<u64> {
        let (least, most, unit) = match key.form {
            Form::Whole(least, most) => (least, most, ""),
            Form::Milliseconds(least, most) => (least, most, " of milliseconds"),
            Form::Seconds(least, most) => (least, most, " of seconds"),
            Form::Bytes(least, most) => (least, most, " of bytes"),
            _ => return None,
        };
        let text = self.text(key)?;
        match u64::from_str(&text) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let mut remedy = format!("is not a whole number{unit} from {least} to {most}");
                if !key.default.is_empty() {
                    let _ = write!(remedy, "; the default is {}", key.default);
                }
                self.refuse(key, remedy);
                u64::from_str(key.default).ok()
            }
        }
    }

    /// The same for keys with a default.
    pub(super) fn number(&self, key: &Key) -> u64 {
        self.whole(key).unwrap_or_default()
    }

    pub(super) fn size(&self, key: &Key) -> usize {
        usize::try_from(self.number(key)).unwrap_or(usize::MAX)
    }

    pub(super) fn port(&self, key: &Key) -> u16 {
        u16::try_from(self.number(key)).unwrap_or_default()
    }

    pub(super) fn duration(&self, key: &Key) -> Duration {
        match key.form {
            Form::Seconds(..) => Duration::from_secs(self.number(key)),
            _ => Duration::from_millis(self.number(key)),
        }
    }

    /// A number above 0; none is no limit.
    pub(super) fn rate(&self, key: &Key) -> Option<f64> {
        let text = self.text(key)?;
        match f64::from_str(&text) {
            Ok(0.0) => None,
            Ok(rate) if (RATE_LEAST..=RATE_MOST).contains(&rate) => Some(rate),
            _ => {
                self.refuse(key, "is no number above 0; write for example 100, or 0 for no limit");
                None
            }
        }
    }

    pub(super) fn address(&self, key: &Key) -> IpAddr {
        let any = IpAddr::from([0, 0, 0, 0]);
        let Some(text) = self.text(key) else { return any };
        match IpAddr::from_str(text.trim_start_matches('[').trim_end_matches(']')) {
            Ok(address) => address,
            Err(_) => {
                self.refuse(key, "is no IP address; write one without a port, for example 0.0.0.0");
                any
            }
        }
    }

    /// One of the key's words, as the key spells it.
    pub(super) fn word(&self, key: &Key) -> Option<&'static str> {
        let Form::Word(words) = key.form else { return None };
        let text = self.text(key)?;
        let found = words.iter().copied().find(|word| word.eq_ignore_ascii_case(&text));
        if found.is_none() {
            self.refuse(key, format!("is not known; write one of {}", words.join(", ")));
            return words.iter().copied().find(|word| *word == key.default);
        }
        found
    }

    /// Notes that a value is wrong, or missing.
    pub(super) fn refuse(&self, key: &Key, remedy: impl Into<String>) {
        let shown = !matches!(key.form, Form::Secret | Form::Secrets);
        let node = self.find(key);
        let given = match node.map(|node| &node.value) {
            Some(Value::Text(text)) if shown => Some(shortened(text)),
            _ => None,
        };
        self.note(self.shown(key), node.and_then(source), given, remedy.into());
    }

    /// The same for a name of a mapping.
    pub(super) fn refuse_entry(&self, key: &Key, name: &str, given: Option<&str>, remedy: &str) {
        let node = self.find(key).and_then(|node| node.get(name));
        let path = format!("{}.{name}", self.shown(key));
        self.note(path, node.and_then(source), given.map(shortened), remedy.to_owned());
    }

    fn refuse_kind(&self, key: &Key, node: &Node, meant: &str) {
        let remedy = format!("is {}; write {meant}", node.kind());
        self.note(self.shown(key), source(node), None, remedy);
    }

    fn note(&self, path: String, source: Option<String>, given: Option<String>, remedy: String) {
        let mut problems = self.problems.borrow_mut();
        let problem = Problem { path, source, given, remedy };
        // A value may be asked for twice.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// The key's path here, with numbers for brackets.
    pub(super) fn shown(&self, key: &Key) -> String {
        match key.path.strip_prefix(self.pattern) {
            Some(rest) if !self.pattern.is_empty() => format!("{}{rest}", self.path),
            _ => key.path.to_owned(),
        }
    }

    /// The value, unless it is absent, null or empty.
    fn find(&self, key: &Key) -> Option<&'a Node> {
        let relative = key.path.strip_prefix(self.pattern)?.trim_start_matches('.');
        let mut node = self.node;
        for name in relative.split('.') {
            node = node.get(name)?;
        }
        match &node.value {
            Value::Null => None,
            Value::Text(text) if text.trim().is_empty() => None,
            _ => Some(node),
        }
    }
}

/// Notes every key that is not known, and what is no mapping where keys are.
pub(super) fn refuse_unknown(node: &Node, pattern: &str, path: &str, problems: &mut Vec<Problem>) {
    let key = keys::ALL.iter().find(|key| key.path == pattern);
    match (&node.value, key.map(|key| key.form)) {
        (Value::Mapping(entries), None) => {
            for (name, entry) in entries {
                let below = join(pattern, name);
                if is_known(&below) {
                    refuse_unknown(entry, &below, &join(path, name), problems);
                } else {
                    problems.push(Problem {
                        path: join(path, name),
                        source: source(entry),
                        given: None,
                        remedy: unknown(pattern, name),
                    });
                }
            }
        }
        (Value::List(items), Some(Form::List)) => {
            for (index, item) in items.iter().enumerate() {
                refuse_unknown(
                    item,
                    &format!("{pattern}[]"),
                    &format!("{path}[{index}]"),
                    problems,
                );
            }
        }
        (Value::Null, _) | (_, Some(_)) => {}
        (Value::Text(_) | Value::List(_), None) => problems.push(Problem {
            path: if path.is_empty() { "the file".to_owned() } else { path.to_owned() },
            source: source(node),
            given: None,
            remedy: format!("is {}; write a mapping, `key: value` a line", node.kind()),
        }),
    }
}

fn is_known(pattern: &str) -> bool {
    keys::ALL.iter().any(|key| {
        key.path
            .strip_prefix(pattern)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
    })
}

fn unknown(pattern: &str, name: &str) -> String {
    let mut beside: Vec<&str> = Vec::new();
    for key in keys::ALL {
        let Some(rest) = key.path.strip_prefix(pattern) else { continue };
        let first = rest.trim_start_matches('.').split(['.', '[']).next().unwrap_or_default();
        if !first.is_empty() && !beside.contains(&first) {
            beside.push(first);
        }
    }
    let begins = |known: &&&str| name.len() >= BEGINNING_MIN && known.starts_with(name);
    let near = nearest(name, beside.iter().copied()).or(beside.iter().find(begins).copied());
    if let Some(near) = near {
        return format!("is not known; {} is", join(pattern, near));
    }
    let elsewhere = nearest(name, keys::ALL.iter().map(|key| key.name()))
        .and_then(|near| keys::ALL.iter().find(|key| key.name() == near));
    match elsewhere {
        Some(key) => format!("is not known; {} is", key.path),
        None => format!("is not known; here are {}", beside.join(", ")),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn source(node: &Node) -> Option<String> {
    match &node.origin {
        Origin::Nowhere | Origin::Line(0) => None,
        Origin::Line(line) => Some(format!("line {line}")),
        Origin::Variable(name) => Some(name.clone()),
    }
}

/// So much of a name is no accident.
const BEGINNING_MIN: usize = 4;

/// One in three hours, and more than any host does.
const RATE_LEAST: f64 = 0.0001;
const RATE_MOST: f64 = 1e12;
