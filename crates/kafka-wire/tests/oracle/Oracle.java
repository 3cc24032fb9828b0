import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.TimestampType;

/**
 * Prints what Kafka's own classes make of random messages: each as a frame, with the fields that a
 * reader must find in it, in wire order. Every frame is also read back by Kafka's generated class, to
 * its last byte, before it is printed.
 *
 * Arguments: seed, fillings of each message version. Lines on standard output, separated by tabs:
 *   E code name                                     an error code
 *   M direction key version correlation client frame fields...
 * `client` is the client id of a request header (`-` where the header has none), `frame` hexadecimal
 * with its size in front, a field `name=value` with values as they are written by Filler.
 */
public class Oracle {
    private static final int FRAME_HEADER_ROOM = 4;

    public static void main(String[] arguments) throws Exception {
        long seed = Long.parseLong(arguments[0]);
        int fillings = Integer.parseInt(arguments[1]);
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16), false, "UTF-8");
        for (Errors error : Errors.values()) {
            out.println("E\t" + error.code() + "\t" + error.name());
        }
        for (ApiMessageType api : ApiMessageType.values()) {
            for (boolean request : new boolean[] {true, false}) {
                Schema[] schemas = request ? api.requestSchemas() : api.responseSchemas();
                for (short version = 0; version < schemas.length; version++) {
                    // Versions that this release has dropped.
                    if (schemas[version] == null) continue;
                    for (int filling = 0; filling < fillings; filling++) {
                        long own = ((seed * 1000 + api.apiKey()) * 100 + version) * 1000 + filling * 2;
                        Random random = new Random(own + (request ? 1 : 0));
                        out.println(new Oracle(api, version, request, random).line(schemas[version]));
                    }
                }
            }
        }
        out.flush();
        if (out.checkError()) System.exit(1);
    }

    private final ApiMessageType api;
    private final short version;
    private final boolean request;
    private final Random random;
    private final Filler filler;

    private Oracle(ApiMessageType api, short version, boolean request, Random random) {
        this.api = api;
        this.version = version;
        this.request = request;
        this.random = random;
        this.filler = new Filler(random);
    }

    private String line(Schema schema) throws Exception {
        Schema patched = NullableStruct.patch(api, request, schema);
        Struct body = filler.struct(patched, 0);
        int correlation = random.nextInt();
        String client = filler.clientId();
        ByteBuffer header = header(correlation, client);
        int size = header.remaining() + body.sizeOf();
        ByteBuffer frame = ByteBuffer.allocate(FRAME_HEADER_ROOM + size);
        frame.putInt(size).put(header);
        int bodyStart = frame.position();
        body.writeTo(frame);
        if (frame.hasRemaining()) throw new IllegalStateException(api + " is shorter than its size");
        readBack(frame.flip().position(bodyStart).slice());

        short headerVersion = request ? api.requestHeaderVersion(version) : 0;
        String clientValue = !request || headerVersion == 0 ? "-" : Filler.text(client);
        List<String> line = new ArrayList<>(List.of("M", request ? "request" : "response",
            "" + api.apiKey(), "" + version, "" + correlation, clientValue,
            HexFormat.of().formatHex(frame.array())));
        line.addAll(filler.fields);
        return String.join("\t", line);
    }

    private ByteBuffer header(int correlation, String client) {
        ApiMessage header;
        short headerVersion;
        if (request) {
            headerVersion = api.requestHeaderVersion(version);
            header = new RequestHeaderData().setRequestApiKey(api.apiKey())
                .setRequestApiVersion(version).setCorrelationId(correlation).setClientId(client);
        } else {
            headerVersion = api.responseHeaderVersion(version);
            header = new ResponseHeaderData().setCorrelationId(correlation);
        }
        boolean flexible = headerVersion >= (request ? 2 : 1);
        if (flexible) header.unknownTaggedFields().addAll(filler.unknownTags());
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(header.size(cache, headerVersion));
        header.write(new ByteBufferAccessor(buffer), cache, headerVersion);
        return buffer.flip();
    }

    /** Kafka's generated class must take the body as it is: the schemas alone could be wrong. */
    private void readBack(ByteBuffer body) {
        ApiMessage message = request ? api.newRequest() : api.newResponse();
        message.read(new ByteBufferAccessor(body), version);
        if (body.hasRemaining()) {
            throw new IllegalStateException(message.getClass() + " v" + version + " left bytes over");
        }
    }
}

/** Fills structs with random values and writes down what a reader must find, in wire order. */
class Filler {
    private static final int DEPTH_OF_FEW = 2;
    private static final String[] PIECES = {"a", "Z", "9", ".", "_", "-", " ", "\u0000", "\u00e9", "\u20ac",
        "\u65e5", new String(Character.toChars(0x1F600))};

