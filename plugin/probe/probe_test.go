package probe_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"unsafe"

	"go.uber.org/goleak"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/probe"
)

// system is the authority that crypto/x509 finds on the tests' machine.
var system = newAuthority("System CA")

func TestMain(m *testing.M) {
	roots := must(os.CreateTemp("", "roots"))
	must(roots.Write(system.pem()))
	roots.Close()
	if os.Getenv(rootless) == "" {
		os.Setenv("SSL_CERT_FILE", roots.Name())
		os.Setenv("SSL_CERT_DIR", os.DevNull)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.Remove(roots.Name())
		os.Exit(code)
	}))
}

func TestUnknownType(t *testing.T) {
	_, err := probe.NewKit().Prober(model.Check{Type: "smtp"}, netip.Addr{})
	wantResult(t, err, `no probe for checks of type "smtp"`)
}

func TestBadExpression(t *testing.T) {
	check := model.Check{Type: model.HTTP, Expect: model.Expect{BodyRegexp: "("}}
	_, err := probe.NewKit().Prober(check, netip.Addr{})
	wantResult(t, err, "body_regexp: error parsing regexp: missing closing ): `(`")
}

func TestInvert(t *testing.T) {
	for name, test := range map[string]struct{ status, want string }{
		"success": {"200 OK", "the check succeeded, and invert makes that a failure"},
		"failure": {"503 Sorry", healthy},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, reply("HTTP/1.1 "+test.status+"\r\n\r\n"))
			check := httpCheck(server)
			check.Invert = true
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

func TestInvertLeavesBrokenAlone(t *testing.T) {
	server := serve(t, silent)
	check := httpCheck(server)
	check.Type, check.Invert, check.TLS.CAFile = model.HTTPS, true, "testdata/missing.pem"
	err := run(t, check, server)
	wantResult(t, err, "cannot probe: testdata/missing.pem cannot be read: no such file or directory")
	if !isBroken(err) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("broken is %t, %#v", isBroken(err), err)
	}
}

func TestInvertLeavesCancelledAlone(t *testing.T) {
	server := serve(t, silent)
	check := tcpCheck(server)
	check.Invert = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := prober(t, check, server).Probe(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Part 4 measures 30,000 idle checks.
func TestIdleProberIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(probe.Prober{}); size > 32 {
		t.Errorf("a prober has %d bytes", size)
	}
	kit := probe.NewKit()
	check := httpCheck(netip.MustParseAddrPort("127.0.0.1:80"))
	check.Expect.BodyRegexp = "(ok|fine){1,100}"
	again := func() {
		if _, err := kit.Prober(check, netip.IPv6Loopback()); err != nil {
			t.Fatal(err)
		}
	}
	again()
	if allocations := testing.AllocsPerRun(10, again); allocations != 0 {
		t.Errorf("another target of a check costs %v allocations", allocations)
	}
	check.Host = "api.example.org"
	if allocations := testing.AllocsPerRun(1, again); allocations > 2 {
		t.Errorf("another host with the same expression costs %v allocations", allocations)
	}
}

// One check, many goroutines: under the race detector.
func TestProbersOfOneCheckAtOnce(t *testing.T) {
	server := serve(t, overTLS(with(system.issue(nil)), reply("HTTP/1.1 200 OK\r\n\r\nok")))
	check := httpCheck(server)
	check.Type, check.Expect.BodyRegexp, check.TLS.CAFile = model.HTTPS, "^ok$", system.file(t)
	prober := prober(t, check, server)
	results := make(chan error)
	for range 8 {
		go func() { results <- execute(t, prober) }()
	}
	for range 8 {
		wantResult(t, <-results, healthy)
	}
}
