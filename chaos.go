package failover

import (
	"context"
	"net"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// Without this the server refuses questions of class CHAOS before any plugin.
func init() { dnsserver.EnableChaos[name] = struct{}{} }

// serveChaos answers a question of another class than IN. Other plugins see it only
// where they would without us.
func (f *Failover) serveChaos(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q := r.Question[0]
	if rec, _ := f.names.find(q.Name); rec != nil && q.Qclass == dns.ClassCHAOS && q.Qtype == dns.TypeTXT && f.mayKnow(w) {
		m := newReply(r)
		m.Answer = txt(q, rec.report(time.Now()))
		return dns.RcodeSuccess, w.WriteMsg(m)
	}
	if server, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server); ok && f.chaotic[server.Addr] {
		return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
	}
	return dns.RcodeRefused, nil
}

// chaotic are the listeners, as a server is named, that would take questions of
// class CHAOS without us: those with a server block that has another plugin for
// them. It is read-only once the instance serves.
type chaotic map[string]bool

// chaoticKey is the key of the listeners in their instance.
type chaoticKey struct{}

// chaoticIn returns the listeners of the instance that c belongs to. What they have
// is known when all of it is set up.
func chaoticIn(c *caddy.Controller) chaotic {
	if found, ok := c.Get(chaoticKey{}).(chaotic); ok {
		return found
	}
	found := make(chaotic)
	c.Set(chaoticKey{}, found)
	at := *c
	at.Dispenser = caddyfile.Dispenser{} // the Corefile's words need not stay as long as the instance
	c.OnStartup(func() error {
		for _, config := range configsOf(at) {
			found.add(config)
		}
		return nil
	})
	return found
}

// configsOf returns those of all server blocks of an instance that is set up. Where
// there is none GetConfig makes one without a zone, which nobody serves any more.
func configsOf(at caddy.Controller) []*dnsserver.Config {
	var all []*dnsserver.Config
	for at.ServerBlockIndex = 0; ; at.ServerBlockIndex++ {
		at.ServerBlockKeyIndex = 0
		config := dnsserver.GetConfig(&at)
		if config.Zone == "" {
			return all
		}
		for config.Zone != "" {
			all = append(all, config)
			at.ServerBlockKeyIndex++
			config = dnsserver.GetConfig(&at)
		}
	}
}

func (c chaotic) add(config *dnsserver.Config) {
	for other := range dnsserver.EnableChaos {
		if other == name || config.Handler(other) == nil {
			continue
		}
		for _, host := range config.ListenHosts {
			if addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, config.Port)); err == nil {
				c[config.Transport+"://"+addr.String()] = true
			}
		}
	}
}
