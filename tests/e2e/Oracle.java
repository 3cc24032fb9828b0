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
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ShareFetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.RequestHeader;

/**
 * Decodes recorded Kafka messages with Kafka's own classes: what the filter says is compared with this.
 *
 * <p>Reads names of files from stdin; each holds messages as kind (1 byte, 0 request, 1 response), api key (2), api
 * version (2), size (4), message. Writes a JSON object a line for each into the file with ".json" appended, then "done".
 * The first line it writes names the request versions that this Kafka release has, by API.
 *
 * <p>Compiles against every release of the lab. Record classes have moved between packages since 3.9, and so are
 * called without naming them.
 */
public final class Oracle {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    public static void main(String[] arguments) throws Exception {
        System.out.println(versions());
        System.out.flush();
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

    private static ObjectNode versions() {
        ObjectNode node = JSON.objectNode();
        for (ApiMessageType type : ApiMessageType.values()) {
            ObjectNode one = node.putObject(type.name);
            one.put("key", type.apiKey());
            one.put("lowest", type.lowestSupportedVersion());
            one.put("highest", type.highestSupportedVersion(true));
        }
        return node;
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
                    sets.add(recordSet(topic.name(), topicId(topic), partition.records()))));
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
        } else if (data instanceof ShareFetchResponseData) {
            ArrayNode sets = node.putArray("sets");
            ((ShareFetchResponseData) data).responses().forEach(topic -> topic.partitions().forEach(partition ->
                    sets.add(recordSet("", topic.topicId().toString(), partition.records()))));
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
        set.put("bytes", records == null ? 0 : (Integer) get(records, "sizeInBytes"));
        ArrayNode batches = set.putArray("batches");
        if (records == null) {
            return set;
        }
        for (Object batch : (Iterable<?>) get(records, "batches")) {
            ObjectNode one = batches.addObject();
            byte magic = (Byte) get(batch, "magic");
            // The outer message of an old compressed set hides its count: one, for all that the wire says.
            Integer count = (Integer) get(batch, "countOrNull");
            one.put("codec", get(batch, "compressionType").toString().toLowerCase(Locale.ROOT));
            one.put("records", count != null ? count : 1);
            one.put("control", (Boolean) get(batch, "isControlBatch"));
            one.put("bytes", (Integer) get(batch, "sizeInBytes"));
            one.put("createTime", magic >= 1 && get(batch, "timestampType").toString().equals("CreateTime"));
            one.put("maxTimestamp", magic >= 1 ? (Long) get(batch, "maxTimestamp") : -1);
        }
        return set;
    }

    /** The id by which a Produce request names a topic; Kafka 3.9 knows no such field. */
    private static String topicId(ProduceRequestData.TopicProduceData topic) {
        boolean known = Arrays.stream(topic.getClass().getMethods()).anyMatch(m -> m.getName().equals("topicId"));
        return (known ? get(topic, "topicId") : Uuid.ZERO_UUID).toString();
    }

    /** Calls a method without arguments that some interface of the object's class declares for all to use. */
    private static Object get(Object object, String method) {
        try {
            Method found = object.getClass().getMethod(method);
            found.setAccessible(true);
            return found.invoke(object);
        } catch (ReflectiveOperationException failure) {
            throw new IllegalStateException(object.getClass() + " has no " + method, failure);
        }
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
