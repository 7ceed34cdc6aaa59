package failover

import (
	"context"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// end is the last handler of a server block with failover: what comes here no
// plugin knows. For a name of ours that means that there is no data, and nobody
// but the end of the chain can say it so that cache, which stands in between,
// keeps it as that and not as a failure.
type end struct{ *Failover }

// ServeDNS implements plugin.Handler.
func (e end) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if ours(r) && !transfer(r) {
		if rec, exists := e.names.find(r.Question[0].Name); exists && !rec.nextTells(r.Question[0].Qtype) {
			return dns.RcodeSuccess, w.WriteMsg(e.noDataLike(r, rec, nil))
		}
	}
	return plugin.NextOrFailure(e.Name(), nil, ctx, w, r)
}
