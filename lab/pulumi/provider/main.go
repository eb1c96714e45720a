// Command pulumi-kubernetes is Pulumi's provider for Kubernetes. The provider's own main embeds files that its module does not carry.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

//go:embed upstream/schema.json
var schema []byte

//go:embed upstream/terraform-mapping.json
var mapping []byte

// The linker sets it to the version that Pulumi's SDK for Kubernetes asks for.
var version string

func main() {
	provider.Serve("kubernetes", version, schema, mapping)
}
