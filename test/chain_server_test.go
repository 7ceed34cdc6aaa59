package test_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A server block may have several zones and several ports; each of them has all
// its records. What it does not serve is refused.
func TestChainZonesAndPorts(t *testing.T) {
	t.Parallel()
	ip := newIP(t)
	ports := freePorts(t, ip, 2)
	keys := "example.org:{$PORT} example.net:{$PORT} example.org:{$OTHER}"
	s := start(t, block(keys, "cache 60\n"+
		constant("example.org", "192.0.2.1")+constant("www.example.org", "192.0.2.2")+
		constant("example.net", "192.0.2.3")+constant("*.example.net", "192.0.2.4")),
		vars{"IP": ip, "PORT": ports[0], "OTHER": ports[1], "METRICS": ip + ":0"})
	of := dialogue{
		"example.org A":       "192.0.2.1",
		"www.example.org A":   "192.0.2.2",
		"www.example.org TXT": "NODATA example.org. 7 7",
		"other.example.org A": "SERVFAIL",
	}
	s.at(ip, ports[0]).mustSay(t, of)
	s.at(ip, ports[0]).mustSay(t, dialogue{
		"example.net A":     "192.0.2.3",
		"www.example.net A": "192.0.2.4",
		"www.example.com A": "REFUSED",
	})
	s.at(ip, ports[1]).mustSay(t, of)
	s.at(ip, ports[1]).mustSay(t, dialogue{"www.example.net A": "REFUSED"})
}

// A name is another record in another server block, be it of another port or of
// a zone inside.
func TestChainServerBlocks(t *testing.T) {
	t.Parallel()
	ip := newIP(t)
	ports := freePorts(t, ip, 2)
	s := start(t, block("example.org:{$PORT}",
		constant("www.example.org", "192.0.2.1")+constant("*.example.org", "192.0.2.2"))+
		block("sub.example.org:{$PORT}", constant("www.sub.example.org", "192.0.2.3"))+
		block("example.org:{$OTHER}", constant("www.example.org", "192.0.2.4")),
		vars{"IP": ip, "PORT": ports[0], "OTHER": ports[1]})
	s.at(ip, ports[0]).mustSay(t, dialogue{
		"www.example.org A":       "192.0.2.1",
		"x.example.org A":         "192.0.2.2",
		"www.sub.example.org A":   "192.0.2.3",
		"www.sub.example.org TXT": "NODATA sub.example.org. 7 7",
		"x.sub.example.org A":     "SERVFAIL", // a server block of its own
	})
	s.at(ip, ports[1]).mustSay(t, dialogue{"www.example.org A": "192.0.2.4", "x.example.org A": "SERVFAIL"})
}

// A server block for the root has no SOA to give, so a record does.
func TestChainRoot(t *testing.T) {
	t.Parallel()
	s := start(t, block(".:{$PORT}", "cache 60\n"+
		constant("www.example.org", "192.0.2.1")+constant("*.wild.example", "192.0.2.2")))
	s.mustSay(t, dialogue{
		"www.example.org A":    "192.0.2.1",
		"www.example.org AAAA": "NODATA www.example.org. 7 7",
		"x.wild.example A":     "192.0.2.2",
		"x.wild.example AAAA":  "NODATA wild.example. 7 7",
	})
}

// Questions over TLS and HTTPS are answered like any others.
func TestChainEncrypted(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	certFile, keyFile := writeCertificate(t, ca.issue(t, time.Hour, "dns.example.org"))
	client := &tls.Config{RootCAs: ca.pool(), ServerName: "dns.example.org", MinVersion: tls.VersionTLS12}
	for scheme, exchange := range map[string]func(*testing.T, *server, *tls.Config, *dns.Msg) *dns.Msg{
		"tls://":   overTLS,
		"https://": overHTTPS,
	} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s := start(t, block(scheme+"example.org:{$PORT}", "tls {$CERT} {$KEY}\n"+recordsInFront),
				vars{"CERT": certFile, "KEY": keyFile})
			for asked, want := range map[uint16]string{
				dns.TypeA:    "192.0.2.2",
				dns.TypeAAAA: "NODATA example.org. 7 7",
				dns.TypeMX:   "NODATA example.org. 7 7",
			} {
				if got := said(exchange(t, s, client, withDO(question("www.example.org", asked)))); got != want {
					t.Errorf("%s: got %s, want %s", dns.TypeToString[asked], got, want)
				}
			}
		})
	}
}

func overTLS(t *testing.T, s *server, config *tls.Config, m *dns.Msg) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: "tcp-tls", TLSConfig: config, Timeout: patience}
	reply, _, err := client.Exchange(m, s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func overHTTPS(t *testing.T, s *server, config *tls.Config, m *dns.Msg) *dns.Msg {
	t.Helper()
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	response, err := client.Post("https://"+s.endpoint()+"/dns-query", "application/dns-message", bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	reply := new(dns.Msg)
	if err := reply.Unpack(body); err != nil {
		t.Fatalf("%s: %v", response.Status, err)
	}
	return reply
}