    final List<String> fields = new ArrayList<>();
    private final Random random;

    Filler(Random random) {
        this.random = random;
    }

    Struct struct(Schema schema, int depth) throws Exception {
        Struct struct = new Struct(schema);
        for (BoundField field : schema.fields()) {
            Object value = field.def.type instanceof TaggedFields
                ? tagged((TaggedFields) field.def.type, depth)
                : value(field.def.name, field.def.type, depth);
            struct.set(field, value);
        }
        return struct;
    }

    private NavigableMap<Integer, Object> tagged(TaggedFields type, int depth) throws Exception {
        NavigableMap<Integer, Object> values = new TreeMap<>();
        for (Map.Entry<Integer, Field> entry : known(type).entrySet()) {
            if (random.nextInt(3) == 0) continue;
            Field field = entry.getValue();
            values.put(entry.getKey(), value(field.name, field.type, depth));
        }
        for (RawTaggedField unknown : unknownTags()) values.put(unknown.tag(), unknown);
        return values;
    }

    /** The tags of a struct; Kafka 3.9 has no getter for them. */
    @SuppressWarnings("unchecked")
    private static Map<Integer, Field> known(TaggedFields type) throws Exception {
        java.lang.reflect.Field fields = TaggedFields.class.getDeclaredField("fields");
        fields.setAccessible(true);
        return new TreeMap<>((Map<Integer, Field>) fields.get(type));
    }

    /** Tags from 30 on, which no message defines; in three of four cases none. */
    List<RawTaggedField> unknownTags() {
        NavigableMap<Integer, RawTaggedField> tags = new TreeMap<>();
        for (int left = random.nextInt(4) == 0 ? 1 + random.nextInt(3) : 0; left > 0; left--) {
            int tag = 30 + random.nextInt(random.nextBoolean() ? 90 : 1_000_000);
            byte[] data = new byte[random.nextInt(8) == 0 ? 200 : random.nextInt(6)];
            random.nextBytes(data);
            tags.put(tag, new RawTaggedField(tag, data));
        }
        return new ArrayList<>(tags.values());
    }

    private Object value(String name, Type type, int depth) throws Exception {
        // Kafka 3.9 has only one type for records, which says that all may be null.
        boolean nullable = type.isNullable() && !name.equals("unaligned_records");
        if (nullable && random.nextInt(4) == 0) {
            found(name, "null");
            return null;
        }
        if (type.isArray()) return array(name, type.arrayElementType().get(), depth);
        Schema schema = type instanceof NullableStruct ? ((NullableStruct) type).schema
            : type instanceof Schema ? (Schema) type : null;
        return schema != null ? inside(name, schema, depth) : scalar(name, type);
    }

    private Struct inside(String name, Schema schema, int depth) throws Exception {
        found(name, "{");
        Struct struct = struct(schema, depth + 1);
        found(name, "}");
        return struct;
    }

    private Object[] array(String name, Type element, int depth) throws Exception {
        boolean many = element instanceof Schema ? depth < DEPTH_OF_FEW : random.nextInt(30) == 0;
        Object[] values = new Object[many && random.nextInt(12) == 0 ? 20 : random.nextInt(4)];
        if (!(element instanceof Schema) && many) values = new Object[130 + random.nextInt(20)];
        found(name, "a:" + values.length);
        for (int i = 0; i < values.length; i++) {
            values[i] = element instanceof Schema
                ? inside(name, (Schema) element, depth) : scalar(name, element);
        }
        return values;
    }

    private Object scalar(String name, Type type) throws Exception {
        String typeName = type.toString();
        switch (typeName) {
            case "BOOLEAN": {
                boolean value = random.nextBoolean();
                return found(name, "z:" + value, value);
            }
            case "INT8": {
                byte value = (byte) integer(Byte.MIN_VALUE, Byte.MAX_VALUE);
                return found(name, "i:" + value, value);
            }
            case "INT16": {
                short value = (short) integer(Short.MIN_VALUE, Short.MAX_VALUE);
                return found(name, "i:" + value, value);
            }
            case "UINT16": {
                int value = (int) integer(0, 0xFFFF);
                return found(name, "i:" + value, value);
            }
            case "INT32": {
                int value = (int) integer(Integer.MIN_VALUE, Integer.MAX_VALUE);
                return found(name, "i:" + value, value);
            }
            case "UINT32":
            case "UNSIGNED_INT32": {
                long value = integer(0, 0xFFFFFFFFL);
                return found(name, "i:" + value, value);
            }
            case "INT64": {
                long value = integer(Long.MIN_VALUE, Long.MAX_VALUE);
                return found(name, "i:" + value, value);
            }
            case "FLOAT64": {
                double value = random.nextGaussian() * Math.pow(10, random.nextInt(20));
                return found(name, "d:" + Long.toHexString(Double.doubleToRawLongBits(value)), value);
            }
            case "UUID": {
                Uuid value = random.nextInt(4) == 0 ? Uuid.ZERO_UUID
                    : new Uuid(random.nextLong(), random.nextLong());
                String high = HexFormat.of().toHexDigits(value.getMostSignificantBits());
                String low = HexFormat.of().toHexDigits(value.getLeastSignificantBits());
                return found(name, "u:" + high + low, value);
            }
            default:
                return lengthy(name, typeName.replace("COMPACT_", "").replace("NULLABLE_", ""));
        }
    }

