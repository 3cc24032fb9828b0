import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The clients of JavaClients, each with the thread that alone may use it. */
final class JavaActors {
    private JavaActors() {
    }

    /** What an actor's thread owns; none of it is safe to use from two threads. */
    interface Client {
        void perform(JsonNode command, ObjectNode answer) throws Exception;

        /** One step of work of its own while no command waits; false when there is none to do. */
        boolean work();

        void close();
    }

    /** A client and its thread. */
    static final class Actor {
        private final BlockingQueue<FutureTask<?>> commands = new LinkedBlockingQueue<>();
        private final Client client;
        private volatile boolean open = true;

        Actor(Client client) {
            this.client = client;
            Thread thread = new Thread(this::run);
            thread.setDaemon(true);
            thread.start();
        }

        void perform(JsonNode command, ObjectNode answer) throws Exception {
            submit(() -> client.perform(command, answer));
        }

        void close() throws Exception {
            submit(() -> {
                open = false;
                client.close();
            });
        }

        private void submit(Step step) throws Exception {
            FutureTask<?> task = new FutureTask<>(() -> {
                step.run();
                return null;
            });
            commands.add(task);
            task.get();
        }

        private void run() {
            boolean busy = false;
            while (open) {
                try {
                    FutureTask<?> task = busy ? commands.poll() : commands.take();
                    if (task != null) {
                        task.run();
                    }
                    busy = open && client.work();
                } catch (Exception failure) {
                    failure.printStackTrace();
                    busy = false;
                }
            }
        }
    }

    private interface Step {
        void run() throws Exception;
    }

    /** A member that polls by itself once it is told to, or as many records as it is asked to take. */
    private abstract static class Poller implements Client {
        private boolean polling;
        private long received;

        abstract int pollOnce();

        abstract void commit();

        abstract void tell(ObjectNode answer);

        abstract Map<MetricName, ? extends Metric> metrics();

        abstract void subscribe(List<String> topics);

        @Override
        public void perform(JsonNode command, ObjectNode answer) {
            switch (command.get("do").asText()) {
                case "poll" -> polling = command.get("on").asBoolean();
                case "take" -> take(command.get("count").asLong());
                case "commit" -> commit();
                case "subscribe" -> {
                    List<String> topics = new ArrayList<>();
                    command.get("topics").forEach(topic -> topics.add(topic.asText()));
                    subscribe(topics);
                }
                case "metrics" -> describeMetrics(metrics(), answer);
                default -> {
                    answer.put("received", received);
                    tell(answer);
                }
            }
        }

        @Override
        public boolean work() {
            if (polling) {
                received += pollOnce();
            }
            return polling;
        }

        private void take(long count) {
            long end = System.nanoTime() + 30_000_000_000L;
            for (long wanted = received + count; received < wanted;) {
                received += pollOnce();
                if (System.nanoTime() > end) {
                    throw new IllegalStateException((wanted - received) + " records did not come");
                }
            }
        }
    }

    static final class GroupMember extends Poller implements ConsumerRebalanceListener {
        private final KafkaConsumer<byte[], byte[]> consumer;
        private int rebalances;

        GroupMember(Map<String, Object> config, List<String> topics) {
            consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            subscribe(topics);
        }

        @Override
        void subscribe(List<String> topics) {
            consumer.subscribe(topics, this);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            rebalances++;
        }

        @Override
        int pollOnce() {
            return consumer.poll(Duration.ofMillis(50)).count();
        }

        @Override
        void commit() {
            consumer.commitSync();
        }

        @Override
        void tell(ObjectNode answer) {
            answer.put("assigned", consumer.assignment().size());
            answer.put("rebalances", rebalances);
            answer.put("generation", consumer.groupMetadata().generationId());
            long position = 0;
            for (TopicPartition partition : consumer.assignment()) {
                position += consumer.position(partition, Duration.ofSeconds(20));
            }
            answer.put("position", position);
        }

        @Override
        Map<MetricName, ? extends Metric> metrics() {
            return consumer.metrics();
        }

        @Override
        public void close() {
            consumer.close();
        }
    }

    static final class ShareMember extends Poller {
        private final KafkaShareConsumer<byte[], byte[]> consumer;

        ShareMember(Map<String, Object> config, List<String> topics) {
            consumer = new KafkaShareConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            subscribe(topics);
        }

        @Override
        void subscribe(List<String> topics) {
            consumer.subscribe(topics);
        }

        @Override
        int pollOnce() {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(50));
            return records.count();
        }

        @Override
        void commit() {
            consumer.commitSync();
        }

        @Override
        void tell(ObjectNode answer) {
        }

        @Override
        Map<MetricName, ? extends Metric> metrics() {
            return consumer.metrics();
        }

        @Override
        public void close() {
            consumer.close();
        }
    }

    static final class Sender implements Client {
        private final KafkaProducer<byte[], byte[]> producer;

        Sender(Map<String, Object> config) {
            producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
        }

        @Override
        public void perform(JsonNode command, ObjectNode answer) throws Exception {
            if (command.get("do").asText().equals("metrics")) {
                describeMetrics(producer.metrics(), answer);
                return;
            }
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            byte[] value = new byte[command.get("size").asInt()];
            for (int i = 0; i < command.get("count").asInt(); i++) {
                long made = System.currentTimeMillis() - command.get("ago_ms").asLong();
                sent.add(producer.send(new ProducerRecord<>(command.get("topic").asText(), null, made, null, value)));
            }
            producer.flush();
            for (Future<RecordMetadata> one : sent) {
                one.get();
            }
            answer.put("sent", sent.size());
        }

        @Override
        public boolean work() {
            return false;
        }

        @Override
        public void close() {
            producer.close();
        }
    }

    private static void describeMetrics(Map<MetricName, ? extends Metric> metrics, ObjectNode answer) {
        ArrayNode all = answer.putArray("metrics");
        metrics.forEach((name, metric) -> {
            if (metric.metricValue() instanceof Number value && Double.isFinite(value.doubleValue())) {
                ObjectNode one = all.addObject();
                one.put("group", name.group()).put("name", name.name()).put("value", value.doubleValue());
                name.tags().forEach(one.putObject("tags")::put);
            }
        });
    }
}
