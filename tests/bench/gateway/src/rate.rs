//! HTTP requests at a fixed rate over a fixed number of connections. A request's latency counts from the moment at which
//! it was due, whether or not a connection was free then: a server that stops for a second is charged for every request
//! that should have been sent in that second. A rate of 0 is as fast as answers come, to learn what a server can do.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use std::cell::{Cell, RefCell};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::options::Options;

/// What all connections share; one thread has them all.
struct Run {
    request: Vec<u8>,
    begin: Instant,
    /// `None` is no rate: each connection asks again when it was answered, until the end.
    interval: Option<Duration>,
    end: Instant,
    next: Cell<u32>,
    latencies_us: RefCell<Vec<u64>>,
    statuses: RefCell<BTreeMap<u16, u64>>,
}

pub(crate) async fn run(options: &Options) -> Result<(), String> {
    let port: u16 = options.number("port")?;
    let rate: f64 = options.number("rate")?;
    let seconds: f64 = options.number("seconds")?;
    let connections: usize = options.number("connections")?;
    if !(rate >= 0.0 && seconds > 0.0 && seconds <= 600.0 && connections > 0) {
        return Err("rate, seconds (at most 600) and connections are more than nothing".into());
    }
    let body = std::fs::read(options.text("body-file")?).map_err(|e| e.to_string())?;
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let stream = stream.map_err(|e| format!("connect: {e}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        open.push(stream);
    }
    let begin = Instant::now() + Duration::from_millis(50);
    let run = Rc::new(Run {
        request: request(options.text("path")?, &body),
        begin,
        interval: (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate)),
        end: begin + Duration::from_secs_f64(seconds),
        next: Cell::new(0),
        latencies_us: RefCell::default(),
        statuses: RefCell::default(),
    });
    let local = LocalSet::new();
    let tasks: Vec<_> = open
        .into_iter()
        .map(|stream| local.spawn_local(connection(Rc::clone(&run), stream)))
        .collect();
    let ended = local.run_until(async {
        for task in tasks {
            task.await.map_err(|e| e.to_string())??;
        }
        Ok::<(), String>(())
    });
    // A server that answers nothing any more must not hold the run for ever.
    let patience = Duration::from_secs_f64(seconds + 60.0);
    timeout(patience, ended)
        .await
        .map_err(|_| "the server does not answer any more".to_owned())??;
    run.report(rate);
    Ok(())
}

fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Takes the next request that nobody has taken, as long as there is one.
async fn connection(run: Rc<Run>, mut stream: TcpStream) -> Result<(), String> {
    let mut buffer = Vec::with_capacity(4096);
    while let Some(due) = run.take() {
        sleep_until(due).await;
        stream.write_all(&run.request).await.map_err(|e| format!("write: {e}"))?;
        let status = answer(&mut stream, &mut buffer).await?;
        let late = due.elapsed().as_micros();
        run.latencies_us.borrow_mut().push(u64::try_from(late).unwrap_or(u64::MAX));
        *run.statuses.borrow_mut().entry(status).or_default() += 1;
    }
    Ok(())
}

/// Reads one response whole; its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<u16, String> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await.map_err(|e| e.to_string())? == 0 {
            return Err("the server closed a connection".into());
        }
        let Some(end) = buffer.windows(4).position(|at| at == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]);
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        let length = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let wanted = name.eq_ignore_ascii_case("content-length");
            wanted.then(|| value.trim().parse::<usize>().ok()).flatten()
        });
        let (Some(status), Some(length)) = (status, length) else {
            return Err(format!("neither status nor length in {head}"));
        };
        let missing = (end + 4 + length).saturating_sub(buffer.len());
        if missing > 0 {
            let mut rest = vec![0; missing];
            stream.read_exact(&mut rest).await.map_err(|e| e.to_string())?;
        }
        return Ok(status);
    }
}

impl Run {
    /// When the next request is due, if there is one.
    fn take(&self) -> Option<Instant> {
        let number = self.next.get();
        self.next.set(number + 1);
        let due = match self.interval {
            Some(interval) => self.begin + interval * number,
            None => Instant::now().max(self.begin),
        };
        (due < self.end).then_some(due)
    }

    fn report(&self, rate: f64) {
        let mut latencies = self.latencies_us.borrow_mut();
        latencies.sort_unstable();
        let last = latencies.len().saturating_sub(1);
        let at = |share: f64| {
            let place = (last as f64 * share).round() as usize;
            latencies.get(place).copied().unwrap_or_default()
        };
        let seconds = self.begin.elapsed().as_secs_f64();
        let report = json!({
            "asked_per_second": rate,
            "requests": latencies.len(),
            "per_second": latencies.len() as f64 / seconds,
            "statuses": *self.statuses.borrow(),
            "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999), "max_us": at(1.0),
        });
        println!("{report}");
    }
}
