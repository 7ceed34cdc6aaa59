package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

const day = 24 * time.Hour

// tlsCheck is a check as package corefile makes it of "check tls PORT".
func tlsCheck(server netip.AddrPort) model.Check {
	return model.Check{
		Type:     model.TLS,
		Port:     server.Port(),
		Host:     "www.example.org",
		TLS:      model.TLSOptions{Enabled: true, ServerName: "www.example.org"},
		Schedule: model.Schedule{Timeout: patience},
	}
}

func TestTLSExpiry(t *testing.T) {
	for name, test := range map[string]struct {
		left, want time.Duration
		insecure   bool
		result     string
	}{
		"not asked":        {time.Minute, 0, false, healthy},
		"expired":          {-3*day - time.Hour, 0, false, "certificate expired 3 days ago"},
		"long enough":      {15 * day, 14 * day, false, healthy},
		"too short":        {3*day + time.Hour, 14 * day, false, "certificate expires in 3 days, want at least 14 days"},
		"not verified":     {15 * day, 14 * day, true, healthy},
		"insecure, short":  {3*day + time.Hour, 14 * day, true, "certificate expires in 3 days, want at least 14 days"},
		"insecure, ended":  {-3*day - time.Hour, 14 * day, true, "certificate expired 3 days ago"},
		"insecure, no end": {-3 * day, 0, true, healthy},
	} {
		t.Run(name, func(t *testing.T) {
			certificate := system.issue(valid(-9*day, test.left))
			server := serve(t, overTLS(with(certificate), silent))
			check := tlsCheck(server)
			check.Expect.ExpiresIn, check.TLS.InsecureSkipVerify = test.want, test.insecure
			wantResult(t, run(t, check, server), test.result)
		})
	}
}

