package failover

import (
	"slices"
	"sync"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// place is where a handler stands in the chain of its server block. That is
// where plugin.cfg puts it, behind acl and in front of cache, unless the block
// has dnssec: answers must be chosen before they are signed, so there it stands
// behind minimal, in front of everything that answers from data.
type place struct {
	config  *dnsserver.Config
	plugins int  // how many the block had before dnssec
	signed  bool // the block has dnssec behind plugin.cfg's place
}

// stand adds f to the server block that c sets up.
func (f *Failover) stand(c *caddy.Controller) {
	f.config = dnsserver.GetConfig(c)
	f.config.AddPlugin(func(next plugin.Handler) plugin.Handler {
		if f.signed {
			return next
		}
		f.Next = next
		return f
	})
	f.plugins = len(f.config.Plugin)
	onceComplete.Do(func() {
		last := dnsserver.Directives[len(dnsserver.Directives)-1]
		caddy.RegisterParsingCallback("dns", last, inEach((*Failover).close))
	})
}

// onceComplete waits for the first set-up: only then plugin.cfg is known to the
// last word.
var onceComplete sync.Once

// close puts the end behind all plugins of the server block.
func (f *Failover) close() {
	f.config.AddPlugin(func(plugin.Handler) plugin.Handler { return end{f} })
}

// The plugins of a block are set up in the order of plugin.cfg, so whether it
// signs can be seen by whether its chain has grown when dnssec has had its turn.
func init() {
	caddy.RegisterParsingCallback("dns", "header", inEach(func(f *Failover) {
		f.plugins = len(f.config.Plugin)
	}))
	caddy.RegisterParsingCallback("dns", "dnssec", inEach(func(f *Failover) {
		f.signed = len(f.config.Plugin) > f.plugins
	}))
	caddy.RegisterParsingCallback("dns", "minimal", inEach(func(f *Failover) {
		if f.signed {
			f.config.AddPlugin(func(next plugin.Handler) plugin.Handler {
				f.Next = next
				return f
			})
		}
	}))
}

// inEach applies do to the handlers of the configuration being parsed.
func inEach(do func(*Failover)) caddy.ParsingCallback {
	return func(ctx caddy.Context) error {
		for _, f := range handlersIn(ctx) {
			do(f)
		}
		return nil
	}
}

// behindCache reports whether cache would see the handler's answers.
func (f *Failover) behindCache() bool {
	return f.signed || slices.Index(dnsserver.Directives, name) > slices.Index(dnsserver.Directives, "cache")
}

// mostBypassed bounds the list that cache searches for every query, one by one.
const mostBypassed = 100

// CacheBypassZones implements cache.ZoneBypasser: where cache stands in front,
// it must not keep answers that depend on health.
func (f *Failover) CacheBypassZones() []string {
	if !f.behindCache() {
		return nil
	}
	suffixes := f.suffixes()
	if len(suffixes) > mostBypassed {
		log.Warningf("cache stands in front of failover here, as the server block has dnssec, and searches the "+
			"names that it must not keep one by one: with %d names that would slow every query down, so it may keep "+
			"their answers for up to their TTL after a switch", len(suffixes))
		return nil
	}
	return suffixes
}

// suffixes is the smallest set of names that the names of all records are in,
// without the root.
func (f *Failover) suffixes() []string {
	covered := make(map[string]bool)
	for _, r := range f.records {
		covered[base(r.Name)] = true
	}
	var smallest []string
	for name := range covered {
		if name != "." && !coveredAbove(covered, name) {
			smallest = append(smallest, name)
		}
	}
	slices.Sort(smallest)
	return smallest
}

func coveredAbove(covered map[string]bool, name string) bool {
	for off, end := dns.NextLabel(name, 0); !end; off, end = dns.NextLabel(name, off) {
		if covered[name[off:]] {
			return true
		}
	}
	return false
}
