package istiod

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	networkrbac "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	networkwasm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/wasm/v3"
	wasmextensions "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"google.golang.org/protobuf/types/known/anypb"

	"istio.io/istio/pkg/monitoring/monitortest"
	"istio.io/istio/pkg/wasm"
)

const (
	repository = "kafka-filter/kafka-filter:0.1.0"
	// What README.md says to look at; the exporter puts istio_agent_ before it.
	fetches      = "wasm_remote_fetch_count"
	rawWasmLayer = types.MediaType("application/vnd.module.wasm.content.layer.v1+wasm")
)

// TestTheAgentFetches goes the whole way: the image of a release into a registry, the manifests pinned to it by pin.py,
// what istiod makes of them, and what the agent's own code fetches for it.
func TestTheAgentFetches(t *testing.T) {
	host, module := localRegistry(t), builtModule(t)
	digest := push(t, host, released(t))
	pinned := t.TempDir()
	python(t, "istio/pin.py", host+"/"+repository, "sha256:"+digest, "--out", pinned)
	for _, name := range formNames {
		t.Run(name, func(t *testing.T) {
			converted := agent(t, sentFor(t, read(t, filepath.Join(pinned, name+".yaml"))))
			config := &networkwasm.Wasm{}
			if err := converted.TypedConfig.UnmarshalTo(config); err != nil {
				t.Fatal(err)
			}
			file := config.Config.GetVmConfig().Code.GetLocal().GetFilename()
			fetched, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(fetched, module) {
				t.Errorf("%s has %d bytes, the module %d", file, len(fetched), len(module))
			}
			for key := range config.Config.GetVmConfig().EnvironmentVariables.GetKeyValues() {
				if strings.HasPrefix(key, "ISTIO_META") {
					t.Errorf("%s reaches the module", key)
				}
			}
		})
	}
}

// A digest that is not the image's, or no registry: traffic passes without the filter.
func TestTheAgentFailsOpen(t *testing.T) {
	host := localRegistry(t)
	right := push(t, host, compatImage(t, builtModule(t)))
	wrong := strings.Repeat("1", 64)
	counted := monitortest.New(t)
	for _, name := range formNames {
		for what, resource := range map[string]*core.TypedExtensionConfig{
			"another digest": extension(t, name, host, wrong),
			"no registry":    extension(t, name, "127.0.0.1:1", right),
			"shipped zeros":  extension(t, name, host, strings.Repeat("0", 64)),
		} {
			if filter := substitute(t, agent(t, resource)); filter.Rules != nil || filter.StatPrefix != wasm.DefaultAllowStatPrefix {
				t.Errorf("%s, %s: %v does not let everyone pass", name, what, filter)
			}
		}
	}
	counted.Assert(fetches, map[string]string{"result": "checksum_mismatched"}, monitortest.Exactly(6))
	counted.Assert(fetches, map[string]string{"result": "manifest_failure"}, monitortest.Exactly(3))
}

// The same with every other policy: all Kafka traffic is denied.
func TestTheAgentFailsClosed(t *testing.T) {
	host := localRegistry(t)
	push(t, host, compatImage(t, builtModule(t)))
	policies := map[string]func(*wasmextensions.PluginConfig){
		"none":        func(*wasmextensions.PluginConfig) {},
		"FAIL_CLOSED": func(c *wasmextensions.PluginConfig) { c.FailurePolicy = wasmextensions.FailurePolicy_FAIL_CLOSED },
		"FAIL_RELOAD": func(c *wasmextensions.PluginConfig) { c.FailurePolicy = wasmextensions.FailurePolicy_FAIL_RELOAD },
		"FAIL_CLOSED and fail_open": func(c *wasmextensions.PluginConfig) {
			c.FailurePolicy = wasmextensions.FailurePolicy_FAIL_CLOSED
			c.FailOpen = true //nolint:staticcheck // The one that Istio before 1.25 knows.
		},
	}
	for what, choose := range policies {
		resource := extension(t, envoyFilter, host, strings.Repeat("1", 64))
		config := &networkwasm.Wasm{}
		if err := resource.TypedConfig.UnmarshalTo(config); err != nil {
			t.Fatal(err)
		}
		config.Config.FailOpen = false //nolint:staticcheck // See above.
		choose(config.Config)
		resource.TypedConfig = packed(t, config)
		if filter := substitute(t, agent(t, resource)); filter.Rules == nil || len(filter.Rules.Policies) > 0 {
			t.Errorf("%s: %v does not deny everyone", what, filter)
		}
	}
}

