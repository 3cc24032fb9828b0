package istiod

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"log"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func descriptor(architecture string) v1.Descriptor {
	if architecture == "" {
		return v1.Descriptor{}
	}
	return v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}
}

// writeRelease is what `make dist` does for the image, into another folder.
const writeRelease = `
import sys
from pathlib import Path
sys.path.insert(0, "release")
import facts, oci
print(oci.write(Path(sys.argv[1]), Path("dist/kafka_filter.wasm").read_bytes(), facts.gather()))`

// released is the image of a release, made by release/oci.py.
func released(t *testing.T) v1.Image {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "image")
	said := python(t, "-c", writeRelease, folder)
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := v1.NewHash(strings.TrimSpace(said))
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// python runs something of the project.
func python(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.Command("python3", append([]string{"-B"}, arguments...)...)
	command.Dir = "../../.."
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return string(said)
}

func localRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func reference(t *testing.T, host string) name.Reference {
	t.Helper()
	parsed, err := name.ParseReference(host + "/" + repository)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// push returns the digest of the image's manifest, 64 digits.
func push(t *testing.T, host string, image v1.Image) string {
	t.Helper()
	if err := remote.Write(reference(t, host), image); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.Hex
}

type content struct {
	bytes []byte
	kind  types.MediaType
}

// compatImage has the layout of a release: a single manifest, one gzipped layer with plugin.wasm.
func compatImage(t *testing.T, module []byte) v1.Image {
	t.Helper()
	image := layered(t, content{zipped(t, archive(t, module, "plugin.wasm")), types.OCILayer})
	return mutate.Annotations(image, map[string]string{"module.wasm.image/variant": "compat"}).(v1.Image)
}

func layered(t *testing.T, layers ...content) v1.Image {
	t.Helper()
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, one := range layers {
		var err error
		if image, err = mutate.Append(image, mutate.Addendum{Layer: static.NewLayer(one.bytes, one.kind)}); err != nil {
			t.Fatal(err)
		}
	}
	return image
}

func archive(t *testing.T, content []byte, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, name := range names {
		if err := writer.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	if _, err := writer.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
