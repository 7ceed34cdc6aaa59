// Command order is CoreDNS with a plugin.cfg as the environment gives it:
// failover stands behind BEHIND, and the plugins WITHOUT are left out.
package main

import (
	"os"
	"slices"
	"strings"

	_ "github.com/coredns-failover/failover" // Plug in failover.

	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // Plug in CoreDNS.
	"github.com/coredns/coredns/coremain"
)

func init() {
	behind := slices.Index(dnsserver.Directives, os.Getenv("BEHIND")) + 1
	without := strings.Fields(os.Getenv("WITHOUT"))
	dnsserver.Directives = slices.DeleteFunc(
		slices.Insert(dnsserver.Directives, behind, "failover"),
		func(directive string) bool { return slices.Contains(without, directive) },
	)
}

func main() {
	coremain.Run()
}
