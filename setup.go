// Package failover is a CoreDNS plugin that answers by health: a record's
// primary while it is healthy, its secondary while it is not, and the primary
// again as soon as it has recovered.
package failover

import (
	"iter"

	"github.com/coredns-failover/failover/plugin/corefile"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
)

const name = "failover"

var log = clog.NewWithPlugin(name)

func init() { plugin.Register(name, setup) }

func setup(c *caddy.Controller) error {
	f, err := parse(c)
	if err != nil {
		return plugin.Error(name, err)
	}
	f.keys, f.chaotic = c.ServerBlockKeys, chaoticIn(c)
	f.addTo(dnsserver.GetConfig(c))
	if err := configurationOf(c).add(f); err != nil {
		return plugin.Error(name, err)
	}
	return nil
}

// parse reads all failover directives of a server block.
func parse(c *caddy.Controller) (*Failover, error) {
	block, err := corefile.Parse(tokensOf(c), zonesOf(c))
	if err != nil {
		return nil, err
	}
	return newHandler(block), nil
}

// tokensOf returns what c has not given out yet. A long Corefile has millions of
// tokens, so they are not copied.
func tokensOf(c *caddy.Controller) iter.Seq[caddyfile.Token] {
	return func(yield func(caddyfile.Token) bool) {
		for c.Next() {
			if !yield(caddyfile.Token{File: c.File(), Line: c.Line(), Text: c.Val()}) {
				return
			}
		}
	}
}

// zonesOf returns the zones of the server block that c sets up, normalised.
func zonesOf(c *caddy.Controller) []string {
	return plugin.OriginsFromArgsOrServerBlock(nil, c.ServerBlockKeys)
}