    private Object lengthy(String name, String typeName) throws Exception {
        switch (typeName) {
            case "STRING": {
                String value = string(length());
                return found(name, text(value), value);
            }
            case "BYTES": {
                byte[] value = new byte[length()];
                random.nextBytes(value);
                return found(name, "b:" + HexFormat.of().formatHex(value), ByteBuffer.wrap(value));
            }
            case "RECORDS": {
                RecordSet value = new RecordSet(random);
                found(name, "r:" + value.sizeBytes);
                for (String batch : value.batches()) found(name, "B:" + batch);
                return value.records;
            }
            default:
                throw new IllegalStateException("unknown type " + typeName + " of " + name);
        }
    }

    String clientId() {
        switch (random.nextInt(6)) {
            case 0: return null;
            case 1: return "";
            case 2: return string(60);
            default: return string(1 + random.nextInt(20));
        }
    }

    static String text(String value) {
        return value == null ? "null"
            : "s:" + HexFormat.of().formatHex(value.getBytes(StandardCharsets.UTF_8));
    }

    /** About the lengths at which the forms of a length change, and the decoder's own limit. */
    private int length() {
        int[] edges = {0, 0, 1, 63, 126, 127, 128, 255, 256, 257, 1000};
        if (random.nextInt(3) == 0) return edges[random.nextInt(edges.length)];
        return random.nextInt(400) == 0 ? 17_000 : random.nextInt(24);
    }

    /** Half of them of this many bytes; with characters of several bytes in the others. */
    private String string(int length) {
        if (random.nextBoolean()) return "x".repeat(length);
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < length; i++) out.append(PIECES[random.nextInt(PIECES.length)]);
        return out.toString();
    }

    private long integer(long least, long most) {
        switch (random.nextInt(6)) {
            case 0: return least;
            case 1: return most;
            case 2: return 0;
            case 3: return least < 0 ? -1 : 1;
            default: {
                long value = random.nextLong();
                if (least == Long.MIN_VALUE) return value;
                return least + Long.remainderUnsigned(value, most - least + 1);
            }
        }
    }

    private void found(String name, String value) {
        fields.add(name + "=" + value);
    }

    private <T> T found(String name, String text, T value) {
        found(name, text);
        return value;
    }
}

