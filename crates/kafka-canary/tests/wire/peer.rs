//! A broker of a test's own: accepts, reads requests, answers what the test says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_canary::settings::Kafka;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::MetadataResponseBroker;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, MetadataResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A listener and its task, which ends with it.
pub(crate) struct Peer {
    pub(crate) address: String,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// A connection that the peer accepted.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
    /// The peer's own address.
    pub(crate) address: String,
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A request as it came.
pub(crate) struct Asked {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation: i32,
    pub(crate) body: Bytes,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    /// Serves each connection as the function says; it gets the connection and its number, from 0 on.
    pub(crate) async fn serve<F, S>(serve: F) -> Self
    where
        F: Fn(Client, usize) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let own = address.clone();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                tasks.spawn(serve(
                    Client { stream: Box::new(stream), address: own.clone() },
                    number,
                ));
            }
        });
        Self { address, accepted, task }
    }

    /// Accepts, and never says anything.
    pub(crate) async fn silent() -> Self {
        Self::serve(|client, _| async move {
            let _held = client;
            std::future::pending::<()>().await;
        })
        .await
    }

    /// How many connections were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Client {
    /// The same connection over what is made of its stream.
    pub(crate) fn over(address: String, stream: Box<dyn Stream>) -> Self {
        Self { stream, address }
    }

    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    /// The next request; none when the client closed.
    pub(crate) async fn request(&mut self) -> Option<Asked> {
        let size = self.stream.read_i32().await.ok()?;
        let mut frame = vec![0; usize::try_from(size).unwrap()];
        self.stream.read_exact(&mut frame).await.ok()?;
        let mut body = Bytes::from(frame);
        let key = ApiKey::try_from((&body[0..2]).get_i16()).unwrap();
        let version = (&body[2..4]).get_i16();
        let header = RequestHeader::decode(&mut body, key.request_header_version(version)).unwrap();
        Some(Asked { key, version, correlation: header.correlation_id, body })
    }

    /// Answers a request in its version.
    pub(crate) async fn answer<R: Encodable + HeaderVersion>(
        &mut self,
        asked: &Asked,
        response: &R,
    ) {
        self.answer_in(asked, asked.version, response).await;
    }

    /// Answers a request in another version.
    pub(crate) async fn answer_in<R: Encodable + HeaderVersion>(
        &mut self,
        asked: &Asked,
        version: i16,
        response: &R,
    ) {
        let mut message = BytesMut::new();
        let header = ResponseHeader::default().with_correlation_id(asked.correlation);
        header.encode(&mut message, R::header_version(version)).unwrap();
        response.encode(&mut message, version).unwrap();
        self.write(&framed(&message)).await;
    }

    /// Writes bytes as they are; a client that is gone is no error.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// Answers ApiVersions with these, and returns the next request.
    pub(crate) async fn greet(&mut self, versions: &[(ApiKey, i16, i16)]) -> Option<Asked> {
        let asked = self.request().await?;
        assert_eq!(asked.key, ApiKey::ApiVersions);
        self.answer(&asked, &api_versions(versions)).await;
        self.request().await
    }
}

pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = i32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    frame
}

pub(crate) fn api_versions(versions: &[(ApiKey, i16, i16)]) -> ApiVersionsResponse {
    let keys = versions.iter().map(|(key, min, max)| {
        ApiVersion::default()
            .with_api_key(*key as i16)
            .with_min_version(*min)
            .with_max_version(*max)
    });
    ApiVersionsResponse::default().with_api_keys(keys.collect())
}

/// The versions of a broker of Kafka 4, as far as they are asked for here.
pub(crate) const KAFKA_4: [(ApiKey, i16, i16); 6] = [
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::SaslHandshake, 0, 1),
    (ApiKey::SaslAuthenticate, 0, 2),
];

/// Metadata of these brokers, by id; the first is the controller.
pub(crate) fn metadata(brokers: &BTreeMap<i32, String>) -> MetadataResponse {
    let each = brokers.iter().map(|(id, address)| {
        let (host, port) = address.rsplit_once(':').unwrap();
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(*id))
            .with_host(StrBytes::from_string(host.to_owned()))
            .with_port(port.parse().unwrap())
    });
    let controller = brokers.keys().next().copied().unwrap_or(-1);
    MetadataResponse::default()
        .with_brokers(each.collect())
        .with_controller_id(BrokerId(controller))
}

/// A broker that answers every Metadata request with itself as broker 1.
pub(crate) async fn plain_broker() -> Peer {
    Peer::serve(|client, _| serve_metadata(client)).await
}

/// Answers ApiVersions, then Metadata again and again.
pub(crate) async fn serve_metadata(mut client: Client) {
    let brokers = BTreeMap::from([(1, client.address.clone())]);
    let mut asked = client.greet(&KAFKA_4).await;
    while let Some(request) = asked {
        assert_eq!(request.key, ApiKey::Metadata);
        client.answer(&request, &metadata(&brokers)).await;
        asked = client.request().await;
    }
}

/// Settings for these servers.
pub(crate) fn kafka(servers: &[&str]) -> Kafka {
    Kafka {
        bootstrap: servers.iter().map(|server| (*server).to_owned()).collect(),
        backoff_attempts: 1,
        backoff_scale: Duration::from_secs(1),
        client_id: String::from("test"),
        tls: None,
        sasl: None,
        librdkafka: Vec::new(),
        request_timeout: Duration::from_secs(10),
    }
}

/// The same with less patience.
pub(crate) fn impatient(servers: &[&str]) -> Kafka {
    Kafka { request_timeout: Duration::from_millis(300), ..kafka(servers) }
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}