// Both are a day and some hours.
func TestTLSExpiryToTheSecond(t *testing.T) {
	server := serve(t, overTLS(with(system.issue(valid(-day, 30*time.Hour))), silent))
	check := tlsCheck(server)
	check.Expect.ExpiresIn = 36 * time.Hour
	err := run(t, check, server)
	if want := `^certificate expires in 29h59m\d+s, want at least 36h0m0s$`; err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A chain lasts as long as the first of it, and of two chains the longer counts.
func TestTLSExpiryOfChains(t *testing.T) {
	short := must(newAuthorityUntil("Short CA", time.Now().Add(2*day+time.Hour)))
	long := must(authorityOf(short.key, "Short CA", time.Now().Add(30*day)))
	server := serve(t, overTLS(with(short.issue(valid(-day, 20*day))), silent))
	check := tlsCheck(server)
	check.Expect.ExpiresIn = 10 * day

	check.TLS.CAFile = short.file(t)
	wantResult(t, run(t, check, server), `CA certificate "Short CA" expires in 2 days, want at least 10 days`)
	check.TLS.CAFile = write(t, "both.pem", append(short.pem(), long.pem()...))
	wantResult(t, run(t, check, server), healthy)
}

func TestTLSVerifies(t *testing.T) {
	other := newAuthority("Other CA")
	for name, test := range map[string]struct {
		certificate tls.Certificate
		change      func(*model.Check)
		want        string
	}{
		"good":        {system.issue(nil), nil, healthy},
		"wrong name":  {system.issue(names("a.example")), nil, `certificate is for "a.example", not "www.example.org"`},
		"unknown":     {other.issue(nil), nil, "certificate signed by an unknown authority"},
		"own CA":      {other.issue(nil), func(c *model.Check) { c.TLS.CAFile = other.file(t) }, healthy},
		"no file":     {other.issue(nil), func(c *model.Check) { c.TLS.CAFile = "/no/ca" }, "cannot probe: /no/ca cannot be read: no such file or directory"},
		"unverified":  {other.issue(nil), func(c *model.Check) { c.TLS.InsecureSkipVerify = true }, healthy},
		"other name":  {system.issue(names("a.example")), func(c *model.Check) { c.TLS.ServerName = "a.example" }, healthy},
		"host's name": {system.issue(nil), func(c *model.Check) { c.TLS.ServerName = "" }, healthy},
		"address": {
			system.issue(func(c *x509.Certificate) { c.IPAddresses = []net.IP{{127, 0, 0, 1}} }),
			func(c *model.Check) { c.TLS.ServerName, c.Host = "", "" }, healthy,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, overTLS(with(test.certificate), silent))
			check := tlsCheck(server)
			if test.change != nil {
				test.change(&check)
			}
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

// In TLS 1.3 a server refuses a client certificate after the client is done.
func TestTLSClientCertificates(t *testing.T) {
	wanted, other := newAuthority("Clients"), newAuthority("Others")
	old := mutual(wanted)
	old.MaxVersion = tls.VersionTLS12
	banner := func(conn net.Conn) { io.WriteString(conn, "220 ready\r\n"); await(conn) }
	for name, test := range map[string]struct {
		config *tls.Config
		signer *authority
		handle func(net.Conn)
		want   string
	}{
		"right":           {mutual(wanted), wanted, silent, healthy},
		"right, talking":  {mutual(wanted), wanted, banner, healthy},
		"right, TLS 1.2":  {old, wanted, silent, healthy},
		"wrong":           {mutual(wanted), other, silent, "the server refused TLS: certificate required"},
		"none":            {mutual(wanted), nil, silent, "the server refused TLS: certificate required"},
		"none, TLS 1.2":   {old, nil, silent, "the server refused TLS: handshake failure"},
		"none is needed":  {with(system.issue(nil)), other, silent, healthy},
		"right, resetted": {mutual(wanted), wanted, func(conn net.Conn) { reset(conn.(*tls.Conn).NetConn()) }, healthy},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, overTLS(test.config, test.handle))
			check := tlsCheck(server)
			if test.signer != nil {
				client(t, test.signer, &check)
			}
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

// A server that accepts the certificate and never hangs up is healthy too.
func TestTLSServerThatStays(t *testing.T) {
	t.Parallel()
	server := serve(t, overTLS(mutual(system), staying))
	check := tlsCheck(server)
	client(t, system, &check)
	wantTimeout(t, check, server, healthy)
}

func TestTLSOfOthers(t *testing.T) {
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   string
	}{
		"plain":  {say("220 mail ready\r\n"), `not a TLS server: its answer starts with "220 m"`},
		"closed": {func(c net.Conn) { c.Read(make([]byte, 4096)) }, "connection closed during the TLS handshake"},
		"reset":  {reset, "connection reset by the server"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, test.handle)
			wantResult(t, run(t, tlsCheck(server), server), test.want)
		})
	}
}

func TestTLSTimeout(t *testing.T) {
	t.Parallel()
	server := serve(t, silent)
	wantTimeout(t, tlsCheck(server), server, "TLS handshake not finished within 500ms")
}

// A server that speaks anything but HTTP would refuse a client that insists.
func TestTLSOffersNoProtocol(t *testing.T) {
	config := with(system.issue(nil))
	config.NextProtos = []string{"imap"}
	server := serve(t, overTLS(config, silent))
	wantResult(t, run(t, tlsCheck(server), server), healthy)
}

// The server reads the end of the handshake, and then the end of the stream.
func TestTLSClosesInOrder(t *testing.T) {
	end := make(chan error, 1)
	server := serve(t, func(raw net.Conn) {
		conn := tls.Server(raw, with(system.issue(nil)))
		if err := conn.Handshake(); err != nil {
			end <- err
			return
		}
		_, err := io.Copy(io.Discard, raw)
		end <- err
	})
	wantResult(t, run(t, tlsCheck(server), server), healthy)
	if err := <-end; err != nil {
		t.Error(err)
	}
}
