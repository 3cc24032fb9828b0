import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.RequestHeader;

/**
 * Decodes recorded Kafka messages with Kafka's own classes: what the filter says is compared with this.
 *
 * <p>Reads names of files from stdin; each holds messages as kind (1 byte, 0 request, 1 response), api key (2), api
 * version (2), size (4), message. Writes a JSON object a line for each into the file with ".json" appended, then "done".
 */
public final class Oracle {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    public static void main(String[] arguments) throws Exception {
        BufferedReader names = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String name = names.readLine(); name != null; name = names.readLine()) {
            try {
                decodeFile(name);
                System.out.println("done");
            } catch (Exception failure) {
                System.out.println("failed: " + failure);
                failure.printStackTrace();
            }
            System.out.flush();
        }
    }

    private static void decodeFile(String name) throws Exception {
        try (DataInputStream input = new DataInputStream(new BufferedInputStream(new FileInputStream(name)));
                PrintWriter output = new PrintWriter(name + ".json", StandardCharsets.UTF_8)) {
            while (true) {
                int kind;
                try {
                    kind = input.readByte();
                } catch (EOFException end) {
                    return;
                }
                ApiKeys key = ApiKeys.forId(input.readShort());
                short version = input.readShort();
                byte[] message = new byte[input.readInt()];
                input.readFully(message);
                ByteBuffer bytes = ByteBuffer.wrap(message);
                output.println(kind == 0 ? request(key, version, bytes) : response(key, version, bytes));
            }
        }
    }

    private static ObjectNode request(ApiKeys key, short version, ByteBuffer bytes) throws Exception {
        RequestHeader header = RequestHeader.parse(bytes);
        ApiMessage data = ApiMessageType.fromApiKey(key.id).newRequest();
        data.read(new ByteBufferAccessor(bytes), version);
        ObjectNode node = describe("request", key, version, data);
        node.put("clientId", header.clientId());
        if (data instanceof ProduceRequestData) {
            ArrayNode sets = node.putArray("sets");
            ((ProduceRequestData) data).topicData().forEach(topic -> topic.partitionData().forEach(partition ->
                    sets.add(recordSet(topic.name(), topic.topicId().toString(), partition.records()))));
        }
        return node;
    }

    private static ObjectNode response(ApiKeys key, short version, ByteBuffer bytes) throws Exception {
        ApiMessageType type = ApiMessageType.fromApiKey(key.id);
        short bodyVersion = version;
        bytes.position(4);
        if (key == ApiKeys.API_VERSIONS && bytes.getShort(4) == Errors.UNSUPPORTED_VERSION.code()) {
            bodyVersion = 0;
        }
        if (type.responseHeaderVersion(version) >= 1) {
            skipTags(bytes);
        }
        ApiMessage data = type.newResponse();
        data.read(new ByteBufferAccessor(bytes), bodyVersion);
        ObjectNode node = describe("response", key, bodyVersion, data);
        errors(node.get("data"), node.putArray("errors"), node.putObject("errorNames"));
        if (data instanceof FetchResponseData) {
            ArrayNode sets = node.putArray("sets");
            ((FetchResponseData) data).responses().forEach(topic -> topic.partitions().forEach(partition ->
                    sets.add(recordSet(topic.topic(), topic.topicId().toString(), partition.records()))));
        }
        return node;
    }

    private static ObjectNode describe(String kind, ApiKeys key, short version, ApiMessage data) throws Exception {
        ObjectNode node = JSON.objectNode();
        node.put("kind", kind);
        node.put("api", key.name);
        node.put("version", version);
        Class<?> converter = Class.forName(data.getClass().getName() + "JsonConverter");
        Object json = converter.getMethod("write", data.getClass(), short.class).invoke(null, data, version);
        node.set("data", (JsonNode) json);
        return node;
    }

    /** Each non-zero error code, wherever it stands, by the name that Kafka gives it; and the names by their codes. */
    private static void errors(JsonNode node, ArrayNode found, ObjectNode names) {
        node.fields().forEachRemaining(field -> {
            int code = field.getValue().asInt();
            if (field.getKey().toLowerCase(Locale.ROOT).endsWith("errorcode") && code != 0) {
                found.add(Errors.forCode((short) code).name());
                names.put(Integer.toString(code), Errors.forCode((short) code).name());
            }
            errors(field.getValue(), found, names);
        });
        if (node.isArray()) {
            node.forEach(element -> errors(element, found, names));
        }
    }

    private static ObjectNode recordSet(String topic, String topicId, Object records) {
        ObjectNode set = JSON.objectNode();
        set.put("topic", topic);
        set.put("topicId", topicId);
        MemoryRecords memory = records == null ? MemoryRecords.EMPTY : (MemoryRecords) records;
        set.put("bytes", memory.sizeInBytes());
        ArrayNode batches = set.putArray("batches");
        for (RecordBatch batch : memory.batches()) {
            ObjectNode one = batches.addObject();
            one.put("codec", batch.compressionType().name);
            one.put("records", batch.countOrNull());
            one.put("control", batch.isControlBatch());
            one.put("bytes", batch.sizeInBytes());
        }
        return set;
    }

    private static void skipTags(ByteBuffer bytes) {
        ByteBufferAccessor reader = new ByteBufferAccessor(bytes);
        int count = reader.readUnsignedVarint();
        for (int i = 0; i < count; i++) {
            reader.readUnsignedVarint();
            bytes.position(bytes.position() + reader.readUnsignedVarint());
        }
    }
}
