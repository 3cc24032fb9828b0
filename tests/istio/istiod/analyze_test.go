package istiod

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"istio.io/istio/istioctl/pkg/analyze"
	"istio.io/istio/istioctl/pkg/cli"
	"istio.io/istio/pkg/config/crd"
)

// What istioctl says of every EnvoyFilter, and of every ServiceEntry that goes by ports alone.
var (
	ofEnvoyFilters = []string{"IST0133 Schema validation warning: EnvoyFilter exposes internal implementation details that may change at any time. " +
		"Prefer other APIs if possible, and exercise extreme caution, especially around upgrades."}
	ofServiceEntries = []string{
		"IST0133 Schema validation warning: addresses are required for ports serving TCP (or unset) protocol when IP Autoallocation is not enabled",
		"IST0134 ServiceEntry addresses are required for this protocol.",
	}
)

// shipped is every text of istio/ that Istio itself reads, by its path or overlay.
func shipped(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{"examples/external-brokers", "examples/waypoint", "telemetry/tcp-destination-port"} {
		for number, document := range documents(t, name) {
			all[fmt.Sprint(name, " ", number)] = document
		}
	}
	for _, name := range formNames {
		all[name] = form(t, name)
	}
	for _, name := range overlayNames {
		all["overlays/"+name] = overlay(t, name)
	}
	all["overlays/both, other ports"] = overlayOfPorts(t, "9092", "19092", "8443")
	return all
}

func documents(t *testing.T, name string) []string {
	t.Helper()
	return strings.Split(read(t, filepath.Join(istioFolder, name+".yaml")), "\n---\n")
}

func TestIstioctlHasNothingToSay(t *testing.T) {
	for name, text := range shipped(t) {
		t.Run(name, func(t *testing.T) {
			expected := []string(nil)
			if strings.Contains(text, "kind: EnvoyFilter") {
				expected = ofEnvoyFilters
			}
			if strings.Contains(text, "kind: ServiceEntry") {
				expected = ofServiceEntries
			}
			if said := istioctlAnalyze(t, text, "-A"); !slices.Equal(said, expected) {
				t.Errorf("istioctl analyze -A: %q", said)
			}
		})
	}
}

// What istioctl finds of a mistake: little, and without -A nothing at all.
func TestIstioctlFinds(t *testing.T) {
	for name, mistake := range map[string]struct {
		change func(object)
		said   string
	}{
		"no priority": {func(d object) { delete(at(d, "spec"), "priority") }, "IST0151"},
		"a field that Envoy does not know": {func(d object) {
			at(d, "spec", "configPatches", 0, "patch", "value")["failStrategy"] = "FAIL_OPEN"
		}, "unknown field"},
		"misspelt filter": {func(d object) {
			at(d, "spec", "configPatches", 1, "match", "listener", "filterChain", "filter")["name"] = "envoy.tcp_proxy"
		}, "deprecated filter name"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := changed(t, form(t, envoyFilter), mistake.change)
			if said := strings.Join(istioctlAnalyze(t, wrong, "-A"), "\n"); !strings.Contains(said, mistake.said) {
				t.Errorf("istioctl analyze -A says nothing of %s: %s", mistake.said, said)
			}
			if said := istioctlAnalyze(t, wrong); len(said) > 0 {
				t.Errorf("without -A it looks beyond `default`: %q", said)
			}
		})
	}
}

// It says nothing of a field that Istio does not know; kubectl does.
func TestIstioctlDoesNotFind(t *testing.T) {
	wrong := changed(t, form(t, envoyFilter), func(d object) { at(d, "spec")["workloadSelectr"] = object{} })
	if said := istioctlAnalyze(t, wrong, "-A"); !slices.Equal(said, ofEnvoyFilters) {
		t.Errorf("istioctl analyze -A: %q", said)
	}
}

// TestTheClusterTakesThem holds every manifest to the schemas that Istio installs, with the rules in them.
func TestTheClusterTakesThem(t *testing.T) {
	validator := crd.NewIstioValidator(t)
	accepted := func(t *testing.T, text string) error {
		t.Helper()
		document := &unstructured.Unstructured{}
		fields, err := yaml.YAMLToJSON([]byte(text))
		if err == nil {
			err = document.UnmarshalJSON(fields)
		}
		if err != nil {
			t.Fatal(err)
		}
		return validator.ValidateCustomResource(document)
	}
	for name, text := range shipped(t) {
		if err := accepted(t, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, wrong := range map[string]string{
		"apiVersion v1":  changed(t, form(t, envoyFilter), func(d object) { d["apiVersion"] = "networking.istio.io/v1" }),
		"port as a text": changed(t, form(t, envoyFilter), func(d object) { at(d, "spec", "configPatches", 1, "match", "listener")["portNumber"] = "9092" }),
		"sha256: before the digest": changed(t, form(t, wasmPlugin), func(d object) {
			at(d, "spec")["sha256"] = "sha256:" + at(d, "spec")["sha256"].(string)
		}),
		"port 0": changed(t, form(t, trafficExtension), func(d object) {
			at(d, "spec", "match", 0, "ports", 0)["number"] = 0
		}),
	} {
		if err := accepted(t, wrong); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// istioctlAnalyze is the command itself, without a cluster; what it says is "code message", in order.
func istioctlAnalyze(t *testing.T, text string, flags ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	root := &cobra.Command{Use: "istioctl", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(analyze.Analyze(cli.NewCLIContext(cli.AddRootFlags(root.PersistentFlags()))))
	var out, complaints bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&complaints)
	root.SetArgs(append([]string{"analyze", "--use-kube=false", "-o", "json", path}, flags...))
	if err := root.Execute(); err != nil {
		return []string{err.Error() + " " + complaints.String()}
	}
	var messages []struct{ Code, Message string }
	if err := json.Unmarshal(out.Bytes(), &messages); err != nil {
		t.Fatalf("%v: %s %s", err, out.String(), complaints.String())
	}
	var said []string
	for _, one := range messages {
		said = append(said, one.Code+" "+one.Message)
	}
	slices.Sort(said)
	return said
}
