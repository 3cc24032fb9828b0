package istiod

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"istio.io/istio/pilot/pkg/model"
	v3 "istio.io/istio/pilot/pkg/xds/v3"
	"istio.io/istio/pilot/test/xds"
	meshconfig "istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/log"
)

// istioVersion is what proxies say of themselves; the module's pin in go.mod is of that release's branch.
const istioVersion = "1.31.0"

// TestMain leaves Istio's logs out, so that what a test says can be seen.
func TestMain(m *testing.M) {
	for _, scope := range log.Scopes() {
		scope.SetOutputLevel(log.NoneLevel)
	}
	os.Exit(m.Run())
}

// A proxy as it shows itself to istiod.
type proxy struct {
	kind, ip, name, namespace string
	labels                    map[string]string
}

var (
	client   = proxy{"sidecar", "10.244.3.30", "orders-0", "kafka-clients", map[string]string{"app": "orders"}}
	labelled = proxy{"sidecar", "10.244.3.31", "payments-0", "kafka-clients", map[string]string{"app": "payments", "kafka-filter": "enabled"}}
	broker   = proxy{"sidecar", "10.244.1.10", "events-brokers-0", "kafka", map[string]string{
		"strimzi.io/cluster": "events", "strimzi.io/broker-role": "true", "strimzi.io/kind": "Kafka",
	}}
	plainBroker = proxy{"sidecar", "10.244.2.20", "broker-0", "plain", map[string]string{"app": "broker"}}
	gateway     = proxy{"router", "10.244.4.40", "gateway-0", "istio-system", map[string]string{"istio": "ingressgateway"}}
)

// sent is what istiod answers a proxy: its listeners, and the extensions that these name, asked for as Envoy does.
type sent struct {
	listeners  []*listener.Listener
	extensions []*core.TypedExtensionConfig
	named      []string
}

// mesh is an istiod with the cluster of mesh/ and these resources of Istio, each a YAML text.
func mesh(t *testing.T, resources ...string) *xds.FakeDiscoveryServer {
	t.Helper()
	return meshWith(t, read(t, "mesh/cluster.yaml"), resources...)
}

func meshWith(t *testing.T, cluster string, resources ...string) *xds.FakeDiscoveryServer {
	t.Helper()
	all := append([]string{read(t, "mesh/config.yaml"), read(t, "../../../istio/examples/external-brokers.yaml")}, resources...)
	// As an installation has it, whose proxies report to Prometheus: istio.stats is in all chains.
	settings, err := meshconfig.ApplyMeshConfigDefaults("defaultProviders: {metrics: [prometheus]}")
	if err != nil {
		t.Fatal(err)
	}
	return xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		MeshConfig:             settings,
		KubernetesObjectString: cluster,
		ConfigString:           strings.Join(all, "\n---\n"),
	})
}

// answers asks istiod over ADS for listeners, and then for the extensions that are named in them.
func answers(t *testing.T, istiod *xds.FakeDiscoveryServer, who proxy) sent {
	t.Helper()
	stream := connect(t, istiod)
	id := []string{who.kind, who.ip, who.name + "." + who.namespace, who.namespace + ".svc.cluster.local"}
	metadata := model.NodeMetadata{
		Namespace: who.namespace, Labels: who.labels, IstioVersion: istioVersion, ClusterID: "Kubernetes",
	}
	node := &core.Node{Id: strings.Join(id, "~"), Metadata: metadata.ToStruct()}
	var got sent
	for _, resource := range request(t, stream, &discovery.DiscoveryRequest{Node: node, TypeUrl: v3.ListenerType}) {
		got.listeners = append(got.listeners, decoded(t, resource, &listener.Listener{}))
	}
	got.named = discovered(got.listeners)
	if len(got.named) > 0 {
		asked := &discovery.DiscoveryRequest{TypeUrl: v3.ExtensionConfigurationType, ResourceNames: got.named}
		for _, resource := range request(t, stream, asked) {
			got.extensions = append(got.extensions, decoded(t, resource, &core.TypedExtensionConfig{}))
		}
	}
	return got
}

type stream = discovery.AggregatedDiscoveryService_StreamAggregatedResourcesClient

func connect(t *testing.T, istiod *xds.FakeDiscoveryServer) stream {
	t.Helper()
	dial := grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return istiod.BufListener.Dial() })
	connection, err := grpc.NewClient("passthrough:istiod", grpc.WithTransportCredentials(insecure.NewCredentials()), dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	limited, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	opened, err := discovery.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(limited)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// request asks, and acknowledges what comes; that may be nothing at all.
func request(t *testing.T, stream stream, asked *discovery.DiscoveryRequest) []*anypb.Any {
	t.Helper()
	if err := stream.Send(asked); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil {
		t.Fatalf("no answer for %s: %v", asked.TypeUrl, err)
	}
	if got.TypeUrl != asked.TypeUrl {
		t.Fatalf("asked for %s, got %s", asked.TypeUrl, got.TypeUrl)
	}
	asked.VersionInfo, asked.ResponseNonce = got.VersionInfo, got.Nonce
	if err := stream.Send(asked); err != nil {
		t.Fatal(err)
	}
	return got.Resources
}

// discovered are the names of the filters of listeners that Envoy asks for by ECDS, each once, in order.
func discovered(listeners []*listener.Listener) []string {
	var names []string
	seen := map[string]bool{}
	for _, one := range listeners {
		for _, chain := range chains(one) {
			for _, filter := range chain.Filters {
				if filter.GetConfigDiscovery() != nil && !seen[filter.Name] {
					seen[filter.Name] = true
					names = append(names, filter.Name)
				}
			}
		}
	}
	return names
}

func chains(one *listener.Listener) []*listener.FilterChain {
	all := append([]*listener.FilterChain{}, one.FilterChains...)
	if one.DefaultFilterChain != nil {
		all = append(all, one.DefaultFilterChain)
	}
	return all
}

func decoded[M proto.Message](t *testing.T, from *anypb.Any, into M) M {
	t.Helper()
	if err := from.UnmarshalTo(into); err != nil {
		t.Fatal(err)
	}
	return into
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func packed(t *testing.T, from proto.Message) *anypb.Any {
	t.Helper()
	made, err := anypb.New(from)
	if err != nil {
		t.Fatal(err)
	}
	return made
}
