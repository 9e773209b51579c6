// Command coredns serves the cluster's names.
//
// The upstream main compiles in every plugin, clouds and tracers among them, and takes four times as long to build. A cluster's DNS needs
// these ten; the order of the directives is the order in which they handle a query, as in upstream's plugin.cfg.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
)

func init() {
	dnsserver.Directives = []string{
		"bind", "health", "ready", "prometheus", "errors", "cache", "loadbalance", "hosts", "kubernetes", "forward",
	}
}

func main() {
	coremain.Run()
}
