use super::{Release, changes, table, unite};
use crate::definition::Direction;
use crate::emit;
use crate::lower::{Entry, Table};

const FETCH: (u8, Direction) = (1, Direction::Request);

/// A release with one message of key 1.
fn release(name: &str, versions: &str, flexible: &str, fields: &str) -> Release {
    let text = format!(
        r#"{{"apiKey": 1, "type": "request", "name": "XRequest", "validVersions": "{versions}",
            "flexibleVersions": "{flexible}", "fields": [{fields}]}}"#
    );
    Release::parse(name, [(format!("{name}/XRequest.json"), text)]).unwrap()
}

fn table_of(release: &Release) -> Result<Option<Table>, crate::error::Error> {
    table(std::slice::from_ref(release), FETCH)
}

fn joined(releases: &[Release]) -> Table {
    table(releases, FETCH).unwrap().unwrap()
}

fn lines(entries: &[Entry]) -> Vec<String> {
    let line = |entry: &Entry| {
        let tag =
            entry.tag.map_or(String::new(), |(number, tagged)| format!(" tag {number} {tagged}"));
        let null = if entry.nullable.is_empty() {
            String::new()
        } else {
            format!(" null {}", entry.nullable)
        };
        format!("{} {}{null}{tag}", entry.name, entry.versions)
    };
    entries.iter().map(line).collect()
}

#[test]
fn each_version_comes_from_the_newest_release_that_has_it() {
    let new = release(
        "2.0",
        "2-4",
        "3+",
        r#"{"name": "A", "type": "int8", "versions": "0+"},
           {"name": "B", "type": "string", "versions": "0+", "nullableVersions": "0+"}"#,
    );
    let old = release(
        "1.0",
        "0-3",
        "3+",
        r#"{"name": "Gone", "type": "int64", "versions": "0-1"},
           {"name": "A", "type": "int8", "versions": "1+"},
           {"name": "Mid", "type": "int16", "versions": "0+"},
           {"name": "B", "type": "string", "versions": "0+", "nullableVersions": "1+"}"#,
    );
    let table = joined(&[new, old]);
    // `Mid` is in version 2 and 3 of the old release only, which the new one also has.
    assert_eq!(lines(&table.fields), ["Gone 0-1", "A 1-4", "Mid 0-1", "B 0-4 null 1-4"]);
}

