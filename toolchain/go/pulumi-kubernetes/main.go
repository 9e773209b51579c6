// Command pulumi-resource-kubernetes serves the Pulumi provider for Kubernetes.
//
// The upstream main embeds a schema file that is generated at release time and is not part of the published module. The schema is
// read only by GetSchema and by `pulumi import`; programs with typed resources need neither, so an empty one is served.
package main

import "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"

// version pairs with the PyPI package pulumi-kubernetes that pyproject.toml pins; both change together.
const version = "4.25.0"

func main() {
	schema := []byte(`{"name":"kubernetes","version":"` + version + `","resources":{}}`)
	provider.Serve("kubernetes", "v"+version, schema, []byte(`{}`))
}
