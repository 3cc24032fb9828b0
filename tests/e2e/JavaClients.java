import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;

/**
 * Java clients that a test drives: consumers of every group protocol, producers, an admin client, a reader of JMX.
 *
 * <p>Reads commands from stdin and writes an answer for each to stdout, JSON objects a line each. A client works in a
 * thread of its own, so that one member of a group polls while another joins.
 */
public final class JavaClients {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, JavaActors.Actor> ACTORS = new HashMap<>();
    private static final Map<String, Admin> ADMINS = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                obey(JSON.readTree(line), answer);
            } catch (Exception failure) {
                failure.printStackTrace();
                answer.put("failed", failure.toString());
            }
            System.out.println(answer);
            System.out.flush();
        }
        System.exit(0);
    }

    private static void obey(JsonNode command, ObjectNode answer) throws Exception {
        String name = command.path("name").asText();
        switch (command.get("do").asText()) {
            case "open" -> ACTORS.put(name, new JavaActors.Actor(open(command)));
            case "close" -> ACTORS.remove(name).close();
            case "alter" -> alter(command);
            case "quota" -> quota(command);
            case "describe" -> describe(command, answer);
            case "jmx" -> jmx(command, answer);
            default -> ACTORS.get(name).perform(command, answer);
        }
    }

    private static JavaActors.Client open(JsonNode command) {
        Map<String, Object> config = new HashMap<>();
        command.get("config").properties().forEach(entry -> config.put(entry.getKey(), entry.getValue().asText()));
        List<String> topics = new ArrayList<>();
        command.path("topics").forEach(topic -> topics.add(topic.asText()));
        return switch (command.get("kind").asText()) {
            case "consumer" -> new JavaActors.GroupMember(config, topics);
            case "share" -> new JavaActors.ShareMember(config, topics);
            default -> new JavaActors.Sender(config);
        };
    }

    private static Admin admin(JsonNode command) {
        return ADMINS.computeIfAbsent(command.get("bootstrap").asText(), bootstrap ->
                Admin.create(Map.of("bootstrap.servers", bootstrap, "enable.metrics.push", "false")));
    }

    /** Sets dynamic configuration of a resource: of a group, or which metrics clients shall push. */
    private static void alter(JsonNode command) throws Exception {
        ConfigResource.Type type = ConfigResource.Type.valueOf(command.get("type").asText());
        Collection<AlterConfigOp> changes = new ArrayList<>();
        command.get("config").properties().forEach(entry -> changes.add(new AlterConfigOp(
                new ConfigEntry(entry.getKey(), entry.getValue().asText()), AlterConfigOp.OpType.SET)));
        ConfigResource resource = new ConfigResource(type, command.get("resource").asText());
        admin(command).incrementalAlterConfigs(Map.of(resource, changes)).all().get();
    }

    private static void quota(JsonNode command) throws Exception {
        ClientQuotaEntity client = new ClientQuotaEntity(
                Map.of(ClientQuotaEntity.CLIENT_ID, command.get("client").asText()));
        Double value = command.get("value").isNull() ? null : command.get("value").asDouble();
        ClientQuotaAlteration.Op op = new ClientQuotaAlteration.Op(command.get("key").asText(), value);
        admin(command).alterClientQuotas(List.of(new ClientQuotaAlteration(client, List.of(op)))).all().get();
    }

    /** The coordinator's view of a group: its epoch (KIP-848), and the epoch of each member. */
    private static void describe(JsonNode command, ObjectNode answer) throws Exception {
        String group = command.get("group").asText();
        ConsumerGroupDescription found =
                admin(command).describeConsumerGroups(List.of(group)).describedGroups().get(group).get();
        answer.put("state", found.groupState().toString());
        found.groupEpoch().ifPresent(epoch -> answer.put("epoch", epoch));
        ArrayNode members = answer.putArray("members");
        found.members().forEach(member -> members.add(member.memberEpoch().orElse(-1)));
    }

    private static void jmx(JsonNode command, ObjectNode answer) throws Exception {
        String url = "service:jmx:rmi:///jndi/rmi://127.0.0.1:" + command.get("port").asInt() + "/jmxrmi";
        try (JMXConnector connector = JMXConnectorFactory.connect(new JMXServiceURL(url))) {
            Object value = connector.getMBeanServerConnection().getAttribute(
                    new ObjectName(command.get("object").asText()), command.get("attribute").asText());
            answer.put("value", ((Number) value).doubleValue());
        }
    }
}
