package istiod

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const (
	istioFolder = "../../../istio"

	envoyFilter      = "envoyfilter"
	trafficExtension = "trafficextension"
	wasmPlugin       = "wasmplugin"
)

var (
	formNames    = []string{envoyFilter, trafficExtension, wasmPlugin}
	overlayNames = []string{"both", "broker-side", "client-side", "labelled-workloads", "one-namespace"}
)

// form is one of the three manifests, as shipped.
func form(t *testing.T, name string) string {
	t.Helper()
	return read(t, filepath.Join(istioFolder, name+".yaml"))
}

// overlay is what kustomize makes of a shipped overlay.
func overlay(t *testing.T, name string) string {
	t.Helper()
	return kustomized(t, filepath.Join(istioFolder, "overlays", name))
}

// overlayOfPorts is the overlay `both` with its three ports changed, as its reader changes them.
func overlayOfPorts(t *testing.T, client, broker, gateway string) string {
	t.Helper()
	folder := t.TempDir()
	for _, part := range []string{"base", "overlays"} {
		if err := os.CopyFS(filepath.Join(folder, part), os.DirFS(filepath.Join(istioFolder, part))); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "overlays", "both", "kustomization.yaml")
	parts := strings.Split(read(t, path), "value: 9092")
	if len(parts) != 4 {
		t.Fatalf("%s has not three ports of 9092", path)
	}
	changed := parts[0] + "value: " + client + parts[1] + "value: " + broker + parts[2] + "value: " + gateway + parts[3]
	if err := os.WriteFile(path, []byte(changed), fs.FileMode(0o600)); err != nil {
		t.Fatal(err)
	}
	return kustomized(t, filepath.Dir(path))
}

func kustomized(t *testing.T, folder string) string {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type object = map[string]any

// changed is a manifest with a mistake in it.
func changed(t *testing.T, manifest string, change func(object)) string {
	t.Helper()
	document := parsed(t, manifest)
	change(document)
	text, err := yaml.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parsed(t *testing.T, manifest string) object {
	t.Helper()
	var document object
	if err := yaml.Unmarshal([]byte(manifest), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// at walks into a document by keys and indexes.
func at(document object, path ...any) object {
	var place any = document
	for _, step := range path {
		switch step := step.(type) {
		case string:
			place = place.(object)[step]
		case int:
			place = place.([]any)[step]
		}
	}
	return place.(object)
}
