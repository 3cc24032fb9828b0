use std::sync::Mutex;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::*;

/// Threads in front of a port of loopback, and the clients' ends of connections.
struct Lot {
    threads: Threads,
    listener: TcpListener,
    room: Arc<Semaphore>,
    beyond: TaskTracker,
}

const ROOM: usize = 100;

impl Lot {
    async fn new<Serve, Work>(count: usize, serve: Serve) -> Self
    where
        Serve: Fn(TcpStream) -> Work + Clone + Send + 'static,
        Work: Future<Output = ()> + Send + 'static,
    {
        let beyond = TaskTracker::new();
        let threads = Threads::start(count, &serve, &beyond).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { threads, listener, room: Arc::new(Semaphore::new(ROOM)), beyond }
    }

    async fn connect(&self) -> TcpStream {
        let address = self.listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), self.listener.accept());
        let permit = self.room.clone().acquire_owned().await.unwrap();
        self.threads.give(accepted.unwrap().0, permit).unwrap();
        client.unwrap()
    }

    fn open(&self) -> Vec<usize> {
        self.threads.all.iter().map(|thread| thread.open.load(Ordering::Relaxed)).collect()
    }

    /// Waits until each thread has so many.
    async fn comes_to(&self, open: &[usize]) {
        let soon = timeout(PATIENCE, async {
            while self.open() != open {
                sleep(Duration::from_millis(1)).await;
            }
        });
        assert!(soon.await.is_ok(), "{:?}", self.open());
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Until the client closes.
async fn hold(mut stream: TcpStream) {
    let _ = stream.read(&mut [0]).await;
}

#[tokio::test]
async fn a_connection_goes_where_the_fewest_are_and_stays_there() {
    let seen: Arc<Mutex<Vec<[Option<String>; 2]>>> = Arc::default();
    let told = seen.clone();
    let lot = Lot::new(3, move |stream| {
        let told = told.clone();
        let here = || thread::current().name().map(str::to_owned);
        async move {
            let begun = here();
            hold(stream).await;
            told.lock().unwrap().push([begun, here()]);
        }
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..9 {
        clients.push(lot.connect().await);
    }
    assert_eq!(lot.open(), [3, 3, 3]);
    // Those of the second thread, which then gets the next ones.
    for number in [7, 4, 1] {
        drop(clients.remove(number));
    }
    lot.comes_to(&[3, 0, 3]).await;
    for _ in 0..2 {
        clients.push(lot.connect().await);
    }
    assert_eq!(lot.open(), [3, 2, 3]);
    drop(clients);
    lot.comes_to(&[0, 0, 0]).await;
    assert_eq!(lot.room.available_permits(), ROOM);
    lot.threads.finish().await;
    let mut seen: Vec<_> = std::mem::take(&mut *seen.lock().unwrap());
    seen.sort();
    let names = |number: usize, times: usize| {
        let name = Some(format!("http-{number}"));
        vec![[name.clone(), name]; times]
    };
    assert_eq!(seen, [names(0, 3), names(1, 5), names(2, 3)].concat());
}

#[tokio::test]
async fn the_end_waits_for_connections_and_for_what_outlives_them() {
    let (go_on, told) = tokio::sync::watch::channel(false);
    let beyond: Arc<Mutex<Option<TaskTracker>>> = Arc::default();
    let tasks = beyond.clone();
    let lot = Lot::new(2, move |stream| {
        let (tasks, mut told) = (tasks.lock().unwrap().clone(), told.clone());
        async move {
            hold(stream).await;
            tasks.unwrap().spawn(async move { drop(told.wait_for(|go_on| *go_on).await) });
        }
    })
    .await;
    *beyond.lock().unwrap() = Some(lot.beyond.clone());
    let clients = [lot.connect().await, lot.connect().await];
    let tasks = lot.beyond.clone();
    let mut end = tokio::spawn(lot.threads.finish());
    assert!(timeout(MOMENT, &mut end).await.is_err(), "connections are open");
    drop(clients);
    assert!(timeout(MOMENT, &mut end).await.is_err(), "their tasks go on");
    assert_eq!(tasks.len(), 2);
    go_on.send(true).unwrap();
    timeout(PATIENCE, end).await.expect("nothing is left").unwrap();
    assert!(tasks.is_empty());
}

const MOMENT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_panic_ends_its_connection_and_leaves_no_seat_taken() {
    let lot = Lot::new(1, |mut stream: TcpStream| async move {
        assert_ne!(stream.read_u8().await.unwrap(), b'!', "this is the panic that was asked for");
        hold(stream).await;
    })
    .await;
    let (mut one, mut other) = (lot.connect().await, lot.connect().await);
    one.try_write(b"!").unwrap();
    assert!(!matches!(timeout(PATIENCE, one.read(&mut [0])).await.unwrap(), Ok(1..)));
    lot.comes_to(&[1]).await;
    assert_eq!(lot.room.available_permits(), ROOM - 1);
    other.try_write(b"x").unwrap();
    assert!(timeout(MOMENT, other.read(&mut [0])).await.is_err(), "it goes on");
    drop(other);
    lot.comes_to(&[0]).await;
    lot.threads.finish().await;
}
