package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// defaultPort is the port of a server that is no URL and gives none. A URL has
// that of its scheme, as everywhere.
const defaultPort = "9191"

var schemePorts = map[string]string{"http": "80", "https": "443"}

// Resolver looks names up; *net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Connect returns a client for each server: a URL, HOST:PORT or HOST. A name of
// several addresses, such as that of a headless service, stands for a server at
// each of them. None is asked yet.
func Connect(ctx context.Context, r Resolver, servers []string, c Credentials) (Replicas, error) {
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	config, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	var replicas Replicas
	for _, server := range servers {
		base, err := parseServer(server)
		if err != nil {
			return nil, err
		}
		for _, addr := range addressesOf(ctx, r, base.Hostname()) {
			transport := newTransport(base, addr)
			transport.TLSClientConfig = config.Clone()
			client := newClient(base, addr, transport)
			client.token = token
			replicas = append(replicas, client)
		}
	}
	return unique(replicas), nil
}

// parseServer reads what --server was given.
func parseServer(text string) (*url.URL, error) {
	full := text
	if !strings.Contains(text, "://") {
		full = "http://" + bracketed(text)
	}
	base, err := url.Parse(full)
	if err != nil || base.Hostname() == "" || schemePorts[base.Scheme] == "" {
		return nil, fmt.Errorf("%q is no server; write it like %q, %q or %q",
			text, "https://dns1.example.org:9191", "192.0.2.53:9191", "dns1.example.org")
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%q has more than a server has: scheme, host, port and path", base.Redacted())
	}
	if base.Port() == "" {
		port := schemePorts[base.Scheme]
		if full != text {
			port = defaultPort
		}
		base.Host = net.JoinHostPort(base.Hostname(), port)
	}
	return base, nil
}

// bracketed puts a bare IPv6 address into brackets, as it stands in a URL.
func bracketed(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return "[" + host + "]"
	}
	return host
}

// addressesOf returns the addresses of the servers that the host stands for. An
// invalid one stands for the host itself: that is an address, has one address
// only, or can not be looked up, as its first request then tells.
//
// Where it has addresses of both families they are of the same servers: a
// machine, or each pod, has one of each. So those of one family count.
func addressesOf(ctx context.Context, r Resolver, host string) []netip.Addr {
	self := []netip.Addr{{}}
	if _, err := netip.ParseAddr(host); err == nil {
		return self
	}
	found, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return self
	}
	var v4, v6 []netip.Addr
	for _, addr := range found {
		if addr = addr.Unmap(); addr.Is4() {
			v4 = append(v4, addr)
		} else {
			v6 = append(v6, addr)
		}
	}
	all := v4
	if len(v6) > len(v4) {
		all = v6
	}
	if len(all) < 2 {
		return self
	}
	slices.SortFunc(all, netip.Addr.Compare) // a name server gives them in any order
	return slices.Compact(all)
}

// newTransport returns how the server at an address is reached; an invalid
// address is that of the host. A proxy would see the token, and could not reach
// one of several addresses: none is used.
func newTransport(base *url.URL, addr netip.Addr) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	transport := &http.Transport{
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		IdleConnTimeout:     30 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
	}
	if addr.IsValid() {
		to := net.JoinHostPort(addr.String(), base.Port())
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, to)
		}
	}
	return transport
}

func newClient(base *url.URL, addr netip.Addr, transport http.RoundTripper) *Client {
	host := base.Hostname()
	if addr.IsValid() {
		host = addr.String()
	}
	return &Client{
		Name: net.JoinHostPort(host, base.Port()),
		Host: host,
		base: base,
		http: &http.Client{
			Transport: transport,
			// A redirect would take an action, or the token, to another server.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// unique leaves out servers that were given twice: what an operator asks for is
// to be done once.
func unique(replicas Replicas) Replicas {
	seen := map[string]bool{}
	return slices.DeleteFunc(replicas, func(c *Client) bool {
		again := seen[c.Name]
		seen[c.Name] = true
		return again
	})
}
