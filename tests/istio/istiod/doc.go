// Package istiod puts the manifests of istio/ before Istio's own code: the schemas of its resources, `istioctl analyze`,
// istiod's generation of listeners and extensions, and the part of the sidecar's agent that fetches modules.
//
// Nothing here is a cluster: istiod's code runs in the test with a small cluster as data (mesh/), and answers over ADS as
// it would answer a proxy. What it sends is kept in ../golden/, where tests/istio/test_istiod.py gives it to real Envoy.
//
// `make test-istiod` runs it; with UPDATE_GENERATED=1 it writes the golden files anew.
package istiod
