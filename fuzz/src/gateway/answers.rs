//! Any outcomes, names and texts: answers are JSON, and have one element for each record.

use super::*;

pub(super) fn check(input: &mut Input<'_>) {
    let topic = String::from_utf8_lossy(input.bytes()).into_owned();
    let outcomes: Vec<Outcome> = (0..input.below(6)).map(|_| outcome(input)).collect();
    let refused = outcomes.iter().filter(|outcome| !outcome.is_success()).count();

    let response = push::respond(&outcomes);
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(body["records"].as_array().map(Vec::len), Some(outcomes.len()));
    assert_eq!(response.status == 200, refused == 0);
    let errors = body["errors"].as_array().expect("kprf's list");
    assert_eq!(errors.len(), if refused == 0 { 0 } else { outcomes.len() });
    assert_eq!(errors.iter().filter(|error| error["error"] == Value::Bool(true)).count(), refused);

    let mut reports = Vec::new();
    for outcome in &outcomes {
        v3::report(&topic, &topic, v3::Sizes::default(), outcome, &mut reports);
        let response = raw::respond(&topic, outcome);
        serde_json::from_slice::<Value>(&response.body).expect("JSON");
        assert_eq!(response.status < 300, outcome.is_success());
    }
    let reports: Vec<Value> = serde_json::Deserializer::from_slice(&reports)
        .into_iter()
        .map(|report| report.expect("JSON"))
        .collect();
    assert_eq!(reports.len(), outcomes.len());

    let ids: Vec<String> = (0..outcomes.len()).map(|index| index.to_string()).collect();
    let answers: Vec<batch::Answer<'_>> = ids
        .iter()
        .zip(outcomes)
        .map(|(id, outcome)| batch::Answer { id, sizes: v3::Sizes::default(), outcome })
        .collect();
    let response = batch::respond(&topic, &topic, &answers);
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(response.status, 207);
    assert_eq!(body["failures"].as_array().map(Vec::len), Some(refused));
    assert_eq!(body["successes"].as_array().map(Vec::len), Some(ids.len() - refused));
}

fn outcome(input: &mut Input<'_>) -> Outcome {
    let text = |input: &mut Input<'_>| String::from_utf8_lossy(input.bytes()).into_owned();
    let refusal = match input.below(8) {
        0 => {
            let time = i64::from(input.int32()) << input.below(32);
            let position = Position {
                partition: input.int32(),
                offset: input.chance(200).then_some(time),
                timestamp_ms: input.chance(200).then_some(time),
            };
            return Outcome::Written(position);
        }
        1 => return Outcome::Accepted { durable: input.chance(128) },
        2 => Refusal::Malformed(text(input)),
        3 => Refusal::UnknownTopic(text(input)),
        4 => Refusal::RateLimited {
            limit: text(input),
            retry_after: Duration::from_millis(u64::from(input.byte())),
        },
        5 => Refusal::Kafka {
            code: input.int32(),
            name: "X",
            message: text(input),
            status: input.pick(&[403, 404, 413, 422, 503, 504]),
        },
        6 => Refusal::Unknown { code: input.int32(), name: "X", message: text(input) },
        _ => Refusal::Stopping,
    };
    // A keyed record is one with one header more.
    let record = Record {
        topic: Cow::Borrowed("t"),
        partition: None,
        key: None,
        value: None,
        headers: vec![Header { name: Cow::Borrowed("a"), value: None }],
        timestamp_ms: None,
    };
    assert_eq!(record.keyed("k").headers.len(), 2);
    Outcome::Refused(refusal)
}
