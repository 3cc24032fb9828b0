use super::*;
use crate::direct::scripted::Tick;
use crate::settings::{AccessSettings, Trusted};
use crate::views::asked::Asked;
use std::collections::BTreeMap;
use std::io::Write as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

/// A console on a port of its own, with a little traffic.
struct Console {
    address: SocketAddr,
    app: Arc<App>,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Console {
    async fn start(access: Access, allowed: &[String]) -> Self {
        let body = |bytes: u32| {
            Ok(format!(
                "# TYPE kafka_filter_topic_produced_bytes_total counter\n\
                 kafka_filter_topic_produced_bytes_total{{reporter=\"source\",topic=\"orders\"}} {bytes}\n"
            ))
        };
        let ticks: Vec<Tick> = (0..10)
            .map(|tick| Tick {
                at_ms: 1_800_000_000_000 + i64::from(tick) * 10_000,
                bodies: vec![("10.0.0.1:9901", body(tick * 100))],
            })
            .collect();
        let source = Source::scripted(Duration::from_secs(10), &ticks);
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let hosts = Hosts::new(address, allowed);
        let app = App::new(source, None, access, hosts, stop.clone()).unwrap();
        let serving = tokio::spawn(serve(listener, app.clone()));
        Self { address, app, stop, serving }
    }

    async fn open() -> Self {
        Self::start(Access::new(&AccessSettings::default()).unwrap(), &[]).await
    }

    async fn connect(&self) -> BufReader<TcpStream> {
        BufReader::new(TcpStream::connect(self.address).await.unwrap())
    }

    async fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream).await
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, headers).await
    }

    async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {target} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        self.send(&(request + "connection: close\r\n\r\n")).await
    }
}

async fn answer(stream: &mut BufReader<TcpStream>) -> Answer {
    let (status, headers) = head(stream).await;
    let mut body = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut body))
        .await
        .unwrap()
        .unwrap();
    Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
}

async fn head(stream: &mut BufReader<TcpStream>) -> (u16, BTreeMap<String, String>) {
    let mut headers = BTreeMap::new();
    let first = line(stream).await;
    let status = first.split(' ').nth(1).unwrap_or_else(|| panic!("{first:?}")).parse().unwrap();
    loop {
        let line = line(stream).await;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    (status, headers)
}

async fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let read = stream.read_line(&mut line);
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
    line.trim_end().to_owned()
}

fn token_access(file: &tempfile::NamedTempFile) -> Access {
    let token_file = Some(file.path().to_owned());
    Access::new(&AccessSettings { token_file, trusted: None }).unwrap()
}