/** A record set of a few batches of all formats, the last perhaps cut off, as Fetch sends them. */
class RecordSet {
    private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};

    final Object records;
    final int sizeBytes;
    private final Random random;

    RecordSet(Random random) throws Exception {
        this.random = random;
        ByteBuffer set = ByteBuffer.allocate(1 << 16);
        for (int left = random.nextInt(4); left > 0; left--) set.put(batch());
        set.flip();
        if (set.limit() > 0 && random.nextInt(4) == 0) set.limit(random.nextInt(set.limit()));
        sizeBytes = set.limit();
        records = recordClass("MemoryRecords").getMethod("readableRecords", ByteBuffer.class)
            .invoke(null, set.slice());
    }

    /** The batches that Kafka finds: offset, bytes, magic, codec, delta, timestamp, records, two flags. */
    List<String> batches() throws Exception {
        List<String> found = new ArrayList<>();
        Class<?> type = recordClass("RecordBatch");
        Iterable<?> batches = (Iterable<?>) records.getClass().getMethod("batches").invoke(records);
        for (Object batch : batches) {
            byte magic = (byte) get(type, batch, "magic");
            long last = (long) get(type, batch, "lastOffset");
            // Old formats name the last offset inside, and hide how many records there are.
            long base = magic < 2 ? last : (long) get(type, batch, "baseOffset");
            Object count = magic < 2 ? (Object) 1 : get(type, batch, "countOrNull");
            String codec = get(type, batch, "compressionType").toString().toLowerCase();
            boolean append = get(type, batch, "timestampType") == TimestampType.LOG_APPEND_TIME;
            found.add(base + "," + get(type, batch, "sizeInBytes") + "," + magic + "," + codec + ","
                + (last - base) + "," + get(type, batch, "maxTimestamp") + "," + count + ","
                + get(type, batch, "isControlBatch") + "," + append);
        }
        return found;
    }

    private ByteBuffer batch() throws Exception {
        long offset = random.nextInt(1_000_000);
        byte magic = (byte) (random.nextInt(3) == 0 ? random.nextInt(2) : 2);
        if (magic == 2 && random.nextInt(4) == 0) return marker();
        String codec = CODECS[random.nextInt(magic < 2 ? 3 : CODECS.length)];
        TimestampType timestamps = magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE
            : random.nextInt(3) == 0 ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
        Object builder = recordClass("MemoryRecords").getMethod("builder", ByteBuffer.class, byte.class,
            Compression.class, TimestampType.class, long.class, long.class)
            .invoke(null, ByteBuffer.allocate(1 << 12), magic, Compression.of(codec).build(), timestamps,
                offset, 1_700_000_000_000L);
        Method append = builder.getClass().getMethod("append", long.class, byte[].class, byte[].class);
        for (int left = 1 + random.nextInt(5); left > 0; left--) {
            byte[] value = random.nextInt(4) == 0 ? null : new byte[random.nextInt(60)];
            append.invoke(builder, magic == 0 ? -1L : random.nextInt(1_000_000), null, value);
        }
        return buffer(builder.getClass().getMethod("build").invoke(builder));
    }

    private ByteBuffer marker() throws Exception {
        Class<?> kind = recordClass("ControlRecordType");
        Object commit = kind.getField(random.nextBoolean() ? "COMMIT" : "ABORT").get(null);
        Class<?> markerType = recordClass("EndTransactionMarker");
        Object marker = markerType.getConstructor(kind, int.class).newInstance(commit, 7);
        return buffer(recordClass("MemoryRecords")
            .getMethod("withEndTransactionMarker", long.class, short.class, markerType)
            .invoke(null, 4000L, (short) 3, marker));
    }

    private static ByteBuffer buffer(Object records) throws Exception {
        return (ByteBuffer) records.getClass().getMethod("buffer").invoke(records);
    }

    private static Object get(Class<?> type, Object batch, String getter) throws Exception {
        return type.getMethod(getter).invoke(batch);
    }

    /** Kafka 4.3 moved these classes into a package of their own. */
    private static Class<?> recordClass(String name) throws ClassNotFoundException {
        String record = "org.apache.kafka.common.record.";
        try {
            return Class.forName(record + "internal." + name);
        } catch (ClassNotFoundException older) {
            return Class.forName(record + name);
        }
    }
}

/**
 * A struct that may be null: one byte in front, -1 for null (KIP-893). The schemas of Kafka 3.9 leave it
 * out, though its generated classes read and write it; Kafka 4 has a type for it.
 */
class NullableStruct extends Type {
    private static final Set<String> IN_3_9 = Set.of("ConsumerGroupHeartbeat response assignment",
        "ShareGroupHeartbeat response assignment", "DescribeTopicPartitions request cursor",
        "DescribeTopicPartitions response next_cursor");

    final Schema schema;

    private NullableStruct(Schema schema) {
        this.schema = schema;
    }

    static Schema patch(ApiMessageType api, boolean request, Schema schema) {
        List<Field> fields = new ArrayList<>();
        boolean patched = false;
        for (BoundField field : schema.fields()) {
            Field def = field.def;
            String place = api.name + (request ? " request " : " response ") + def.name;
            boolean missing = IN_3_9.contains(place) && !def.type.isNullable();
            patched |= missing;
            fields.add(missing ? new Field(def.name, new NullableStruct((Schema) def.type)) : def);
        }
        return patched ? new Schema(fields.toArray(new Field[0])) : schema;
    }

    @Override
    public boolean isNullable() {
        return true;
    }

    @Override
    public void write(ByteBuffer buffer, Object value) {
        buffer.put((byte) (value == null ? -1 : 1));
        if (value != null) schema.write(buffer, value);
    }

    @Override
    public Object read(ByteBuffer buffer) {
        return buffer.get() < 0 ? null : schema.read(buffer);
    }

    @Override
    public Object validate(Object value) {
        return value == null ? null : schema.validate(value);
    }

    @Override
    public int sizeOf(Object value) {
        return value == null ? 1 : 1 + schema.sizeOf(value);
    }
}
