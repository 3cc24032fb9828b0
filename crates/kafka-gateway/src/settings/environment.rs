//! Variables of the environment, over what the file says: each key that is in no list has one, and a variable that
//! begins like ours and is none of them is an error. An empty value is as good as none, as manifests write it.

use std::ffi::OsString;

use super::keys::{self, Form, Key, PREFIX};
use super::nearest::nearest;
use super::problem::Problem;
use super::raw::{self, Node, Origin, Value};

/// Puts each variable in its place.
pub(super) fn overlay(
    tree: &mut Node,
    environment: &[(OsString, OsString)],
    problems: &mut Vec<Problem>,
) {
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let Some(value) = value.to_str() else {
            problems.push(problem(name, "is not UTF-8; write it in UTF-8"));
            continue;
        };
        if value.trim().is_empty() {
            continue;
        }
        let given = |value| Node { value, origin: Origin::Variable(name.to_owned()) };
        if let Some((path, entry)) = entry(name) {
            let mut path: Vec<&str> = path.split('.').collect();
            path.push(&entry);
            tree.put(&path, given(Value::Text(value.to_owned())));
        } else if let Some(key) = known(name) {
            match meant(key, name, value) {
                Ok(value) => tree.put(&key.path.split('.').collect::<Vec<_>>(), given(value)),
                Err(why) => problems.push(problem(name, &why)),
            }
        } else if !of_a_service(name, value) {
            problems.push(problem(name, &unknown(name)));
        }
    }
}

fn meant(key: &Key, name: &str, value: &str) -> Result<Value, String> {
    match key.form {
        // Lists of mappings are written as in the file.
        Form::List => {
            let mut node = raw::parse(value)?;
            rename(&mut node, name);
            Ok(node.value)
        }
        Form::Mapping => Err(format!("is a mapping; write {name}__NAME for each of its names")),
        _ => Ok(Value::Text(value.to_owned())),
    }
}

/// Lines of a variable's text say nothing.
fn rename(node: &mut Node, name: &str) {
    node.origin = Origin::Variable(name.to_owned());
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| rename(item, name)),
        Value::Mapping(entries) => entries.iter_mut().for_each(|(_, node)| rename(node, name)),
        Value::Null | Value::Text(_) => {}
    }
}

fn known(name: &str) -> Option<&'static Key> {
    keys::ALL.iter().copied().find(|key| key.variable().as_deref() == Some(name))
}

/// A name in a mapping: the mapping's path, and the name in librdkafka's spelling.
fn entry(name: &str) -> Option<(&'static str, String)> {
    keys::ALL.iter().filter(|key| key.form == Form::Mapping).find_map(|key| {
        let entry = name.strip_prefix(&key.variable()?)?.strip_prefix("__")?;
        (!entry.is_empty()).then(|| (key.path, entry.to_ascii_lowercase().replace('_', ".")))
    })
}

fn unknown(name: &str) -> String {
    let variables: Vec<String> = keys::ALL.iter().filter_map(|key| key.variable()).collect();
    match nearest(name, variables.iter().map(String::as_str)) {
        Some(near) => format!("is not known; {near} is"),
        None => format!(
            "is not known; write {PREFIX}, and the path of a key in capitals with __ for each dot"
        ),
    }
}

/// Kubernetes gives every container of a namespace variables for each Service in it: a Service `kafka-gateway` makes
/// `KAFKA_GATEWAY_SERVICE_HOST`, `KAFKA_GATEWAY_PORT=tcp://..`, `KAFKA_GATEWAY_PORT_4242_TCP_ADDR` and more.
fn of_a_service(name: &str, value: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| !rest.contains("__")) else {
        return false;
    };
    let rest = format!("_{rest}");
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    rest.ends_with("_SERVICE_HOST")
        || (rest.contains("_SERVICE_PORT") && value.parse::<u16>().is_ok())
        || (rest.ends_with("_PORT") && is_address)
        || rest.split_once("_PORT_").is_some_and(|(_, port)| {
            let mut parts = port.split('_');
            parts.next().is_some_and(|number| number.parse::<u16>().is_ok())
                && matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"))
        })
}

fn problem(name: &str, remedy: &str) -> Problem {
    Problem { path: name.to_owned(), source: None, given: None, remedy: remedy.to_owned() }
}
