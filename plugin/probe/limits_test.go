package probe_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
)

// headersOf is an answer of exactly size bytes before its body.
func headersOf(size int) string {
	const start, end = "HTTP/1.1 200 OK\r\nX-Long: ", "\r\n\r\n"
	return start + strings.Repeat("x", size-len(start)-len(end)) + end
}

func TestHeaderLimit(t *testing.T) {
	const limit = 64 << 10
	const interim = "HTTP/1.1 103 Early Hints\r\n\r\n"
	for name, test := range map[string]struct{ answer, want string }{
		"at the limit":    {headersOf(limit) + "ok", healthy},
		"above it":        {headersOf(limit+1) + "ok", "headers larger than 64 KiB"},
		"with interim":    {interim + headersOf(limit-len(interim)) + "ok", healthy},
		"interim above":   {interim + headersOf(limit-len(interim)+1) + "ok", "headers larger than 64 KiB"},
		"body not header": {headersOf(limit) + strings.Repeat(" ", 5118) + "ok", healthy},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, reply(test.answer))
			check := httpCheck(server)
			check.Expect.Body = "ok"
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

// flood sends first and then more without end, and counts what the client's
// kernel took.
func flood(sent *atomic.Int64, first, more string) func(net.Conn) {
	more = strings.Repeat(more, 1024/len(more)+1)
	return func(conn net.Conn) {
		conn.(*net.TCPConn).SetWriteBuffer(4096)
		if readRequest(conn) == nil {
			return
		}
		_, err := io.WriteString(conn, first)
		for err == nil {
			var n int
			n, err = io.WriteString(conn, more)
			sent.Add(int64(n))
		}
	}
}

func TestEndlessAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, test := range map[string]struct{ first, more, want string }{
		"headers":    {ok, "A: b\r\n", "headers larger than 64 KiB"},
		"one header": {ok + "A: ", "bbbb", "headers larger than 64 KiB"},
		"interim":    {"", "HTTP/1.1 100 Continue\r\n\r\n", "headers larger than 64 KiB"},
		"body":       {ok + "\r\n", "zzzz", `body lacks "ok" in its first 5120 bytes`},
		"chunks":     {ok + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nz\r\n", `body lacks "ok" in its first 5120 bytes`},
		"chunk extensions": {
			ok + "Transfer-Encoding: chunked\r\n\r\n", "1;" + strings.Repeat("e", 1000) + "\r\nz\r\n",
			"bad answer: chunked encoding contains too much non-data",
		},
		"chunk extension": {
			ok + "Transfer-Encoding: chunked\r\n\r\n1;", "eeee",
			"bad answer: header line too long",
		},
		"status line": {"HTTP/1.1 ", "2", "headers larger than 64 KiB"},
		"no HTTP":     {"", "blah", `not an HTTP response: "` + strings.Repeat("blah", 16) + `"...`},
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			server := serve(t, flood(&sent, test.first, test.more))
			check := httpCheck(server)
			check.Expect.Body = "ok"
			wantResult(t, run(t, check, server), test.want)
			// What was read, and what the two kernels keep for a slow reader.
			if n := sent.Load(); n > 64<<10+1<<20 {
				t.Errorf("the server could send %d bytes", n)
			}
		})
	}
}

func TestEndlessBodyUnread(t *testing.T) {
	var sent atomic.Int64
	server := serve(t, flood(&sent, "HTTP/1.1 200 OK\r\n\r\n", "zzzz"))
	wantResult(t, run(t, httpCheck(server), server), healthy)
}

func TestResets(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, answer := range map[string]string{
		"before an answer": "",
		"in the headers":   ok + "Content-Length: 100\r\n",
		"in the body":      ok + "Content-Length: 100\r\n\r\nok",
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(conn net.Conn) {
				reset(conn)
				reply(answer)(conn)
			})
			check := httpCheck(server)
			check.Expect.Body = "ok"
			wantResult(t, run(t, check, server), "connection reset by the server")
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	address := listener.Addr().(*net.TCPAddr).AddrPort()
	listener.Close()
	wantResult(t, run(t, httpCheck(address), address), "connection refused")
	wantResult(t, run(t, tcpCheck(address), address), "connection refused")
	wantResult(t, run(t, tlsCheck(address), address), "connection refused")
	wantResult(t, run(t, grpcCheck(address), address), "connection refused")
}

// A server that hangs up before it has read the request is heard all the same.
func TestAnswerBeforeTheRequestIsRead(t *testing.T) {
	server := serve(t, func(conn net.Conn) {
		conn.Read(make([]byte, 1))
		io.WriteString(conn, "HTTP/1.1 413 Too Large\r\n\r\n")
	})
	check := httpCheck(server)
	check.Request.Header = fmt.Sprintf("X-Long: %s\r\n", strings.Repeat("x", 1<<10))
	check.Expect.Status = must(model.ParseStatusSet("200"))
	wantResult(t, run(t, check, server), "status 413, want 200")
}
