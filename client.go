package failover

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/coredns/coredns/plugin/metadata"

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
	for t := range r.targets.each() {
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
	addr := ipOf(c.w.RemoteAddr()).WithZone("").Unmap()
	if !addr.IsValid() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(addr, addr.BitLen())
}

// ipOf returns the IP address of an endpoint; the zero value where it has none. To
// read it from text takes longer than to choose the answer.
func ipOf(endpoint net.Addr) netip.Addr {
	if e, ok := endpoint.(interface{ AddrPort() netip.AddrPort }); ok { // of UDP or TCP
		return e.AddrPort().Addr()
	}
	host, _, err := net.SplitHostPort(endpoint.String())
	if err != nil {
		host = endpoint.String()
	}
	addr, _ := netip.ParseAddr(host)
	return addr
}

// Regions implements policy.Client: as the geoip plugin says.
func (c *client) Regions() (subdivisions, country, continent string) {
	return c.value("geoip/subdivisions/code"), c.value("geoip/country/code"), c.value("geoip/continent/code")
}

// Coordinates implements policy.Client: as the geoip plugin says.
func (c *client) Coordinates() (latitude, longitude float64, ok bool) {
	known := c.value("geoip/latitude")
	if known == "" {
		return 0, 0, false // as for most, where the error would have to be made first
	}
	latitude, err1 := strconv.ParseFloat(known, 64)
	longitude, err2 := strconv.ParseFloat(c.value("geoip/longitude"), 64)
	return latitude, longitude, err1 == nil && err2 == nil
}

func (c *client) value(label string) string {
	if f := metadata.ValueFunc(c.ctx, label); f != nil {
		return f()
	}
	return ""
}
