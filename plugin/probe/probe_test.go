package probe_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"github.com/coredns-failover/failover/internal/leak"
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
	code := leak.Main(m)
	os.Remove(roots.Name())
	os.Exit(code)
}

func TestUnknownType(t *testing.T) {
	_, err := probe.NewKit().Prober(&model.Check{Type: "smtp"}, netip.Addr{})
	wantResult(t, err, `no probe for checks of type "smtp"`)
}

func TestBadExpression(t *testing.T) {
	check := model.Check{Type: model.HTTP, Expect: model.Expect{BodyRegexp: "("}}
	_, err := probe.NewKit().Prober(&check, netip.Addr{})
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
	_, err := prober(t, check, server).Probe(ctx)
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
		if _, err := kit.Prober(&check, netip.IPv6Loopback()); err != nil {
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

// connecting probes server, and returns how long it took to answer.
func connecting(t *testing.T, check model.Check, server netip.AddrPort) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	start := time.Now()
	connect, err := once(ctx, prober(t, check, server))
	if all := time.Since(start); connect < 0 || connect > all {
		t.Errorf("connected in %s of %s", connect, all)
	}
	return connect, err
}

func TestConnectTime(t *testing.T) {
	plain, hello := serve(t, reply(fine)), serve(t, say("550 no\r\n"))
	secure := serve(t, overTLS(with(system.issue(nil)), reply(fine)))
	service, zone := serveGRPC(t, library()), serveUDP(t, messages(right))
	named := httpCheck(plain)
	named.Address = "localhost"
	for name, test := range map[string]struct {
		check  model.Check
		server netip.AddrPort
	}{
		"http": {httpCheck(plain), plain}, "https": {httpsCheck(secure), secure}, "tcp": {tcpCheck(plain), plain},
		"tls": {tlsCheck(secure), secure}, "grpc": {grpcCheck(service), service}, "dns": {dnsCheck(zone), zone},
		"a host name": {named, plain}, "unhealthy": {waiting(hello), hello}, "not TLS": {tlsCheck(hello), hello},
	} {
		t.Run(name, func(t *testing.T) {
			if connect, err := connecting(t, test.check, test.server); connect == 0 {
				t.Errorf("no time with %v", err)
			}
		})
	}
}

func TestConnectTimeOfNone(t *testing.T) {
	free := must(net.Listen("tcp", "127.0.0.1:0"))
	server := netip.MustParseAddrPort(free.Addr().String())
	free.Close()
	for _, check := range []model.Check{httpCheck(server), tcpCheck(server), tlsCheck(server), grpcCheck(server), dnsCheck(server)} {
		if connect, err := connecting(t, check, server); connect != 0 || err == nil {
			t.Errorf("%s: %s with %v", check.Type, connect, err)
		}
	}
}

// What comes after the endpoint has answered does not count, be it another
// connection of a redirect or the answer by TCP.
func TestConnectTimeIsOfTheFirst(t *testing.T) {
	const slow = 50 * time.Millisecond
	server := truncating(t, func(conn net.Conn) {
		conn.Read(make([]byte, 1)) // the client has connected
		time.Sleep(slow)           //nolint:forbidigo // a server that is slow
		conn.Write([]byte("x"))
	})
	talking := waiting(server)
	talking.Request.Send = "x"
	for _, check := range []model.Check{httpCheck(server), dnsCheck(server), talking} {
		start := time.Now()
		connect, err := connecting(t, check, server)
		if all := time.Since(start); connect == 0 || connect > all-slow {
			t.Errorf("%s: %s of %s with %v", check.Type, connect, all, err)
		}
	}
}

func TestConnectTimeOfPing(t *testing.T) {
	wantResult(t, ping(t, icmpCheck(), "127.0.0.1"), healthy)
	if connect, err := connecting(t, icmpCheck(), at("127.0.0.1")); connect == 0 || err != nil {
		t.Errorf("%s with %v", connect, err)
	}
	play(t, func(r []byte) [][]byte { return [][]byte{unreachable(1, "192.0.2.1", r)} })
	if connect, err := connecting(t, icmpCheck(), at("192.0.2.1")); connect != 0 || err == nil {
		t.Errorf("%s with %v", connect, err)
	}
}

// Nothing runs on once a probe has returned.
func TestNothingIsLeft(t *testing.T) {
	servers := map[string]netip.AddrPort{
		"grpc": serveGRPC(t, library()), "refusing": serveGRPC(t, nil), "silent": serve(t, silent),
		"settings": serve(t, say(settings)), "other": serve(t, say("220 hello\r\n")),
	}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			for range 4 {
				runFor(t, 20*time.Millisecond, grpcCheck(server), server)
			}
			if err := leak.Find(before); err != nil {
				t.Error(err)
			}
		})
	}
}