fn token_file() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "correct-horse-battery").unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_json_of_the_newest_numbers() {
    let console = Console::open().await;
    let page = console.get("/api/v1/page/topics?range=5m&search=ord", &[]).await;
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "application/json"));
    let page: serde_json::Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!(page["name"], "topics");
    assert_eq!(page["range_seconds"], 300);
    assert_eq!(page["tiles"][0]["value"], 10.0);
    let offer = console.get("/api/v1/pages", &[]).await;
    let offer: serde_json::Value = serde_json::from_str(&offer.body).unwrap();
    assert_eq!(offer["pages"][0]["name"], "map");
    assert_eq!(offer["defaults"]["window"], "1m");
    assert_eq!(offer["reporters"][0]["name"], "source-proxy");
    assert_eq!(offer["release"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_forbids_what_a_page_does_not_need() {
    let console = Console::open().await;
    let answers = [
        console.get("/", &[]).await,
        console.get("/topics/orders", &[]).await,
        console.get("/assets/none.js", &[]).await,
        console.get("/api/v1/page/map", &[]).await,
        console.get("/api/v1/page/none", &[]).await,
        console.get("/api/v1/page/map?x=1", &[]).await,
        console.get("/healthy", &[]).await,
        console.get("/metrics", &[]).await,
        console.get("/", &[("host", "evil.example")]).await,
        console.ask("POST", "/", &[]).await,
    ];
    for answer in &answers {
        let policy = &answer.headers["content-security-policy"];
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{} {policy}", answer.status);
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert_eq!(answer.headers["x-frame-options"], "DENY");
    }
    assert_eq!(answers[3].headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_are_answered_with_what_to_do() {
    let console = Console::open().await;
    for (target, status, error) in [
        ("/api/v1/page/none", 404, "there is no page \"none\""),
        ("/api/v1/page/map?range=9h", 400, "range \"9h\" is none that this console knows"),
        ("/api/v1/page/topic", 400, "the page topic needs a key"),
        ("/api/v1/live", 400, "no page is named"),
        ("/api/v1/live?page=none", 404, "there is no page \"none\""),
        ("/api/v1/other", 404, "there is no such address"),
    ] {
        let answer = console.get(target, &[]).await;
        assert_eq!(answer.status, status, "{target}");
        let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["error"], error, "{target}");
        assert!(problem["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_only_reads() {
    let console = Console::open().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for target in ["/", "/api/v1/page/map", "/api/v1/login", "/metrics"] {
            assert_eq!(console.ask(method, target, &[]).await.status, 405, "{method} {target}");
        }
    }
    let head = console.ask("HEAD", "/api/v1/page/map", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_names_than_its_own_are_not_answered() {
    let console = Console::start(
        Access::new(&AccessSettings::default()).unwrap(),
        &["console.example".to_owned()],
    )
    .await;
    for (host, status) in [
        ("localhost", 200),
        ("console.example:8085", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ] {
        let answer = console.get("/api/v1/pages", &[("host", host)]).await;
        assert_eq!(answer.status, status, "{host}");
        assert_eq!(console.get("/healthy", &[("host", host)]).await.status, 200, "{host}");
    }
    let none = console.send("GET /api/v1/pages HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!([400, 421].contains(&none.status), "{}", none.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_guards_numbers_and_nothing_else() {
    let file = token_file();
    let console = Console::start(token_access(&file), &[]).await;
    let bearer = ("authorization", "Bearer correct-horse-battery");
    let wrong = ("authorization", "Bearer wrong-wrong-wrong-wrong");
    for target in ["/api/v1/pages", "/api/v1/page/map", "/api/v1/live?page=map", "/api/v1/none"] {
        for headers in [&[][..], &[wrong]] {
            let answer = console.get(target, headers).await;
            assert_eq!(answer.status, 401, "{target}");
            let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["login"], "token");
            assert!(answer.headers["www-authenticate"].starts_with("Bearer"), "{target}");
        }
    }
    assert_eq!(console.get("/api/v1/page/map", &[bearer]).await.status, 200);
    for target in ["/healthy", "/ready", "/metrics"] {
        assert_eq!(console.get(target, &[]).await.status, 200, "{target}");
    }
    // The page that asks for the token, or the text that says how to build it.
    assert_ne!(console.get("/login", &[]).await.status, 401);

    assert_eq!(console.get("/api/v1/login", &[wrong]).await.status, 401);
    let login = console.get("/api/v1/login", &[bearer]).await;
    assert_eq!(login.status, 204);
    let cookie = login.headers["set-cookie"].split(';').next().unwrap().to_owned();
    assert_eq!(console.get("/api/v1/page/map", &[("cookie", &cookie)]).await.status, 200);
    let logout = console.get("/api/v1/logout", &[]).await;
    assert!(logout.headers["set-cookie"].contains("Max-Age=0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_known_by_its_address() {
    let trusted = |network: &str| {
        let networks = vec![network.parse().unwrap()];
        let trusted = Some(Trusted { header: "x-user".to_owned(), networks });
        Access::new(&AccessSettings { token_file: None, trusted }).unwrap()
    };
    let named = [("x-user", "alice")];
    let near = Console::start(trusted("127.0.0.0/8"), &[]).await;
    assert_eq!(near.get("/api/v1/page/map", &named).await.status, 200);
    let refused = near.get("/api/v1/page/map", &[]).await;
    assert_eq!(refused.status, 401);
    assert!(refused.body.contains("\"login\":\"proxy\""), "{}", refused.body);
    let far = Console::start(trusted("10.0.0.0/8"), &[]).await;
    assert_eq!(far.get("/api/v1/page/map", &named).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_viewers_cost_one_evaluation() {
    let console = Console::open().await;
    let mut asking = Vec::new();
    for _ in 0..20 {
        asking.push(console.get("/api/v1/page/topics", &[]));
    }
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.status, 200);
    }
    console.get("/api/v1/page/map", &[]).await;
    let metrics = console.get("/metrics", &[]).await.body;
    for line in [
        "kafka_console_page_duration_seconds_count{page=\"topics\"} 1",
        "kafka_console_page_duration_seconds_count{page=\"map\"} 1",
        "kafka_console_http_requests_total{code=\"200\"} 21",
        "kafka_console_live_streams 0",
        "kafka_console_series 1",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line}\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_page_comes_at_once_and_ends_with_the_program() {
    let console = Console::open().await;
    let mut stream = console.connect().await;
    let request =
        format!("GET /api/v1/live?page=topics HTTP/1.1\r\nhost: {}\r\n\r\n", console.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    let (status, headers) = head(&mut stream).await;
    assert_eq!((status, headers["content-type"].as_str()), (200, "text/event-stream"));
    assert_eq!(headers["cache-control"], "no-store");
    let _chunk = line(&mut stream).await;
    assert_eq!(line(&mut stream).await, "event: page");
    let data = line(&mut stream).await;
    let page: serde_json::Value =
        serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(page["name"], "topics");
    assert_eq!(console.app.live.streams(), 1);
    console.stop.cancel();
    tokio::time::timeout(Duration::from_secs(2), console.serving).await.unwrap().unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(console.app.live.streams(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_page_ends_when_its_token_is_no_more() {
    let file = token_file();
    let console = Console::start(token_access(&file), &[]).await;
    let mut stream = console.connect().await;
    let request = format!(
        "GET /api/v1/live?page=topics HTTP/1.1\r\nhost: {}\r\n\
         authorization: Bearer correct-horse-battery\r\n\r\n",
        console.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(head(&mut stream).await.0, 200);
    while line(&mut stream).await != "event: page" {}
    std::fs::write(file.path(), "another-horse-battery\n").unwrap();
    console.app.access.read_again().await;
    // What is left of that page, and then the last chunk, which is empty.
    loop {
        match line(&mut stream).await.as_str() {
            "0" => break,
            "event: page" => panic!("another page"),
            _ => {}
        }
    }
    assert_eq!(console.app.live.streams(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_made_to_its_end_though_nobody_waits() {
    let console = Console::open().await;
    let asked = Asked::new("topics", &[], console.app.pages.limits()).unwrap();
    let pages = || {
        String::from_utf8(console.app.metrics.text(&console.app.pages.figures(), 0).unwrap())
            .unwrap()
    };
    let one = "kafka_console_page_duration_seconds_count{page=\"topics\"} 1";
    {
        let mut making = std::pin::pin!(pages::Pages::get(&console.app, &asked));
        // Begun, and left at once.
        let begun =
            std::future::poll_fn(|context| std::task::Poll::Ready(making.as_mut().poll(context)));
        assert!(begun.await.is_pending());
    }
    while !pages().contains(one) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(pages::Pages::get(&console.app, &asked).await.is_ok());
    assert!(pages().contains(one), "made again");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_once_the_source_has_answered_and_says_nothing_else() {
    let nothing = ("10.0.0.1:9901", Err("connection refused"));
    let source = |bodies| {
        let ticks = [Tick { at_ms: 1_800_000_000_000, bodies }];
        Source::scripted(Duration::from_secs(10), &ticks)
    };
    let pages = pages::Pages::new(source(vec![nothing]), None);
    assert_eq!(pages.ready(), Err("the source has not answered yet".to_owned()));
    let console = Console::open().await;
    assert_eq!(console.get("/ready", &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_streams_have_a_limit_and_give_their_place_back() {
    let console = Console::open().await;
    let request =
        format!("GET /api/v1/live?page=map HTTP/1.1\r\nhost: {}\r\n\r\n", console.address);
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut stream = console.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(head(&mut stream).await.0, 200);
        open.push(stream);
    }
    let over = console.get("/api/v1/live?page=map", &[]).await;
    assert_eq!(over.status, 503);
    assert!(over.body.contains("64 live pages are open already"), "{}", over.body);
    drop(open);
    for _ in 0..200 {
        if console.app.live.streams() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} places were not given back", console.app.live.streams());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_connection_goes_when_there_are_too_many() {
    let console = Console::open().await;
    let mut first = console.connect().await;
    let mut others = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        others.push(console.connect().await);
    }
    assert_eq!(console.get("/healthy", &[]).await.status, 200);
    let mut nothing = Vec::new();
    let ended = first.read_to_end(&mut nothing);
    assert!(tokio::time::timeout(Duration::from_secs(10), ended).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn long_and_many_headers_are_refused() {
    let console = Console::open().await;
    let long = "x".repeat(20_000);
    assert_eq!(console.get("/healthy", &[("x-long", &long)]).await.status, 431);
    let many: Vec<(String, &str)> = (0..80).map(|number| (format!("x-{number}"), "1")).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(console.get("/healthy", &many).await.status, 431);
    let target = format!("/api/v1/page/map?search={}", "x".repeat(300));
    assert_eq!(console.get(&target, &[]).await.status, 400);
}

/// Both builds are right: with pages they are served as browsers want them, without any the answer says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_served_or_it_is_said_how_to_build_them() {
    let console = Console::open().await;
    let plain = console.get("/", &[]).await;
    if !BUILT {
        assert_eq!(plain.status, 404);
        assert!(plain.body.contains("make console"), "{}", plain.body);
        return;
    }
    assert_eq!(plain.status, 200);
    assert_eq!(plain.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(plain.headers["cache-control"], "no-cache");
    assert_eq!(console.get("/topics/a.js", &[]).await.body, plain.body);
    let etag = plain.headers["etag"].clone();
    assert_eq!(console.get("/map", &[("if-none-match", &etag)]).await.status, 304);
    let script = plain.body.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
    let script = console.get(script, &[("accept-encoding", "gzip")]).await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script.headers["content-encoding"], "gzip");
    assert!(script.headers["cache-control"].contains("immutable"));
    assert_eq!(console.get("/assets/gone.js", &[]).await.status, 404);
}
