/** Names as they come up in companies, and as an attacker would choose them. */

export const TOPICS = [
  "orders",
  "payments.authorized",
  "payments.settled",
  "inventory-updates",
  "clickstream.web",
  "clickstream.app",
  "customer-profile-changes",
  "shipping.labels",
  "shipping.tracking",
  "fraud-scores",
  "emails.outbound",
  "audit-log",
  "search-index-updates",
  "pricing.offers",
  "recommendations",
  "sessions",
  "telemetry.devices",
  "cdc.postgres.public.orders",
  "cdc.postgres.public.customers",
  "dead-letters",
  "invoices",
  "returns",
  "warehouse.events",
  "media.transcode-jobs",
];

export const CLIENTS = [
  "checkout",
  "payment-service",
  "inventory",
  "web-gateway",
  "mobile-gateway",
  "crm-sync",
  "label-printer",
  "fraud-detector",
  "mailer",
  "auditor",
  "indexer",
  "pricing-engine",
  "recommender",
  "session-store",
  "iot-bridge",
  "debezium-orders",
  "debezium-customers",
  "billing",
  "returns-portal",
  "wms-adapter",
  "transcoder",
  "data-lake-sink",
  "flink-job-7",
];

export const GROUPS = [
  "fraud-detector-v3",
  "data-lake",
  "indexer",
  "mailer",
  "billing-settlement",
  "wms",
  "recommender-online",
  "auditors",
  "connect-s3-sink",
  "session-materializer",
];

export const HOSTILE = [
  "<img src=x onerror=alert(document.domain)>",
  "\"}) or vector(1) # ' \\ $& ${topic}",
  "\u202egnp.exe\u202c-\u05e9\u05dc\u05d5\u05dd",
  `long-${"abcdefghij-".repeat(22)}xy`.slice(0, 249),
  "注文イベント-本番環境-東京リージョン",
];

export const SOFTWARE = [
  "apache-kafka-java 3.9.0",
  "apache-kafka-java 2.8.1",
  "librdkafka 2.6.0",
  "sarama 1.45.0",
  "kafka-python 2.0.2",
];

export const APIS = [
  "Produce",
  "FetchConsumer",
  "Metadata",
  "OffsetCommit",
  "Heartbeat",
  "JoinGroup",
  "SyncGroup",
  "ApiVersions",
  "FindCoordinator",
  "ListOffsets",
  "InitProducerId",
];
