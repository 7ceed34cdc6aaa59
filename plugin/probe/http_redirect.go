package probe

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
)

// hop is one request of a probe: the first, or one that a redirect leads to.
type hop struct {
	secure  bool   // https
	address string // to connect to, as "host:port"
	host    string // the host of its URL
	name    string // what a certificate must be for
	method  string
	path    string // with its query
	own     bool   // of the check's origin: its headers and certificate go along
	keep    bool   // the connection is to be left open
	to      string // the URL that a redirect gave, empty for the first
}

// firstHop is the request that the check asks for.
func (e *execution) firstHop() hop {
	first := hop{
		secure:  e.check.Type == model.HTTPS,
		address: e.endpoint(),
		method:  e.check.Request.Method,
		path:    e.check.Request.Path,
		own:     true,
		keep:    e.keep,
	}
	first.host = cmp.Or(bracketed(e.check.Host), first.address)
	first.name = cmp.Or(e.check.TLS.ServerName, first.origin().Hostname())
	return first
}

// bracketed is host as it stands in a URL (RFC 3986, 3.2.2).
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// ports are what a URL without a port means.
var ports = map[string]string{"http": "80", "https": "443"}

// origin is the URL of h as its server sees it, without the path.
func (h hop) origin() *url.URL {
	scheme := "http"
	if h.secure {
		scheme = "https"
	}
	return &url.URL{Scheme: scheme, Host: h.host}
}

// authority is what the Host header says: the host with the port, where that is
// not the scheme's own (RFC 9110, 7.2; Route 53 does the same).
func (h hop) authority() string {
	origin := h.origin()
	_, port, err := net.SplitHostPort(h.address)
	if err != nil || origin.Port() != "" || port == ports[origin.Scheme] {
		return h.host
	}
	return net.JoinHostPort(origin.Hostname(), port)
}

// blame adds to err where redirects have led to.
func (h hop) blame(err error) error {
	if h.to == "" {
		return err
	}
	return fmt.Errorf("redirected to %s: %w", quote(h.to), err)
}

// redirect is where an answer wants its request to go; nowhere if location is
// empty.
type redirect struct {
	status   int
	location string
}

// methodKept tells the redirects from others with a status of 300 to 399, and
// says whether the next request has the method of this one or else GET, as most
// clients do it (RFC 9110, 15.4).
var methodKept = map[int]bool{
	http.StatusMovedPermanently:  false,
	http.StatusFound:             false,
	http.StatusSeeOther:          false,
	http.StatusTemporaryRedirect: true,
	http.StatusPermanentRedirect: true,
}

func redirectOf(answer *http.Response) redirect {
	if _, ok := methodKept[answer.StatusCode]; !ok {
		return redirect{}
	}
	return redirect{status: answer.StatusCode, location: answer.Header.Get("Location")}
}

// follow returns the hop that h is redirected to, of a probe that began with
// first.
func (h hop) follow(first hop, to redirect) (hop, error) {
	target, err := h.resolve(to.location)
	if err != nil || ports[target.Scheme] == "" || target.Hostname() == "" {
		return hop{}, h.blame(fmt.Errorf("redirect to %s, which is no http or https URL", quote(to.location)))
	}
	next := first.towards(target)
	next.to, next.keep = target.Redacted(), false
	// A space is common in what servers send, and would end the path.
	next.path = strings.ReplaceAll(target.RequestURI(), " ", "%20")
	next.method = h.method
	if !methodKept[to.status] && h.method != http.MethodHead {
		next.method = http.MethodGet
	}
	return next, nil
}

func (h hop) resolve(location string) (*url.URL, error) {
	here, err := url.Parse(h.origin().String() + h.path)
	if err != nil {
		return nil, err
	}
	return here.Parse(location)
}

// towards returns a hop to the origin of target, by what it is to the check's:
//
//	same scheme, name and port   the check's endpoint, headers and certificate
//	same name only               the check's address: another machine of that
//	                             name would say nothing about this one
//	another name                 what the system resolver says it is
func (h hop) towards(target *url.URL) hop {
	next := hop{
		secure: target.Scheme == "https",
		host:   target.Host,
		name:   target.Hostname(),
	}
	host, port := target.Hostname(), cmp.Or(target.Port(), ports[target.Scheme])
	if strings.EqualFold(host, h.origin().Hostname()) {
		if next.secure == h.secure && h.listens(port) {
			return h
		}
		host, _, _ = net.SplitHostPort(h.address)
	}
	next.address = net.JoinHostPort(host, port)
	return next
}

// listens reports whether a URL with port means the check's endpoint. Servers
// behind another port put either into a redirect: the one that they were asked
// by, or the one that they listen on.
func (h hop) listens(port string) bool {
	_, probed, _ := net.SplitHostPort(h.address)
	origin := h.origin()
	return port == probed || port == cmp.Or(origin.Port(), ports[origin.Scheme])
}
