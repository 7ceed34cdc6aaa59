package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

func httpsCheck(server netip.AddrPort) model.Check {
	check := httpCheck(server)
	check.Type = model.HTTPS
	return check
}

func valid(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to)
	}
}

func names(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

func TestHTTPSCertificates(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*x509.Certificate)
		want   string
	}{
		"good":          {nil, healthy},
		"wildcard":      {names("*.example.org"), healthy},
		"expired":       {valid(-9*day, -3*day-time.Hour), "certificate expired 3 days ago"},
		"expired today": {valid(-9*day, -time.Hour-time.Second), "certificate expired 1 hour ago"},
		"expired now":   {valid(-9*day, -time.Second), "certificate expired less than a minute ago"},
		"early":         {valid(150*time.Minute, day), "certificate not valid for another 2 hours"},
		"wrong name":    {names("a.example"), `certificate is for "a.example", not "www.example.org"`},
		"wrong names": {
			func(c *x509.Certificate) {
				c.DNSNames, c.IPAddresses = []string{"a.example", "b.example"}, []net.IP{net.IPv6loopback}
			},
			`certificate is for "a.example" and 2 more, not "www.example.org"`,
		},
		"no name": {
			func(c *x509.Certificate) { c.DNSNames, c.Subject = nil, pkix.Name{CommonName: "www.example.org"} },
			`certificate is for no name, not even "www.example.org"`,
		},
		"not for servers": {
			func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} },
			"certificate not accepted: certificate specifies an incompatible key usage",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, overTLS(with(system.issue(test.change)), reply(fine)))
			wantResult(t, run(t, httpsCheck(server), server), test.want)
		})
	}
}

func TestHTTPSAuthorities(t *testing.T) {
	other := newAuthority("Other CA")
	old := must(newAuthorityUntil("Old CA", time.Now().Add(-49*time.Hour)))
	file := func(a *authority) func(*model.Check) {
		return func(c *model.Check) { c.TLS.CAFile = a.file(t) }
	}
	for name, test := range map[string]struct {
		signer *authority
		change func(*model.Check)
		want   string
	}{
		"system":       {system, func(*model.Check) {}, healthy},
		"unknown":      {other, func(*model.Check) {}, "certificate signed by an unknown authority"},
		"own file":     {other, file(other), healthy},
		"only that":    {system, file(other), "certificate signed by an unknown authority"},
		"expired CA":   {old, file(old), `CA certificate "Old CA" expired 2 days ago`},
		"not verified": {other, func(c *model.Check) { c.TLS.InsecureSkipVerify = true }, healthy},
		"other name": {
			system, func(c *model.Check) { c.TLS.ServerName = "api.example.org" },
			`certificate is for "www.example.org", not "api.example.org"`,
		},
		"host's name": {
			system, func(c *model.Check) { c.TLS.ServerName = "" }, healthy,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, overTLS(with(test.signer.issue(nil)), reply(fine)))
			check := httpsCheck(server)
			test.change(&check)
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

func TestHTTPSHandshake(t *testing.T) {
	hello := make(chan *tls.ClientHelloInfo, 1)
	certificate := system.issue(func(c *x509.Certificate) { c.IPAddresses = []net.IP{{127, 0, 0, 1}} })
	config := &tls.Config{GetCertificate: func(info *tls.ClientHelloInfo) (*tls.Certificate, error) {
		hello <- info
		return &certificate, nil
	}}
	server := serve(t, overTLS(config, reply(fine)))
	for name, want := range map[string]string{"www.example.org": "www.example.org", "127.0.0.1": ""} {
		check := httpsCheck(server)
		check.TLS.ServerName = name
		wantResult(t, run(t, check, server), healthy)
		got := <-hello
		if got.ServerName != want {
			t.Errorf("server name %q, want %q", got.ServerName, want)
		}
		if len(got.SupportedProtos) != 1 || got.SupportedProtos[0] != "http/1.1" {
			t.Errorf("protocols %q", got.SupportedProtos)
		}
	}
}

func TestHTTPSResumesNothing(t *testing.T) {
	resumed := make(chan bool, 2)
	handle := func(conn net.Conn) {
		resumed <- conn.(*tls.Conn).ConnectionState().DidResume
		reply(fine)(conn)
	}
	server := serve(t, overTLS(with(system.issue(nil)), handle))
	prober := prober(t, httpsCheck(server), server)
	for range 2 {
		wantResult(t, execute(t, prober), healthy)
		if <-resumed {
			t.Error("a session was resumed")
		}
	}
}

func TestHTTPSOfOthers(t *testing.T) {
	good := with(system.issue(nil))
	oldest := with(system.issue(nil))
	oldest.MinVersion, oldest.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   string
	}{
		"plain HTTP": {say("HTTP/1.0 400 Bad\r\n\r\n"), `not a TLS server: its answer starts with "HTTP/"`},
		"closed":     {func(c net.Conn) { c.Read(make([]byte, 4096)) }, "connection closed during the TLS handshake"},
		"reset":      {reset, "connection reset by the server"},
		"old":        {overTLS(oldest, silent), "the server refused TLS: protocol version not supported"},
		"body":       {overTLS(good, reply(fine+"ok")), healthy},
		"truncated": {
			overTLS(good, reply("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")),
			"connection closed before a complete response",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, test.handle)
			check := httpsCheck(server)
			check.Expect.Body = "ok"
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

func TestHTTPSTimeouts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   string
	}{
		"handshake": {silent, "TLS handshake not finished within 500ms"},
		"answer":    {overTLS(with(system.issue(nil)), silent), "no answer within 500ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, test.handle)
			wantTimeout(t, httpsCheck(server), server, test.want)
		})
	}
}

// rootless is set in the environment of a process without system roots.
const rootless = "PROBE_TEST_ROOTLESS"

// Without roots every server would seem untrusted, and none would be healthy.
// The roots are read once per process, so this takes another one.
func TestHTTPSWithoutSystemRoots(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system verifies certificates itself")
	}
	if os.Getenv(rootless) == "" {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHTTPSWithoutSystemRoots$")
		again.Env = append(os.Environ(), rootless+"=1", "SSL_CERT_FILE="+os.DevNull, "SSL_CERT_DIR="+os.DevNull)
		if output, err := again.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		return
	}
	server := serve(t, overTLS(with(system.issue(nil)), reply(fine)))
	check := httpsCheck(server)
	err := run(t, check, server)
	wantResult(t, err, "cannot probe: this machine has no root certificates")
	if !isBroken(err) {
		t.Error("not broken")
	}
	check.TLS.InsecureSkipVerify = true
	wantResult(t, run(t, check, server), healthy)
}
