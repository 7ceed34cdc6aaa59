package probe_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"unicode"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/probe"
)

// scripted serves one text after another, each to one connection.
func scripted(f *testing.F, before func(net.Conn)) (chan<- string, probe.Prober, probe.Prober) {
	texts := make(chan string, 1)
	server := serve(f, func(conn net.Conn) {
		before(conn)
		io.WriteString(conn, <-texts)
		conn.(*net.TCPConn).CloseWrite()
		await(conn)
	})
	status, body := httpCheck(server), httpCheck(server)
	body.Expect.Body, body.Expect.BodyRegexp = "ok", "o+k"
	return texts, prober(f, status, server), prober(f, body, server)
}

// wantReadable fails if an operator could not read err in a log.
func wantReadable(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if text := err.Error(); len(text) > 512 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("not fit for a log: %q", text)
	}
	if isBroken(err) {
		t.Errorf("a server can break its check: %v", err)
	}
}

// Whatever a server sends, a probe ends with a result that can be read.
func FuzzHTTPResponse(f *testing.F) {
	for _, seed := range []string{
		"", "HTTP/1.1 200 OK\r\n\r\nok", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 500\r\n\r\n", "SSH-2.0-x\r\n",
		chunked("o", "k"), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", moved(302, "http://a/\x7f"),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n",
	} {
		f.Add(seed)
	}
	texts, status, body := scripted(f, func(conn net.Conn) { readRequest(conn) })
	f.Fuzz(func(t *testing.T, answer string) {
		for _, prober := range []probe.Prober{status, body} {
			texts <- answer
			wantReadable(t, execute(t, prober))
		}
	})
}

// Nor can the peers of tls and grpc checks do harm.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{
		"", "HTTP/1.1 400 Bad Request\r\n\r\n", "\x15\x03\x01\x00\x02\x02\n", settings, settings + pings, settings[:5],
		settings + "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02bye\x07", // GOAWAY
		settings + "\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x07",                        // RST_STREAM
		settings + "\x00\x00\x01\x01\x05\x00\x00\x00\x01\x88",                                    // HEADERS: 200
	} {
		f.Add(seed)
	}
	texts := make(chan string, 1)
	server := serve(f, func(conn net.Conn) {
		io.WriteString(conn, <-texts)
		conn.(*net.TCPConn).CloseWrite()
		await(conn)
	})
	probers := []probe.Prober{prober(f, tlsCheck(server), server), prober(f, grpcCheck(server), server)}
	f.Fuzz(func(t *testing.T, answer string) {
		for _, prober := range probers {
			texts <- answer
			err := execute(t, prober)
			wantReadable(t, err)
			if err == nil {
				t.Error("healthy")
			}
		}
	})
}

// Replies of dns checks follow the id of the query, and come before a right one.
func FuzzDNSReply(f *testing.F) {
	query := must(new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA).Pack())
	f.Add([]byte{})
	f.Add(query[2:])
	f.Add(messages(right)(query)[0][2:])
	f.Add(messages(rcode(dns.RcodeNameError))(query)[0][2:])
	f.Add(cut(query)[0][2:])
	texts := make(chan []byte, 1)
	server := serveUDP(f, func(query []byte) [][]byte {
		return append([][]byte{append(query[:2:2], <-texts...)}, messages(right)(query)...)
	})
	prober := prober(f, dnsCheck(server), server)
	f.Fuzz(func(t *testing.T, reply []byte) {
		texts <- reply[:min(len(reply), 1<<15)]
		if err := execute(t, prober); err == nil || !strings.Contains(err.Error(), "by TCP: ") {
			wantReadable(t, err)
		}
	})
}

// No message but the reply makes an icmp check healthy.
func FuzzICMPMessage(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add([]byte{3, 1, 0, 0, 0, 0, 0, 0, 0x4f}, false)
	f.Add(unreachable(1, "192.0.2.1", make([]byte, 24)), false)
	f.Add(unreachable(3, "2001:db8::1", make([]byte, 24)), true)
	var text []byte
	play(f, func(request []byte) [][]byte { return [][]byte{text, {}, replyTo(request, nil)} })
	four, six := prober(f, icmpCheck(), at("192.0.2.1")), prober(f, icmpCheck(), at("2001:db8::1"))
	f.Fuzz(func(t *testing.T, message []byte, overIPv6 bool) {
		text = message[:min(len(message), 1<<15)]
		prober := four
		if overIPv6 {
			prober = six
		}
		wantResult(t, execute(t, prober), healthy)
	})
}

// A tcp check is healthy exactly when the answer starts with expect.
func FuzzTCPExpect(f *testing.F) {
	f.Add("220 mail ready\r\n", "220 ")
	f.Add("22", "220")
	f.Add("", "")
	f.Add("\x00\xff", "\x00\xfe")
	answers := make(chan string, 1)
	server := serve(f, func(conn net.Conn) { io.WriteString(conn, <-answers) })
	f.Fuzz(func(t *testing.T, answer, expect string) {
		check := tcpCheck(server)
		check.Expect.Banner = expect
		answers <- answer
		err := execute(t, prober(t, check, server))
		wantReadable(t, err)
		if want := strings.HasPrefix(answer, expect); (err == nil) != want {
			t.Errorf("answer %q, expect %q: %v", answer, expect, err)
		}
	})
}
