package failover

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// client is who asks. It implements policy.Client.
type client struct {
	ctx context.Context //nolint:containedctx // lives for one question
	w   dns.ResponseWriter
	r   *dns.Msg
}

// client returns who asks, or nil where nothing depends on it.
func (r *record) client(ctx context.Context, w dns.ResponseWriter, q *dns.Msg) policy.Client {
	if !r.asksClient {
		return nil
	}
	return &client{ctx, w, q}
}

// dependsOnClient reports whether the answers of the record, or of one that it
// has as a target, depend on who asks.
func (r *record) dependsOnClient() bool {
	switch r.Policy {
	case model.Sticky, model.Clients, model.Nearest:
		return true
	}
	for _, t := range r.targets() {
		if t.child != nil && t.child.dependsOnClient() {
			return true
		}
	}
	return false
}

// Prefix implements policy.Client: the client's network as a resolver tells it
// (RFC 7871), else the address that the question came from. With SOURCE 0 the
// resolver wants its client to stay unknown.
func (c *client) Prefix() netip.Prefix {
	if subnet := subnetOf(c.r); subnet != nil && subnet.SourceNetmask > 0 {
		if addr, ok := addressOf(subnet); ok {
			if p, err := addr.Prefix(int(subnet.SourceNetmask)); err == nil {
				return p
			}
		}
	}
	req := request.Request{W: c.w, Req: c.r}
	addr, err := netip.ParseAddr(req.IP())
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.WithZone("").Unmap()
	return netip.PrefixFrom(addr, addr.BitLen())
}

// Regions implements policy.Client: as the geoip plugin says.
func (c *client) Regions() (subdivisions, country, continent string) {
	return c.value("geoip/subdivisions/code"), c.value("geoip/country/code"), c.value("geoip/continent/code")
}

// Coordinates implements policy.Client: as the geoip plugin says.
func (c *client) Coordinates() (latitude, longitude float64, ok bool) {
	latitude, err1 := strconv.ParseFloat(c.value("geoip/latitude"), 64)
	longitude, err2 := strconv.ParseFloat(c.value("geoip/longitude"), 64)
	return latitude, longitude, err1 == nil && err2 == nil
}

func (c *client) value(label string) string {
	if f := metadata.ValueFunc(c.ctx, label); f != nil {
		return f()
	}
	return ""
}
