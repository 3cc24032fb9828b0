package istiod

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"istio.io/istio/pilot/test/xds"
)

const ambient = "PILOT_ENABLE_AMBIENT"

var waypoint = proxy{"waypoint", "10.244.5.60", "waypoint-0", "kafka", map[string]string{
	"gateway.networking.k8s.io/gateway-name": "waypoint", "gateway.istio.io/managed": "istio.io-mesh-controller",
}}

// Istio reads the switch for ambient mode when it starts, so a process of its own has it.
func TestWaypoints(t *testing.T) {
	again := exec.Command(os.Args[0], "-test.run=^TestInAmbientMode$", "-test.v")
	again.Env = append(os.Environ(), ambient+"=true")
	said, err := again.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "--- PASS: TestInAmbientMode") {
		t.Fatalf("%v: %s", err, said)
	}
}

func TestInAmbientMode(t *testing.T) {
	if os.Getenv(ambient) != "true" {
		t.Skip("TestWaypoints runs it in a process of its own")
	}
	shipped := func(object) {}
	targeted := func(d object) {
		at(d, "metadata")["namespace"] = "kafka"
		at(d, "spec")["targetRefs"] = []any{object{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint"}}
	}
	withoutPorts := func(d object) {
		targeted(d)
		delete(at(d, "spec"), "match")
	}
	// Connections to Services have a chain for each; those to pods, as Kafka advertises them, have one without a port.
	services := has(inboundByPlugin, "main_internal/inbound-vip|9092|tcp|events-kafka-bootstrap.kafka.svc.cluster.local",
		"main_internal/inbound-vip|9092|tcp|events-kafka-brokers.kafka.svc.cluster.local")
	pods := "main_internal/direct-tcp: connect_authority " + inboundByPlugin
	for _, expected := range []struct {
		name     string
		change   func(object)
		services []string
		pods     bool
	}{
		{envoyFilter, shipped, nil, false},
		{trafficExtension, shipped, nil, false},
		{wasmPlugin, shipped, nil, false},
		{trafficExtension, targeted, services, false},
		{wasmPlugin, targeted, services, false},
		{trafficExtension, withoutPorts, services, true},
		{wasmPlugin, withoutPorts, services, true},
	} {
		got := places(answers(t, ambientMesh(t, changed(t, form(t, expected.name), expected.change)), waypoint))
		ofKafka := slices.DeleteFunc(slices.Clone(got), func(place string) bool { return !strings.Contains(place, "|9092|") })
		same(t, ofKafka, expected.services)
		if slices.Contains(got, pods) != expected.pods || (!expected.pods && len(got) != len(ofKafka)) {
			t.Errorf("%s: %q", expected.name, got)
		}
	}
}

// ambientMesh has the Services of Strimzi's cluster behind the waypoint.
func ambientMesh(t *testing.T, manifest string) *xds.FakeDiscoveryServer {
	t.Helper()
	parts := read(t, "mesh/waypoint.yaml")
	cluster := strings.ReplaceAll(read(t, "mesh/cluster.yaml")+"\n---\n"+parts,
		"namespace: kafka}\nspec:", "namespace: kafka, labels: {istio.io/use-waypoint: waypoint}}\nspec:")
	gateway, _, _ := strings.Cut(parts, "\n---\n")
	return meshWith(t, cluster, manifest, gateway)
}
