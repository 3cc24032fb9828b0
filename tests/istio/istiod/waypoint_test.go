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
	example := documents(t, "examples/waypoint")[0]
	// A WasmPlugin has what the extension has under `wasm` in its own spec.
	asPlugin := changed(t, example, func(d object) {
		spec := at(d, "spec")
		for key, value := range at(d, "spec", "wasm") {
			spec[key] = value
		}
		delete(spec, "wasm")
		d["kind"] = "WasmPlugin"
	})
	// Istio does not say that this works. Without the listener's name it stands in the tunnels onward too, and counts twice.
	envoyFilterForIt := changed(t, form(t, envoyFilter), func(d object) {
		at(d, "metadata")["namespace"] = "kafka"
		at(d, "spec")["targetRefs"] = at(parsed(t, example), "spec")["targetRefs"]
		listener := at(d, "spec", "configPatches", 2, "match", "listener")
		delete(listener, "portNumber")
		listener["name"] = "main_internal"
		drop(d, 3)
		drop(d, 1)
	})
	withPorts := changed(t, example, func(d object) {
		at(d, "spec")["match"] = []any{object{"mode": "SERVER", "ports": []any{object{"number": 9092}}}}
	})
	// Connections to Services have a chain for each; those to pods, as Kafka advertises them, have one without a port.
	chains := []string{"main_internal/inbound-vip|9092|tcp|events-kafka-bootstrap.kafka.svc.cluster.local",
		"main_internal/inbound-vip|9092|tcp|events-kafka-brokers.kafka.svc.cluster.local"}
	services := has(inboundByPlugin, chains...)
	pods := "main_internal/direct-tcp: connect_authority "
	for what, expected := range map[string]struct {
		manifest string
		services []string
		pods     bool
	}{
		"shipped " + envoyFilter:      {form(t, envoyFilter), nil, false},
		"shipped " + trafficExtension: {form(t, trafficExtension), nil, false},
		"shipped " + wasmPlugin:       {form(t, wasmPlugin), nil, false},
		"example":                     {example, services, true},
		"example as a WasmPlugin":     {asPlugin, services, true},
		"example with ports":          {withPorts, services, false},
		"an EnvoyFilter for it":       {envoyFilterForIt, has(inboundByEnvoyFilter, chains...), true},
	} {
		got := places(answers(t, ambientMesh(t, expected.manifest), waypoint))
		ofKafka := slices.DeleteFunc(slices.Clone(got), func(place string) bool { return !strings.Contains(place, "|9092|") })
		same(t, ofKafka, expected.services)
		ofPods := slices.ContainsFunc(got, func(place string) bool { return strings.HasPrefix(place, pods) })
		if ofPods != expected.pods || (!expected.pods && len(got) != len(ofKafka)) {
			t.Errorf("%s: %q", what, got)
		}
		if slices.ContainsFunc(got, func(place string) bool { return strings.Contains(place, "connect_originate") }) {
			t.Errorf("%s is in tunnels: %q", what, got)
		}
	}
	if got := places(answers(t, ambientMesh(t, example), client)); len(got) > 0 {
		t.Errorf("sidecars have the waypoint's: %q", got)
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
