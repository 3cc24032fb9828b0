import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A client of 2017: writes, reads as a group, commits. Compiles against the oldest client library of the lab.
 *
 * <p>Arguments: bootstrap address, topic, group, number of records. Prints how many records were read.
 */
public final class OldClient {
    private OldClient() {
    }

    public static void main(String[] arguments) throws Exception {
        int count = Integer.parseInt(arguments[3]);
        produce(arguments[0], arguments[1], count);
        System.out.println(consume(arguments[0], arguments[1], arguments[2], count));
    }

    private static void produce(String bootstrap, String topic, int count) throws Exception {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("client.id", "old-producer");
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int number = 0; number < count; number++) {
                producer.send(new ProducerRecord<>(topic, new byte[100])).get();
            }
        }
    }

    private static int consume(String bootstrap, String topic, String group, int count) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("client.id", "old-consumer");
        config.put("group.id", group);
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", "false");
        int read = 0;
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(Collections.singletonList(topic));
            long end = System.nanoTime() + 40_000_000_000L;
            while (read < count && System.nanoTime() < end) {
                read += consumer.poll(200).count();
            }
            consumer.commitSync();
        }
        return read;
    }
}
