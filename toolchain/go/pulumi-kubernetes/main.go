// Command pulumi-resource-kubernetes serves the Pulumi provider for Kubernetes.
//
// The upstream main embeds a schema file that is generated at release time and is not part of the published module. The schema is
// read only by GetSchema and by `pulumi import`; programs with typed resources need neither, so an empty one is served.
// With the single argument -version it prints its version and ends, so that a copy found on a machine can be told apart.
package main

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

// version pairs with the PyPI package pulumi-kubernetes that pyproject.toml pins; both change together.
const version = "4.25.0"

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println(version)
		return
	}
	schema := []byte(`{"name":"kubernetes","version":"` + version + `","resources":{}}`)
	provider.Serve("kubernetes", "v"+version, schema, []byte(`{}`))
}
