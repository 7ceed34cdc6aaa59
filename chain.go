package failover

import (
	"slices"
	"strings"
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
//
// caddy sets up the plugins of all blocks in the order of plugin.cfg and calls
// back after each. A block's chain grows while dnssec has its turn only if the
// block has dnssec, and what is added after minimal stands behind it.
type place struct {
	config *dnsserver.Config
	before int  // how many plugins the block had when dnssec's turn came
	signed bool // the block has dnssec, behind plugin.cfg's place
}

// addTo adds f to a server block, to stand where plugin.cfg has it.
func (f *Failover) addTo(config *dnsserver.Config) {
	f.config = config
	config.AddPlugin(func(next plugin.Handler) plugin.Handler {
		if f.signed {
			return next
		}
		f.Next = next
		return f
	})
	f.before = len(config.Plugin)
	onceInOrder.Do(followOrder)
}

// onceInOrder waits for the first set-up: only then dnsserver.Directives is
// complete.
var onceInOrder sync.Once

// followOrder has caddy call back where the order of plugins matters.
func followOrder() {
	order := dnsserver.Directives
	if dnssec := slices.Index(order, "dnssec"); dnssec > 0 {
		after(order[dnssec-1], func(f *Failover) { f.before = len(f.config.Plugin) })
		after("dnssec", func(f *Failover) { f.signed = len(f.config.Plugin) > f.before })
		behind := "dnssec"
		if slices.Index(order, "minimal") > dnssec {
			behind = "minimal"
		}
		after(behind, (*Failover).addBehindSigner)
	}
	after(order[len(order)-1], (*Failover).addEnd)
}

// after has caddy call do for each handler when a directive has had its turn.
func after(directive string, do func(*Failover)) {
	caddy.RegisterParsingCallback("dns", directive, func(ctx caddy.Context) error {
		for _, f := range handlersIn(ctx) {
			do(f)
		}
		return nil
	})
}

// addBehindSigner adds f once more where the block signs.
func (f *Failover) addBehindSigner() {
	if !f.signed {
		return
	}
	f.config.AddPlugin(func(next plugin.Handler) plugin.Handler {
		f.Next = next
		return f
	})
}

// addEnd puts the end behind all plugins of the block.
func (f *Failover) addEnd() {
	f.config.AddPlugin(func(plugin.Handler) plugin.Handler { return end{f} })
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
		log.Warningf("cache stands in front of failover in the server block for %s, and searches the names that it "+
			"must not keep one by one: with %d names that would slow every query down, so it may keep their answers "+
			"for up to their TTL after a switch", strings.Join(f.zones, " "), len(suffixes))
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
