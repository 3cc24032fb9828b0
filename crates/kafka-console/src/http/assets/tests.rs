use super::*;

#[test]
fn addresses_of_pages_are_told_from_those_of_files() {
    for page in
        ["/", "/map", "/topics", "/topics/orders", "/topics/a.js", "/clients/a%2Fb", "/login"]
    {
        assert!(is_page(page), "{page}");
    }
    for other in ["/assets/old.js", "/favicon.ico", "/robots.txt", "/topics/a/b", "/index.html"] {
        assert!(!is_page(other), "{other}");
    }
}

#[test]
fn gzip_is_sent_to_who_takes_it() {
    let takes = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
        takes_gzip(&headers)
    };
    for yes in ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "*"] {
        assert!(takes(yes), "{yes}");
    }
    for no in ["", "br", "gzip;q=0", "identity"] {
        assert!(!takes(no), "{no}");
    }
    assert!(!takes_gzip(&HeaderMap::new()));
}

#[test]
fn tags_are_compared_as_lists() {
    for (known, same) in [
        ("\"a\"", true),
        ("W/\"a\"", true),
        ("\"b\", \"a\"", true),
        ("*", true),
        ("\"b\"", false),
        ("a", false),
    ] {
        assert_eq!(names(known, "\"a\""), same, "{known}");
    }
}
