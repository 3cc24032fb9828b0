package istiod

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
)

// The filter's place in a chain: all filters, with FILTER for the one that is asked for by ECDS.
const (
	byEnvoyFilter        = "istio.stats FILTER tcp_proxy"
	byPlugin             = "FILTER istio.stats tcp_proxy"
	inboundByEnvoyFilter = "istio.metadata_exchange istio.stats FILTER tcp_proxy"
	inboundByPlugin      = "istio.metadata_exchange FILTER istio.stats tcp_proxy"
)

// The chains of Kafka's port that a proxy has, by what follows from mesh/.
var (
	// Services, of which headless ones have a listener for each pod, and the wildcard of the ServiceEntry.
	outbound = []string{
		"0.0.0.0_9092", "10.244.1.10_9092", "10.244.1.11_9092", "10.244.2.20_9092", "10.96.0.10_9092",
		"10.96.0.20_9092", "10.96.0.21_9092", "10.96.0.40_9092",
	}
	// Where Istio guesses the protocol there is a chain of HTTP too.
	guessedHTTP = "10.96.0.21_9092 raw_buffer[http/1.1 h2c]"
	mutualTLS   = "tls[istio istio-peer-exchange istio-http/1.0 istio-http/1.1 istio-h2]"
)

// inbound are the chains of a port of the container: without mTLS, Kafka's own TLS, and Istio's mTLS.
func inbound(port string) []string {
	name := "virtualInbound/0.0.0.0_" + port
	return []string{name + " raw_buffer", name + " tls", name + " " + mutualTLS}
}

// strict is the one chain of a workload that takes Istio's mTLS alone.
func strict(port string) []string {
	return []string{"virtualInbound/0.0.0.0_" + port + " tls"}
}

// With "has", every chain that has the filter is listed; there is none beside them.
func has(filters string, chains ...string) []string {
	var made []string
	for _, chain := range chains {
		made = append(made, chain+": "+filters)
	}
	return made
}

func TestWhereTheFilterIs(t *testing.T) {
	// A broker's own listeners for its own address do not exist.
	ofBroker := without(outbound, "10.244.1.10_9092")
	ofPlain := without(outbound, "10.244.2.20_9092")
	clientOnly := "overlays/client-side"
	for what, expected := range map[string]struct {
		manifest string
		who      proxy
		places   []string
		with     []string
	}{
		"client": {envoyFilter, client, has(byEnvoyFilter, outbound...), nil},
		"broker": {envoyFilter, broker, join(has(byEnvoyFilter, ofBroker...), has(inboundByEnvoyFilter, inbound("9092")...)), nil},
		"broker, mTLS alone": {envoyFilter, broker,
			join(has(byEnvoyFilter, ofBroker...), has(inboundByEnvoyFilter, strict("9092")...)), []string{"mesh/strict.yaml"}},
		"gateway": {envoyFilter, gateway, has(byEnvoyFilter, "0.0.0.0_9092"), nil},
		// The container has another port than the Service: the shipped number is the Service's.
		"another container port, not said": {envoyFilter, plainBroker, has(byEnvoyFilter, ofPlain...), nil},
		"another container port": {"other ports", plainBroker,
			join(has(byEnvoyFilter, ofPlain...), has(inboundByEnvoyFilter, inbound("19092")...)), nil},
		"another gateway port": {"other ports", gateway, has(byEnvoyFilter, "0.0.0.0_8443"), nil},

		"overlay both":              {"overlays/both", client, has(byEnvoyFilter, outbound...), nil},
		"client side, client":       {clientOnly, client, has(byEnvoyFilter, outbound...), nil},
		"client side, broker":       {clientOnly, broker, has(byEnvoyFilter, ofBroker...), nil},
		"client side, gateway":      {clientOnly, gateway, has(byEnvoyFilter, "0.0.0.0_9092"), nil},
		"broker side, client":       {"overlays/broker-side", client, nil, nil},
		"broker side, broker":       {"overlays/broker-side", broker, has(inboundByEnvoyFilter, inbound("9092")...), nil},
		"broker side, gateway":      {"overlays/broker-side", gateway, nil, nil},
		"one namespace, client":     {"overlays/one-namespace", client, has(byEnvoyFilter, outbound...), nil},
		"one namespace, broker":     {"overlays/one-namespace", broker, nil, nil},
		"one namespace, gateway":    {"overlays/one-namespace", gateway, nil, nil},
		"labelled workloads":        {"overlays/labelled-workloads", labelled, has(byEnvoyFilter, outbound...), nil},
		"workloads without a label": {"overlays/labelled-workloads", client, nil, nil},

		"extension, client": {trafficExtension, client, join(has(byPlugin, outbound...), has("FILTER http_connection_manager", guessedHTTP)), nil},
		"extension, broker": {trafficExtension, broker, join(has(byPlugin, ofBroker...),
			has("FILTER http_connection_manager", guessedHTTP), has(inboundByPlugin, inbound("9092")...)), nil},
		"extension, broker, mTLS alone": {trafficExtension, broker, join(has(byPlugin, ofBroker...),
			has("FILTER http_connection_manager", guessedHTTP), has(inboundByPlugin, strict("9092")...)), []string{"mesh/strict.yaml"}},
		// A plugin goes by the Service's port on both sides.
		"extension, another container port": {trafficExtension, plainBroker, join(has(byPlugin, ofPlain...),
			has("FILTER http_connection_manager", guessedHTTP), has(inboundByPlugin, inbound("19092")...)), nil},
		"extension, gateway": {trafficExtension, gateway, has(byPlugin, "0.0.0.0_9092"), nil},
	} {
		for _, manifest := range alike(expected.manifest) {
			t.Run(what+" "+manifest, func(t *testing.T) {
				resources := []string{manifestNamed(t, manifest)}
				for _, path := range expected.with {
					resources = append(resources, read(t, path))
				}
				got := answers(t, mesh(t, resources...), expected.who)
				same(t, places(got), expected.places)
				if len(got.named) != min(1, len(expected.places)) || len(got.extensions) != len(got.named) {
					t.Errorf("named are %q, istiod sends %d", got.named, len(got.extensions))
				}
			})
		}
	}
}

