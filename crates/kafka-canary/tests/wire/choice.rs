//! Which of several brokers answers: dead and silent ones delay little, and changes go to the controller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kafka_canary::cluster::Cluster;
use kafka_canary::wire::Wire;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::{ApiKey, CreateTopicsRequest, CreateTopicsResponse};
use kafka_protocol::protocol::Decodable;

use crate::peer::{Client, KAFKA_4, Peer, kafka, metadata, nobody, plain_broker, serve_metadata};

const NOT_CONTROLLER: i16 = 41;

#[tokio::test]
async fn the_first_that_answers_wins() {
    let (dead, silent, alive) = (nobody().await, Peer::silent().await, plain_broker().await);
    let wire = Wire::new(&kafka(&[&dead, &silent.address, &alive.address])).unwrap();
    // Each bootstrap begins with another server; none waits for the silent one.
    for _ in 0..3 {
        let begun = Instant::now();
        let connection = wire.bootstrap().await.unwrap();
        assert_eq!(connection.address(), alive.address);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn when_none_answers_the_most_telling_error_is_told() {
    let (dead, http) = (
        nobody().await,
        Peer::serve(|mut client, _| async move {
            client.request().await;
            client.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        })
        .await,
    );
    let wire = Wire::new(&kafka(&[&dead, &http.address])).unwrap();
    let error = wire.bootstrap().await.unwrap_err();
    assert_eq!(error.reason(), "protocol");
    let text = error.to_string();
    assert!(text.contains("HTTP") && text.contains(&format!("{dead}: refused")), "{text}");
}

#[tokio::test]
async fn known_brokers_are_asked_when_no_bootstrap_server_answers() {
    let alive = plain_broker().await;
    let wire = Wire::new(&kafka(&[&nobody().await])).unwrap();
    assert!(wire.bootstrap().await.is_err());
    let connection = wire.connect_any(std::slice::from_ref(&alive.address)).await.unwrap();
    assert_eq!(connection.address(), alive.address);
}

/// A kept connection whose broker freezes costs a question a moment, not a timeout.
#[tokio::test]
async fn a_question_goes_past_a_broker_that_freezes() {
    let freezing = Peer::serve(|mut client, number| async move {
        let brokers = BTreeMap::from([(1, String::from("127.0.0.1:9092"))]);
        if number > 0 {
            // Frozen: the kernel still accepts.
            std::future::pending::<()>().await;
        }
        let asked = client.greet(&KAFKA_4).await.unwrap();
        client.answer(&asked, &metadata(&brokers)).await;
        client.request().await;
        std::future::pending::<()>().await;
    })
    .await;
    let alive = plain_broker().await;
    let wire = Arc::new(Wire::new(&kafka(&[&freezing.address, &alive.address])).unwrap());
    let cluster = Cluster::new(wire);
    cluster.describe().await.unwrap();
    assert_eq!((freezing.accepted(), alive.accepted()), (1, 0));
    let begun = Instant::now();
    cluster.describe().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(alive.accepted(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced() {
    let peer = Peer::serve(|mut client: Client, _| async move {
        let brokers = BTreeMap::from([(1, String::from("127.0.0.1:9092"))]);
        let asked = client.greet(&KAFKA_4).await.unwrap();
        client.answer(&asked, &metadata(&brokers)).await;
        // Idle for too long, says the broker.
    })
    .await;
    let cluster = Cluster::new(Arc::new(Wire::new(&kafka(&[&peer.address])).unwrap()));
    for round in 1..=3 {
        cluster.describe().await.unwrap();
        assert_eq!(peer.accepted(), round);
    }
}

/// A broker that answers Metadata with these brokers, and CreateTopics with this error.
async fn controller(brokers: Arc<tokio::sync::RwLock<BTreeMap<i32, String>>>, error: i16) -> Peer {
    Peer::serve(move |mut client, _| {
        let brokers = Arc::clone(&brokers);
        async move {
            let mut asked = client.greet(&KAFKA_4).await;
            while let Some(mut request) = asked {
                if request.key == ApiKey::Metadata {
                    let brokers = brokers.read().await.clone();
                    client.answer(&request, &metadata(&brokers)).await;
                } else {
                    let created =
                        CreateTopicsRequest::decode(&mut request.body, request.version).unwrap();
                    let result = CreatableTopicResult::default()
                        .with_name(created.topics[0].name.clone())
                        .with_error_code(error);
                    let response = CreateTopicsResponse::default().with_topics(vec![result]);
                    client.answer(&request, &response).await;
                }
                asked = client.request().await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_change_follows_the_controller() {
    let brokers = Arc::default();
    let former = controller(Arc::clone(&brokers), NOT_CONTROLLER).await;
    let now = controller(Arc::clone(&brokers), 0).await;
    // At first Metadata names the former one, then the other.
    *brokers.write().await = BTreeMap::from([(1, former.address.clone())]);
    let wire = Arc::new(Wire::new(&kafka(&[&former.address])).unwrap());
    let cluster = Cluster::new(wire);
    let change = async {
        let assignments = BTreeMap::from([(0, vec![1])]);
        cluster.create_topic("topic", &assignments, &[]).await
    };
    let election = async {
        while former.accepted() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        *brokers.write().await = BTreeMap::from([(2, now.address.clone())]);
    };
    let (outcome, ()) = tokio::join!(change, election);
    assert_eq!(outcome, Ok(()));
    assert_eq!(now.accepted(), 1);
}

/// Whether a change was made before its connection broke is not known: it is not sent again.
#[tokio::test]
async fn a_change_is_sent_once() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let address = Arc::new(std::sync::OnceLock::<String>::new());
    let own = Arc::clone(&address);
    let peer = Peer::serve(move |mut client, _| {
        let (count, own) = (Arc::clone(&count), Arc::clone(&own));
        async move {
            let mut asked = client.greet(&KAFKA_4).await;
            while let Some(request) = asked {
                if request.key != ApiKey::Metadata {
                    count.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                let brokers = BTreeMap::from([(1, own.get().unwrap().clone())]);
                client.answer(&request, &metadata(&brokers)).await;
                asked = client.request().await;
            }
        }
    })
    .await;
    address.set(peer.address.clone()).unwrap();
    let cluster = Cluster::new(Arc::new(Wire::new(&kafka(&[&peer.address])).unwrap()));
    let error = cluster.create_topic("topic", &BTreeMap::from([(0, vec![1])]), &[]).await;
    let error = error.unwrap_err();
    assert_eq!(error.reason, "closed", "{error}");
    assert!(error.is_transient());
    assert_eq!(sent.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn many_questions_at_once_do_not_wait_for_each_other() {
    let slow = Peer::serve(|client, _| async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        serve_metadata(client).await;
    })
    .await;
    let cluster = Arc::new(Cluster::new(Arc::new(Wire::new(&kafka(&[&slow.address])).unwrap())));
    let begun = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let cluster = Arc::clone(&cluster);
        all.spawn(async move { cluster.describe().await });
    }
    while let Some(outcome) = all.join_next().await {
        assert!(outcome.unwrap().is_ok());
    }
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
}
