package probe_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"unicode"

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