// What is no image for the agent, and what is one.
func TestTheAgentReadsImages(t *testing.T) {
	host, module := localRegistry(t), builtModule(t)
	plugin := func(names ...string) []byte { return archive(t, module, names...) }
	counted := monitortest.New(t)
	for what, image := range map[string]struct {
		made  v1.Image
		taken bool
	}{
		"compat":                       {compatImage(t, module), true},
		"compat, in a folder":          {layered(t, content{zipped(t, plugin("some/plugin.wasm")), types.OCILayer}), true},
		"compat, two layers":           {layered(t, content{zipped(t, plugin("README")), types.OCILayer}, content{zipped(t, plugin("plugin.wasm")), types.OCILayer}), true},
		"two layers, one of them wasm": {layered(t, content{[]byte("{}"), "application/vnd.module.wasm.config.v1+json"}, content{module, rawWasmLayer}), true},
		"one layer of wasm":            {layered(t, content{module, rawWasmLayer}), false},
		"application/wasm":             {layered(t, content{module, "application/wasm"}), false},
		"zstd":                         {layered(t, content{zipped(t, plugin("plugin.wasm")), types.OCILayerZStd}), false},
		"a tar that is not compressed": {layered(t, content{plugin("plugin.wasm"), types.OCIUncompressedLayer}), false},
		"another file name":            {layered(t, content{zipped(t, plugin("kafka_filter.wasm")), types.OCILayer}), false},
		"not in the last layer":        {layered(t, content{zipped(t, plugin("plugin.wasm")), types.OCILayer}, content{zipped(t, plugin("README")), types.OCILayer}), false},
		"not a module":                 {compatImage(t, []byte("no module")), false},
		"no layer":                     {layered(t), false},
	} {
		t.Run(what, func(t *testing.T) {
			converted := agent(t, extension(t, envoyFilter, host, push(t, host, image.made)))
			if taken := converted.TypedConfig.MessageIs(&networkwasm.Wasm{}); taken != image.taken {
				t.Errorf("taken: %v", taken)
			}
		})
	}
	counted.Assert(fetches, map[string]string{"result": "download_failure"}, monitortest.Exactly(7))
	counted.Assert(fetches, map[string]string{"result": "fetch_failure"}, monitortest.Exactly(1))
}

// An index is asked for linux/amd64; one without it is no image, and the digest to pin is that of the manifest.
func TestTheAgentReadsIndexes(t *testing.T) {
	host := localRegistry(t)
	image := compatImage(t, builtModule(t))
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for architecture, taken := range map[string]bool{"amd64": true, "arm64": false, "": true} {
		index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image, Descriptor: descriptor(architecture)})
		if err := remote.WriteIndex(reference(t, host), index); err != nil {
			t.Fatal(err)
		}
		converted := agent(t, extension(t, envoyFilter, host, digest.Hex))
		if converted.TypedConfig.MessageIs(&networkwasm.Wasm{}) != taken {
			t.Errorf("an index of %q: %s", architecture, converted.TypedConfig.TypeUrl)
		}
	}
}

// extension is the resource that istiod sends a client for a form that is pinned to an image.
func extension(t *testing.T, name, host, digest string) *core.TypedExtensionConfig {
	t.Helper()
	pinned := strings.NewReplacer("registry.invalid/kafka-filter:0.0.0", host+"/"+repository,
		strings.Repeat("0", 64), digest).Replace(form(t, name))
	return sentFor(t, pinned)
}

func sentFor(t *testing.T, manifest string) *core.TypedExtensionConfig {
	t.Helper()
	got := answers(t, mesh(t, manifest), client)
	if len(got.extensions) != 1 {
		t.Fatalf("istiod sends %d extensions", len(got.extensions))
	}
	return got.extensions[0]
}

// agent is what becomes of a resource on its way through the sidecar's agent.
func agent(t *testing.T, resource *core.TypedExtensionConfig) *core.TypedExtensionConfig {
	t.Helper()
	cache := wasm.NewLocalFileCache(t.TempDir(), wasm.Options{})
	defer cache.Cleanup()
	resources := []*anypb.Any{packed(t, resource)}
	if err := wasm.MaybeConvertWasmExtensionConfig(resources, cache); err != nil {
		t.Fatal(err)
	}
	return decoded(t, resources[0], &core.TypedExtensionConfig{})
}

func substitute(t *testing.T, resource *core.TypedExtensionConfig) *networkrbac.RBAC {
	t.Helper()
	return decoded(t, resource.TypedConfig, &networkrbac.RBAC{})
}

func builtModule(t *testing.T) []byte {
	t.Helper()
	module, err := os.ReadFile("../../../dist/kafka_filter.wasm")
	if err != nil {
		t.Fatalf("run `make wasm` first: %v", err)
	}
	return module
}
