//! Seeds of the target `scrape`: bodies of lines, by what becomes of them.

/// By name: all lines of `taken-` are samples or comments, none of `refused-` is.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let taken =
        TAKEN.iter().map(|(name, text)| (format!("taken-{name}"), text.as_bytes().to_vec()));
    let refused = REFUSED.iter().enumerate();
    let refused =
        refused.map(|(index, lines)| (format!("refused-{index}"), lines.join("\n").into_bytes()));
    let encoding = ("refused-encoding".to_owned(), b"x{a=\"\xff\"} 1\nx{a=\"\xc3\"} 1".to_vec());
    taken.chain(refused).chain([encoding]).collect()
}

/// The first ones are Envoy's own, of a cluster and of clients with names that somebody meant ill.
const TAKEN: &[(&str, &str)] = &[
    (
        "filter",
        r#"# TYPE kafka_filter_client_produced_bytes_total counter
kafka_filter_client_produced_bytes_total{reporter="proxy",topic="ledger",client_id="\"><script>window.hacked%3D1</script>"} 688
kafka_filter_client_produced_bytes_total{reporter="proxy",topic="ledger",client_id="a%3Bb%3Dc{d}\\e"} 688
# TYPE kafka_filter_build_info gauge
kafka_filter_build_info{reporter="proxy",filter_release="0.1.0",kafka_release="4.3.1"} 1
"#,
    ),
    (
        "histogram",
        r#"# TYPE envoy_cluster_upstream_cx_connect_ms histogram
envoy_cluster_upstream_cx_connect_ms_bucket{envoy_cluster_name="we\"ird\\na\\\\me\n{a=\"b\"}, Größe",le="0.5"} 0
envoy_cluster_upstream_cx_connect_ms_bucket{envoy_cluster_name="we\"ird\\na\\\\me\n{a=\"b\"}, Größe",le="3.6e+06"} 38
envoy_cluster_upstream_cx_connect_ms_bucket{envoy_cluster_name="we\"ird\\na\\\\me\n{a=\"b\"}, Größe",le="+Inf"} 44
envoy_cluster_upstream_cx_connect_ms_sum{envoy_cluster_name="we\"ird\\na\\\\me\n{a=\"b\"}, Größe"} 8.0500000000000007105427357601002
envoy_cluster_upstream_cx_connect_ms_count{envoy_cluster_name="we\"ird\\na\\\\me\n{a=\"b\"}, Größe"} 44
"#,
    ),
    (
        "summary",
        r#"# TYPE envoy_cluster_upstream_cx_connect_ms summary
envoy_cluster_upstream_cx_connect_ms{envoy_cluster_name="kafka",quantile="0"} nan
envoy_cluster_upstream_cx_connect_ms{envoy_cluster_name="kafka",quantile="0.25"} 6.049999999999999822364316059975
envoy_server_uptime{} 1
"#,
    ),
    (
        "format",
        r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
http_request_duration_seconds_bucket{le="+Inf"} 144320
"#,
    ),
    (
        "blanks",
        " \t\n\t# x\n tabs \t{ \tlabel\t= \"v\" , other =\"\" ,\t}\t1.5\t9 \nx{ } 1\nx{}1\nx{a=\"b\" c=\"d\"e=\"f\"} 1\nname+1\nname.5",
    ),
    (
        "numbers",
        "x NaN\nx -Inf\nx infinity\nx 1e-999\nx 1.7976931348623157e308\nx 999999999999999\nx 9007199254740993\nx -0\nx .5e+1 +1\nx 1. 9223372036854775807",
    ),
    ("escapes", "x{a=\"\\\\n\\t\\x}{,=\u{202e}\0\r\"} 1\nx{a=\"}\",b=\"{\"} 1"),
];

const REFUSED: &[&[&str]] = &[
    &["<html>", "{\"a\": 1}", "9lives 1", "\u{0} 1", "\r", "na-me 1", "größe 1"],
    &[
        "name",
        "name one",
        "name 1\r",
        "name -NaN",
        "name 1e309",
        "name 1_0",
        "name 0x1p3",
        "x .",
        "x e5",
    ],
    &["x 1 2.5", "x 1 2 3", "x 1 # {trace=\"x\"} 1", "x 1 9223372036854775808", "x 1 -"],
    &[
        "x{",
        "x{a=\"b\" 1",
        "x{a=\"b} 1",
        "x{a=\"b\\\"} 1",
        "x{a=b} 1",
        "x{a} 1",
        "x{=\"b\"} 1",
        "x{9a=\"b\"} 1",
    ],
    &[
        "x{a:b=\"c\"} 1",
        "x{a=\"b\",,} 1",
        "x{,} 1",
        "x{\"a\"=\"b\"} 1",
        "x{a=\"b\"}{c=\"d\"} 1",
        "x{a=\"\\\"",
    ],
];
