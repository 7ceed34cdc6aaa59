// Command coredns is CoreDNS with every standard plugin and failover: a
// drop-in replacement for the coredns binary.
package main

import (
	"slices"

	_ "github.com/coredns-failover/failover" // Plug in failover.

	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // Plug in CoreDNS.
	"github.com/coredns/coredns/coremain"
)

// The place that plugin.cfg.example gives: behind acl, in front of cache.
func init() {
	behind := slices.Index(dnsserver.Directives, "acl") + 1
	dnsserver.Directives = slices.Insert(dnsserver.Directives, behind, "failover")
}

func main() {
	coremain.Run()
}