// A Service of HTTP on Kafka's port turns the wildcard listener into one that guesses; a plugin stands in its chain too.
func TestHTTPOnKafkasPort(t *testing.T) {
	cluster := read(t, "mesh/cluster.yaml") + "\n---\n" + read(t, "mesh/http.yaml")
	guessed := "0.0.0.0_9092 raw_buffer[http/1.1 h2c]"
	for manifest, expected := range map[string][]string{
		envoyFilter:      nil,
		trafficExtension: has("FILTER http_connection_manager", guessed, guessedHTTP),
		wasmPlugin:       has("FILTER http_connection_manager", guessed, guessedHTTP),
	} {
		got := answers(t, meshWith(t, cluster, form(t, manifest)), client)
		ofHTTP := slices.DeleteFunc(places(got), func(place string) bool { return strings.HasSuffix(place, "tcp_proxy") })
		same(t, ofHTTP, expected)
		if count := len(places(got)) - len(ofHTTP); count != len(outbound) {
			t.Errorf("%s: the filter is in %d chains of TCP", manifest, count)
		}
	}
}

// alike is a manifest, or both that are made of one.
func alike(manifest string) []string {
	if manifest == trafficExtension {
		return []string{trafficExtension, wasmPlugin}
	}
	return []string{manifest}
}

func manifestNamed(t *testing.T, name string) string {
	t.Helper()
	if name == "other ports" {
		return overlayOfPorts(t, "9092", "19092", "8443")
	}
	if folder, ok := strings.CutPrefix(name, "overlays/"); ok {
		return overlay(t, folder)
	}
	return form(t, name)
}

// places are the chains that have a filter which is asked for by ECDS, with all of their filters.
func places(got sent) []string {
	var found []string
	for _, one := range got.listeners {
		for _, chain := range chains(one) {
			var filters []string
			for _, filter := range chain.Filters {
				name := strings.TrimPrefix(filter.Name, "envoy.filters.network.")
				if filter.GetConfigDiscovery() != nil {
					name = "FILTER"
				}
				filters = append(filters, name)
			}
			if slices.Contains(filters, "FILTER") {
				found = append(found, described(one, chain)+": "+strings.Join(filters, " "))
			}
		}
	}
	return found
}

// described is "listener/chain transport[protocols]", with what there is of it.
func described(one *listener.Listener, chain *listener.FilterChain) string {
	text := one.Name
	if chain.Name != "" {
		text += "/" + chain.Name
	}
	if transport := chain.FilterChainMatch.GetTransportProtocol(); transport != "" {
		text += " " + transport
	}
	if protocols := chain.FilterChainMatch.GetApplicationProtocols(); len(protocols) > 0 {
		text += fmt.Sprint(protocols)
	}
	return text
}

func same(t *testing.T, got, expected []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(expected)
	for _, one := range got {
		if !slices.Contains(expected, one) {
			t.Errorf("unexpected: %s", one)
		}
	}
	for _, one := range expected {
		if !slices.Contains(got, one) {
			t.Errorf("missing: %s", one)
		}
	}
	if !t.Failed() && len(got) != len(expected) {
		t.Errorf("%d instead of %d: %q", len(got), len(expected), got)
	}
}

func without(all []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(found string) bool { return found == one })
}

func join(parts ...[]string) []string { return slices.Concat(parts...) }
