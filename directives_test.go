package failover_test

import (
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
)

// The place of plugin.cfg.example: the tests run what cmd/coredns is.
func init() {
	behind := slices.Index(dnsserver.Directives, "acl") + 1
	dnsserver.Directives = slices.Insert(dnsserver.Directives, behind, "failover")
}
