package istiod

import (
	"slices"
	"strings"
	"testing"
)

// TestMistakes makes each mistake of ../rules.py that istiod's code decides on, and looks where the filter is then. The
// numbers are the rules'.
func TestMistakes(t *testing.T) {
	outboundPatch := func(d object) object { return at(d, "spec", "configPatches", 1) }
	inboundPatch := func(d object) object { return at(d, "spec", "configPatches", 2) }
	matched := func(patch object) object { return at(patch, "match", "listener") }
	nowhere := func(t *testing.T, got []string) { same(t, got, nil) }
	for what, mistake := range map[string]struct {
		change func(object)
		who    proxy
		check  func(*testing.T, []string)
	}{
		"1 another namespace": {func(d object) { at(d, "metadata")["namespace"] = "default" }, client, nowhere},
		"3 misspelt filter": {func(d object) {
			at(matched(outboundPatch(d)), "filterChain", "filter")["name"] = "envoy.tcp_proxy"
		}, client, nowhere},
		"3 no filter": {func(d object) { delete(matched(outboundPatch(d)), "filterChain") }, client, func(t *testing.T, got []string) {
			same(t, got, join(has("FILTER istio.stats tcp_proxy", outbound...), has("FILTER http_connection_manager", guessedHTTP)))
		}},
		"3 INSERT_FIRST": {func(d object) { at(inboundPatch(d), "patch")["operation"] = "INSERT_FIRST" }, broker, func(t *testing.T, got []string) {
			contains(t, got, "virtualInbound/0.0.0.0_9092 raw_buffer: FILTER istio.metadata_exchange istio.stats tcp_proxy")
		}},
		"3 INSERT_AFTER": {func(d object) { at(outboundPatch(d), "patch")["operation"] = "INSERT_AFTER" }, client, func(t *testing.T, got []string) {
			same(t, got, has("istio.stats tcp_proxy FILTER", outbound...))
		}},
		"4 no port, outbound": {func(d object) { delete(matched(outboundPatch(d)), "portNumber") }, client, func(t *testing.T, got []string) {
			contains(t, got, "10.96.0.30_6379: istio.stats FILTER tcp_proxy", "virtualOutbound/virtualOutbound-catchall-tcp: istio.stats FILTER tcp_proxy")
		}},
		"4 no port, inbound": {func(d object) { delete(matched(inboundPatch(d)), "portNumber") }, broker, func(t *testing.T, got []string) {
			contains(t, got, "virtualInbound/0.0.0.0_9091 raw_buffer: "+inboundByEnvoyFilter, "virtualInbound/virtualInbound raw_buffer: "+inboundByEnvoyFilter)
		}},
		"4 another port":      {func(d object) { matched(outboundPatch(d))["portNumber"] = 9093 }, client, nowhere},
		"5 a side is missing": {func(d object) { drop(d, 1) }, client, nowhere},
		"5 a side is there twice": {func(d object) {
			spec := at(d, "spec")
			spec["configPatches"] = append(spec["configPatches"].([]any), outboundPatch(d))
		}, client, func(t *testing.T, got []string) {
			same(t, got, has("istio.stats FILTER FILTER tcp_proxy", outbound...))
		}},
	} {
		t.Run(what, func(t *testing.T) {
			wrong := changed(t, form(t, envoyFilter), mistake.change)
			mistake.check(t, places(answers(t, mesh(t, wrong), mistake.who)))
		})
	}
}

// Rule 6: a listener asks for a name that istiod does not have; Envoy then waits, and serves without the filter.
func TestNamesThatDiffer(t *testing.T) {
	for what, change := range map[string]func(object){
		"another name in the listeners": func(d object) {
			for patch := 1; patch < 4; patch++ {
				at(d, "spec", "configPatches", patch, "patch", "value")["name"] = "kafka-filter"
			}
		},
		"another name of the resource": func(d object) { at(d, "spec", "configPatches", 0, "patch", "value")["name"] = "kafka-filter" },
		"no resource":                  func(d object) { drop(d, 0) },
	} {
		got := answers(t, mesh(t, changed(t, form(t, envoyFilter), change)), client)
		if len(got.named) != 1 || len(got.extensions) != 0 {
			t.Errorf("%s: named are %q, istiod sends %d", what, got.named, len(got.extensions))
		}
	}
}

// Rule 13: two forms are two filters in each chain, and so are one for the mesh and one for a namespace.
func TestTwoForms(t *testing.T) {
	for _, two := range [][]string{{envoyFilter, trafficExtension}, {envoyFilter, wasmPlugin}, {trafficExtension, wasmPlugin}} {
		got := answers(t, mesh(t, form(t, two[0]), form(t, two[1])), client)
		if len(got.extensions) != 2 {
			t.Errorf("%q: istiod sends %d", two, len(got.extensions))
		}
		for _, place := range places(got) {
			if strings.HasPrefix(place, "10.96.0.10_9092:") && strings.Count(place, "FILTER") != 2 {
				t.Errorf("%q: %s", two, place)
			}
		}
	}
	got := places(answers(t, mesh(t, form(t, envoyFilter), overlay(t, "one-namespace")), client))
	contains(t, got, "10.96.0.10_9092: istio.stats FILTER FILTER tcp_proxy")
}

