//! Requests of `/push` that are written from decisions, of which it is known whether they are right. Their values hold a
//! word that no error may repeat.

use kafka_gateway_api::push;

use crate::input::Input;

pub(super) fn check(input: &mut Input<'_>) {
    let mut records = Vec::new();
    let mut is_right = true;
    for _ in 0..input.below(4) {
        let mut fields = Vec::new();
        for choices in FIELDS {
            let (text, is_field_right) = input.pick(choices);
            is_right &= is_field_right;
            fields.extend((!text.is_empty()).then_some(text));
        }
        let turns = input.below(fields.len().max(1));
        fields.rotate_left(turns);
        records.push(format!("{{{}}}", fields.join(",")));
    }
    let (end, is_end_right) = input.pick(ENDS);
    is_right &= is_end_right;
    let space = input.pick(&["", " ", "\r\n\t"]);
    let body = format!("{{{space}\"records\":[{}]{space}{end}}}{space}", records.join(","));
    match push::parse(body.as_bytes(), 3) {
        Ok(request) => {
            assert!(is_right, "{body} is taken");
            assert_eq!(request.records.len(), records.len());
        }
        Err(refusal) => {
            assert!(!is_right, "{body} is refused: {refusal}");
            super::check_refusal(&refusal);
            assert!(!refusal.to_string().contains("S3CRET"), "{refusal}");
        }
    }
}

/// Ways to write a field, and whether each is right.
const FIELDS: &[&[(&str, bool)]] = &[
    &[
        (r#""topic":"S3CRET""#, true),
        (r#""topi\u0063":"\u0053""#, true),
        ("", false),
        (r#""topic":null"#, false),
        (r#""topic":["S3CRET"]"#, false),
        (r#""topic":"a","topic":"S3CRET""#, false),
    ],
    &[
        (r#""data":"S3CRET""#, true),
        (r#""data":null"#, true),
        (r#""data_base64":"S3CRETaa""#, true),
        (r#""data_base64":null"#, true),
        ("", false),
        (r#""data":{"S3CRET":[]}"#, false),
        (r#""data":1.5"#, false),
        (r#""data_base64":"S3CRET!""#, false),
        (r#""data":"S3CRET","data_base64":"""#, false),
        (r#""data":"\ud800S3CRET""#, false),
    ],
    &[
        ("", true),
        (r#""key":"S3CRET""#, true),
        (r#""key_base64":"S3CRETaa""#, true),
        (r#""key":null"#, true),
        (r#""key":true"#, false),
        (r#""key":"S3CRET","key_base64":null"#, false),
    ],
    &[
        ("", true),
        (r#""partition":0"#, true),
        (r#""partition":-1"#, true),
        (r#""partition":null"#, true),
        (r#""partition":-2"#, false),
        (r#""partition":2147483648"#, false),
        (r#""partition":"S3CRET""#, false),
        (r#""partition":1.0"#, false),
    ],
    &[
        ("", true),
        (r#""timestamp":1"#, true),
        (r#""timestamp":"2020-09-13T12:26:40.123Z""#, true),
        (r#""timestamp":0"#, false),
        (r#""timestamp":"S3CRET""#, false),
        (r#""timestamp":1e3"#, false),
    ],
    &[
        ("", true),
        (r#""headers":null"#, true),
        (r#""headers":{"S3CRET":"S3CRET","":null}"#, true),
        (
            r#""headers":[{"name":"S3CRET","value":"S3CRET","other":1},{"name":"","value_base64":"AA"}]"#,
            true,
        ),
        (r#""headers":"S3CRET""#, false),
        (r#""headers":{"S3CRET":1}"#, false),
        (r#""headers":{"S3CRET":"","S3CRET":""}"#, false),
        (r#""headers":[{"name":"S3CRET"}]"#, false),
        (r#""headers":[{"value":"S3CRET"}]"#, false),
        (r#""headers":["S3CRET"]"#, false),
    ],
    &[("", true), (r#""S3CRET":{"deep":[[1e999,"\u00e9"]]}"#, true), (r#""S3CRET":nul"#, false)],
];

/// What follows the records.
const ENDS: &[(&str, bool)] = &[
    ("", true),
    (r#","wait_for_send":true"#, true),
    (r#","wait_for_send":null,"acks":"all","S3CRET":0"#, true),
    (r#","wait_for_send":"S3CRET""#, false),
    (r#","acks":"S3CRET""#, false),
    (r#","records":[]"#, false),
    (",", false),
];
