package probe_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// A probe without a deadline returns when it is cancelled, in whichever phase:
// otherwise these tests would hang.
func TestCancel(t *testing.T) {
	secure := with(system.issue(nil))
	for name, test := range map[string]struct {
		handle func(net.Conn)
		check  func(netip.AddrPort) model.Check
	}{
		"TCP answer":      {silent, waiting},
		"half TCP answer": {say("22"), waiting},
		"TCP send":        {deaf, pushing},
		"TLS handshake":   {silent, httpsCheck},
		"HTTP answer":     {silent, httpCheck},
		"HTTPS answer":    {overTLS(secure, silent), httpsCheck},
		"headers":         {say("HTTP/1.1 200 OK\r\nA: b\r\n"), httpCheck},
		"body":            {say(fine + "o"), reading},
		"HTTPS body":      {overTLS(secure, say(fine+"o")), readingSecurely},
		"tls handshake":   {silent, tlsCheck},
		"tls acceptance": {overTLS(mutual(system), staying), func(s netip.AddrPort) model.Check {
			check := tlsCheck(s)
			client(t, system, &check)
			return check
		}},
		"gRPC settings":  {silent, grpcCheck},
		"gRPC answer":    {say(settings), grpcCheck},
		"gRPC handshake": {silent, func(s netip.AddrPort) model.Check { return overTLSToo(grpcCheck(s)) }},
		"DNS over TCP":   {silent, dnsCheck},
	} {
		t.Run(name, func(t *testing.T) {
			reached := make(chan struct{}, 1)
			server := truncating(t, func(conn net.Conn) {
				reached <- struct{}{}
				test.handle(conn)
			})
			wantCancelled(t, test.check(server), server, reached)
		})
	}
}

func TestCancelDNS(t *testing.T) {
	reached := make(chan struct{}, 1)
	server := serveUDP(t, func([]byte) [][]byte { reached <- struct{}{}; return nil })
	wantCancelled(t, dnsCheck(server), server, reached)
}

// staying ends only with the connection under that of TLS.
func staying(conn net.Conn) { await(conn.(*tls.Conn).NetConn()) }

func wantCancelled(t *testing.T, check model.Check, server netip.AddrPort, reached <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	prober := prober(t, check, server)
	go func() {
		_, err := once(ctx, prober)
		result <- err
	}()
	<-reached
	cancel()
	select {
	case err := <-result:
		if want := "probe cancelled: context canceled"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if !errors.Is(err, context.Canceled) || isBroken(err) {
			t.Errorf("got %#v", err)
		}
	case <-time.After(patience):
		t.Fatal("the probe goes on")
	}
}

func waiting(server netip.AddrPort) model.Check {
	check := tcpCheck(server)
	check.Expect.Banner = "220"
	return check
}

func pushing(server netip.AddrPort) model.Check {
	check := tcpCheck(server)
	check.Request.Send = strings.Repeat("x", 16<<20)
	return check
}

func reading(server netip.AddrPort) model.Check {
	check := httpCheck(server)
	check.Expect.Body = "ok"
	return check
}

func readingSecurely(server netip.AddrPort) model.Check {
	check := reading(server)
	check.Type = model.HTTPS
	return check
}

// The server sees the end of a probe at once, not when something collects it.
func TestConnectionIsClosed(t *testing.T) {
	for name, check := range map[string]func(netip.AddrPort) model.Check{
		"tcp": tcpCheck, "http": httpCheck, "https": httpsCheck, "tls": tlsCheck, "grpc": grpcCheck,
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			server := serve(t, func(conn net.Conn) {
				defer close(ended)
				io.WriteString(conn, "HTTP/1.1 500 Oh\r\n\r\n")
				await(conn)
			})
			run(t, check(server), server)
			select {
			case <-ended:
			case <-time.After(patience):
				t.Error("the connection is still open")
			}
		})
	}
}
