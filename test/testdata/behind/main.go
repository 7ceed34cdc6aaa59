// Command behind is CoreDNS built with a plugin.cfg that has failover behind
// dnssec, and so behind cache too.
package main

import (
	"slices"

	_ "github.com/coredns-failover/failover" // Plug in failover.

	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // Plug in CoreDNS.
	"github.com/coredns/coredns/coremain"
)

func init() {
	behind := slices.Index(dnsserver.Directives, "dnssec") + 1
	dnsserver.Directives = slices.Insert(dnsserver.Directives, behind, "failover")
}

func main() {
	coremain.Run()
}