// What the ports and the mode of a plugin mean.
func TestPortsOfPlugins(t *testing.T) {
	server := func(port int) func(object) {
		return func(d object) { at(d, "spec", "match", 1, "ports", 0)["number"] = port }
	}
	for what, choice := range map[string]struct {
		change func(object)
		who    proxy
		places []string
		absent []string
	}{
		"the container's port instead of the Service's": {server(19092), plainBroker, nil, []string{"virtualInbound/0.0.0.0_19092 raw_buffer"}},
		"no ports, inbound": {func(d object) { delete(at(d, "spec", "match", 1), "ports") }, broker, has(inboundByPlugin,
			"virtualInbound/0.0.0.0_9091 raw_buffer", "virtualInbound/virtualInbound raw_buffer"), nil},
		"no ports, outbound": {func(d object) { delete(at(d, "spec", "match", 0), "ports") }, client, has(byPlugin,
			"10.96.0.30_6379", "10.96.0.10_9092"), []string{"virtualOutbound/virtualOutbound-catchall-tcp"}},
		"a gateway's port of the Service": {func(d object) { at(d, "spec", "match", 0, "ports", 0)["number"] = 443 }, gateway,
			has(byPlugin, "0.0.0.0_8443"), nil},
		"a gateway's port of the container": {func(d object) { at(d, "spec", "match", 0, "ports", 0)["number"] = 8443 }, gateway,
			nil, []string{"0.0.0.0_8443"}},
	} {
		for _, name := range []string{trafficExtension, wasmPlugin} {
			t.Run(what+" "+name, func(t *testing.T) {
				got := places(answers(t, mesh(t, changed(t, form(t, name), choice.change)), choice.who))
				contains(t, got, choice.places...)
				for _, place := range got {
					for _, chain := range choice.absent {
						if strings.HasPrefix(place, chain+":") {
							t.Errorf("unexpected: %s", place)
						}
					}
				}
			})
		}
	}
}

// Two Services that lead to one port of a container by two ports have one chain, to which a plugin gives the port of one
// of them: all are to be listed. An EnvoyFilter goes by the container's.
func TestTwoServicesOfOneContainer(t *testing.T) {
	cluster := read(t, "mesh/cluster.yaml") + "\n---\n" + read(t, "mesh/second-service.yaml")
	listed := func(ports ...int) func(object) {
		return func(d object) {
			var all []any
			for _, port := range ports {
				all = append(all, object{"number": port})
			}
			at(d, "spec", "match", 1)["ports"] = all
		}
	}
	count := func(manifest string) int {
		found := 0
		for _, place := range places(answers(t, meshWith(t, cluster, manifest), plainBroker)) {
			if strings.HasPrefix(place, "virtualInbound/0.0.0.0_19092 ") {
				found++
			}
		}
		return found
	}
	if found := count(overlayOfPorts(t, "9092", "19092", "8443")); found != 3 {
		t.Errorf("the EnvoyFilter is in %d chains", found)
	}
	for _, name := range []string{trafficExtension, wasmPlugin} {
		one, other := count(changed(t, form(t, name), listed(9092))), count(changed(t, form(t, name), listed(29092)))
		if one+other != 3 {
			t.Errorf("%s: with 9092 in %d chains, with 29092 in %d", name, one, other)
		}
		if both := count(changed(t, form(t, name), listed(9092, 29092))); both != 3 {
			t.Errorf("%s: with both in %d", name, both)
		}
	}
}

// Pods of a headless Service have listeners on the Service's port; clients that call the container's find none.
func TestHeadlessServicesNeedTheContainersPort(t *testing.T) {
	var names []string
	for _, one := range answers(t, mesh(t), client).listeners {
		names = append(names, one.Name)
	}
	if !slices.Contains(names, "10.244.2.20_9092") || slices.Contains(names, "10.244.2.20_19092") {
		t.Errorf("%q", names)
	}
}

func drop(document object, index int) {
	spec := at(document, "spec")
	patches := spec["configPatches"].([]any)
	spec["configPatches"] = append(append([]any{}, patches[:index]...), patches[index+1:]...)
}

func contains(t *testing.T, got []string, expected ...string) {
	t.Helper()
	all := "\n" + strings.Join(got, "\n") + "\n"
	for _, one := range expected {
		if !strings.Contains(all, "\n"+one+"\n") {
			t.Errorf("missing: %s; there are %s", one, all)
		}
	}
}