#[test]
fn a_field_whose_type_changed_is_there_twice() {
    let new = release("2.0", "1-2", "none", r#"{"name": "A", "type": "int32", "versions": "0+"}"#);
    let old = release("1.0", "0-1", "none", r#"{"name": "A", "type": "int16", "versions": "0+"}"#);
    assert_eq!(lines(&joined(&[new, old]).fields), ["A 0", "A 1-2"]);
}

#[test]
fn a_field_that_moved_is_there_twice() {
    let a = r#"{"name": "A", "type": "int8", "versions": "0+"}"#;
    let b = r#"{"name": "B", "type": "int8", "versions": "0+"}"#;
    let new = release("2.0", "1", "none", &format!("{a}, {b}"));
    let old = release("1.0", "0-1", "none", &format!("{b}, {a}"));
    assert_eq!(lines(&joined(&[new, old]).fields), ["A 1", "B 0-1", "A 0"]);
}

#[test]
fn structs_join_by_their_type_name() {
    let rows = |inner: &str| {
        format!(r#"{{"name": "Rows", "type": "[]Row", "versions": "0+", "fields": [{inner}]}}"#)
    };
    let new = r#"{"name": "TopicId", "type": "uuid", "versions": "1+"}"#;
    let old = r#"{"name": "Name", "type": "string", "versions": "0+", "entityType": "topicName"}"#;
    let new = release("2.0", "1-2", "none", &rows(new));
    let old = release("1.0", "0-1", "none", &rows(old));
    let table = joined(&[new, old]);
    assert_eq!(lines(&table.structs["Row"]), ["Name 0", "TopicId 1-2"]);
    assert_eq!(table.fields[0].role, "Topics");
    assert_eq!(table.structs["Row"][0].role, "TopicName");
    assert_eq!(table.depth().unwrap(), 1);
}

#[test]
fn an_array_is_of_topics_in_versions_that_name_one() {
    let fields = r#"
        {"name": "Flat", "type": "[]Row", "versions": "0-1", "fields": [
            {"name": "TopicId", "type": "uuid", "versions": "0-1"},
            {"name": "Partition", "type": "int32", "versions": "0+"}]},
        {"name": "Topics", "type": "[]Topic", "versions": "2+", "fields": [
            {"name": "TopicId", "type": "uuid", "versions": "2+"},
            {"name": "Rows", "type": "[]Row", "versions": "2+"}]}"#;
    let table = joined(&[release("1.0", "0-3", "none", fields)]);
    let roles: Vec<_> = table.fields.iter().map(|entry| entry.role).collect();
    assert_eq!(roles, ["Topics", "Topics"]);
    assert_eq!(table.structs["Topic"][1].role, "None");
    for (wrong, expected) in [
        (fields.replace("\"0-1\"", "\"0-2\""), "`Rows` is of Topics in some of its versions only"),
        (fields.replace("\"0-1\"", "\"0+\""), "`Rows` v2 is a scope inside its like"),
    ] {
        let message = table_of(&release("1.0", "0-3", "none", &wrong)).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_message_that_the_newest_release_removed_is_the_older_ones() {
    let gone = r#"{"apiKey": 1, "type": "request", "name": "XRequest", "validVersions": "none"}"#;
    let new = Release::parse("2.0", [("2.0/X.json".to_owned(), gone.to_owned())]).unwrap();
    let old = release("1.0", "0-1", "1+", r#"{"name": "A", "type": "int8", "versions": "0+"}"#);
    let table = joined(&[new, old]);
    assert_eq!((table.valid.ends(), table.flexible.ends()), (Some((0, 1)), Some((1, 1))));
}

#[test]
fn a_tag_may_hold_for_some_versions_of_a_field() {
    let field =
        r#"{"name": "A", "type": "int8", "versions": "0+", "taggedVersions": "2+", "tag": 4}"#;
    let table = joined(&[release("1.0", "0-3", "1+", field)]);
    assert_eq!(lines(&table.fields), ["A 0-3 tag 4 2-3"]);
}

#[test]
fn a_changed_layout_of_the_same_version_is_told() {
    let a = r#"{"name": "A", "type": "int8", "versions": "0+"}"#;
    let b = r#"{"name": "B", "type": "int8", "versions": "0+"}"#;
    let more = r#"{"name": "C", "type": "int8", "versions": "1+"}"#;
    let new = release("2.0", "0-2", "none", &format!("{a}, {more}"));
    let old = release("1.0", "0-1", "none", b);
    assert_eq!(changes(&[new, old]).unwrap(), ["XRequest version 1 of Kafka 1.0"]);
}

#[test]
fn contradictions_are_refused_with_their_place() {
    let cases = [
        (
            r#"{"name": "A", "type": "int8", "versions": "0+", "taggedVersions": "0+", "tag": 0}"#,
            "`taggedVersions` outside",
        ),
        (
            r#"{"name": "A", "type": "int8", "versions": "0+", "nullableVersions": "0+"}"#,
            "a type without null",
        ),
        (r#"{"name": "Topic", "type": "string", "versions": "0+"}"#, "without entityType"),
        (r#"{"name": "A", "type": "Nowhere", "versions": "0+"}"#, "`Nowhere` is not defined"),
        (
            r#"{"name": "A", "type": "[]E", "versions": "0+", "fields": [
                {"name": "B", "type": "int8", "versions": "1+"}]}"#,
            "`A` v0 has empty elements",
        ),
        (
            r#"{"name": "A", "type": "[]E", "versions": "0+", "fields": [
                {"name": "B", "type": "[]E", "versions": "0+"}]}"#,
            "does one contain itself?",
        ),
    ];
    for (field, expected) in cases {
        let releases = [release("1.0", "0-3", "1+", field)];
        let message = table(&releases, FETCH).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_rule_that_matches_nothing_is_refused() {
    let field = r#"{"name": "A", "type": "int8", "versions": "0+"}"#;
    let text = |direction: &str, name: &str| {
        format!(
            r#"{{"apiKey": 1, "type": "{direction}", "name": "{name}", "validVersions": "0",
                "flexibleVersions": "none", "fields": [{field}]}}"#
        )
    };
    let texts = [("a", text("request", "XRequest")), ("b", text("response", "XResponse"))];
    let texts = texts.map(|(file, text)| (file.to_owned(), text));
    let message = unite(&[Release::parse("1.0", texts).unwrap()]).unwrap_err().to_string();
    assert!(message.contains("the rule for Acks: matches no field"), "{message}");
}

#[test]
fn emitted_ranges_are_open_at_the_newest_version_only() {
    let request = release(
        "1.0",
        "0-3",
        "2+",
        r#"{"name": "Old", "type": "[]int32", "versions": "0-1"},
           {"name": "Text", "type": "string", "versions": "0+", "nullableVersions": "1+"},
           {"name": "Extra", "type": "Inner", "versions": "3+", "taggedVersions": "3+", "tag": 1,
            "fields": [{"name": "Id", "type": "int64", "versions": "3+"}]}"#,
    );
    let request = joined(&[request]);
    let response = Table { direction: Direction::Response, ..request.clone() };
    let refused = crate::versions::VersionSet::range(0, 1);
    let api = super::Api { key: 1, name: "TwoWords".to_owned(), request, response, refused };
    let files = emit::files(&[api], &["1.0"], &[]).unwrap();
    let file = files.iter().find(|file| file.path == "generated/two_words.rs").unwrap();
    for line in [
        "    refused: only(0, 1),",
        "        versions: only(0, 3),",
        "        flexible: since(2),",
        "    field(\"Old\", Array(&Int32), only(0, 1)),",
        "    field(\"Text\", String, since(0)).nullable(since(1)),",
        "    field(\"Extra\", Struct(REQUEST_INNER), since(3)).tag(1, since(3)),",
    ] {
        assert!(file.text.lines().any(|found| found == line), "{line}\n{}", file.text);
    }
    let index = &files.iter().find(|file| file.path == "generated.rs").unwrap().text;
    assert!(index.contains("    None,\n    Some(&two_words::API),\n];"), "{index}");
    assert!(index.contains("STACK_DEPTH_NEEDED: usize = 1;"), "{index}");
}
