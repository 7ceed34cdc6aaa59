package probe_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
)

// chunked is a body in chunks of the given texts.
func chunked(texts ...string) string {
	body := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, text := range texts {
		body += string("0123456789"[len(text)]) + "\r\n" + text + "\r\n"
	}
	return body + "0\r\n\r\n"
}

func wantBody(text string) func(*model.Check) {
	return func(c *model.Check) { c.Expect.Body = text }
}

func wantMatch(expression string) func(*model.Check) {
	return func(c *model.Check) { c.Expect.BodyRegexp = expression }
}

func wantStatus(list string) func(*model.Check) {
	return func(c *model.Check) { c.Expect.Status = must(model.ParseStatusSet(list)) }
}

func TestHTTPAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n\r\n"
	padding := strings.Repeat("x", 5118)
	for name, test := range map[string]struct {
		answer string
		change func(*model.Check)
		want   string
	}{
		"status":           {"HTTP/1.1 204 No Content\r\n\r\n", nil, healthy},
		"wrong status":     {"HTTP/1.1 503 Sorry\r\n\r\n", nil, "status 503, want 200-399"},
		"status list":      {"HTTP/1.1 401 No\r\n\r\n", wantStatus("200,401"), healthy},
		"redirect kept":    {"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", nil, healthy},
		"redirect judged":  {"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", wantStatus("200"), "status 302, want 200"},
		"HTTP/1.0":         {"HTTP/1.0 200 OK\r\n\r\nok", wantBody("ok"), healthy},
		"bare newlines":    {"HTTP/1.1 200 OK\nA: b\n\nok", wantBody("ok"), healthy},
		"no reason phrase": {"HTTP/1.1 200\r\n\r\n", nil, healthy},
		"interim":          {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, nil, healthy},
		"switched":         {"HTTP/1.1 101 Switching Protocols\r\n\r\n", wantStatus("101"), healthy},
		"body":             {ok + "all is fine", wantBody("is"), healthy},
		"body not read":    {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", nil, healthy},
		"wrong body":       {ok + "down", wantBody("ok"), `body lacks "ok" in its first 5120 bytes`},
		"body at limit":    {ok + padding + "ok", wantBody("ok"), healthy},
		"body over limit":  {ok + padding + "xok", wantBody("ok"), `body lacks "ok" in its first 5120 bytes`},
		"body in chunks":   {chunked("a", "l", "l o", "k"), wantBody("all ok"), healthy},
		"no body":          {"HTTP/1.1 204 No Content\r\n\r\n", wantBody("ok"), `body lacks "ok" in its first 5120 bytes`},
		"match":            {ok + "queue: 17\n", wantMatch(`(?m)^queue: \d+$`), healthy},
		"no match":         {ok + "queue: ?", wantMatch(`\d`), `body does not match "\\d" in its first 5120 bytes`},
		"truncated": {
			"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nok", wantBody("ok"),
			"connection closed before a complete response",
		},
		"short length": {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok?", wantMatch("^ok$"), healthy},
		"truncated chunk": {
			strings.TrimSuffix(chunked("ok"), "0\r\n\r\n"), wantBody("ok"),
			"connection closed before a complete response",
		},
		"bad chunk": {
			strings.Replace(chunked("ok"), "2\r\n", "z\r\n", 1), wantBody("ok"),
			"bad answer: invalid byte in chunk length",
		},
		"empty":        {"", nil, "connection closed without an answer"},
		"few bytes":    {"HTT", nil, "connection closed before a complete response"},
		"half headers": {"HTTP/1.1 200 OK\r\nServer: x\r\n", nil, "connection closed before a complete response"},
		"other":        {"SSH-2.0-OpenSSH_9.9\r\n", nil, `not an HTTP response: "SSH-2.0-OpenSSH_9.9\r\n"`},
		"TLS alert":    {"\x15\x03\x01\x00\x02\x02\n", nil, `not an HTTP response: "\x15\x03\x01\x00\x02\x02\n"`},
		"short other":  {"hi", nil, `not an HTTP response: "hi"`},
		"long other":   {strings.Repeat("y", 100), nil, `not an HTTP response: "` + strings.Repeat("y", 64) + `"...`},
		"bad status":   {"HTTP/1.1 OK 200\r\n\r\n", nil, `bad answer: malformed HTTP status code "OK"`},
		"bad header":   {"HTTP/1.1 200 OK\r\nfoo\a\r\n\r\n", nil, `bad answer: malformed MIME header: missing colon: "foo\a"`},
		"long bad header": {
			"HTTP/1.1 200 OK\r\n" + strings.Repeat("f", 200) + "\r\n\r\n", nil,
			`bad answer: malformed MIME header: missing colon: "` + strings.Repeat("f", 89) + "...",
		},
		"bad length":    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", nil, `bad answer: bad Content-Length "-1"`},
		"odd transfers": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: odd\r\n\r\n", nil, `bad answer: unsupported transfer encoding: "odd"`},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, reply(test.answer))
			check := httpCheck(server)
			if test.change != nil {
				test.change(&check)
			}
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

func TestHTTPRequest(t *testing.T) {
	const own = "X-Probe: 1\r\nX-Probe: 2\r\n"
	for name, test := range map[string]struct {
		change func(*model.Check)
		want   string
	}{
		"plain": {
			func(*model.Check) {},
			"GET / HTTP/1.1\r\nHost: www.example.org:PORT\r\nConnection: close\r\nUser-Agent: coredns-failover\r\n\r\n",
		},
		"own headers": {
			func(c *model.Check) { c.Request = model.Request{Method: "HEAD", Path: "/a?b=c", Header: own} },
			"HEAD /a?b=c HTTP/1.1\r\nHost: www.example.org:PORT\r\nConnection: close\r\nUser-Agent: coredns-failover\r\n" + own + "\r\n",
		},
		"own agent": {
			func(c *model.Check) { c.Request.Header = own + "user-agent: me\r\n" },
			"GET / HTTP/1.1\r\nHost: www.example.org:PORT\r\nConnection: close\r\n" + own + "user-agent: me\r\n\r\n",
		},
		"without content": {
			func(c *model.Check) { c.Request.Method = "POST"; c.Host = "2001:db8::1" },
			"POST / HTTP/1.1\r\nHost: [2001:db8::1]:PORT\r\nConnection: close\r\nContent-Length: 0\r\nUser-Agent: coredns-failover\r\n\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got recorder
			server := serve(t, got.handle("HTTP/1.1 200 OK\r\n\r\n"))
			check := httpCheck(server)
			test.change(&check)
			wantResult(t, run(t, check, server), healthy)
			want := strings.Replace(test.want, "PORT", strconv.Itoa(int(server.Port())), 1)
			if all := got.all(); len(all) != 1 || all[0] != want {
				t.Errorf("got  %q\nwant %q", all, want)
			}
		})
	}
}

func TestHTTPWithoutHost(t *testing.T) {
	var got recorder
	server := serve(t, got.handle("HTTP/1.1 200 OK\r\n\r\n"))
	check := httpCheck(server)
	check.Host = ""
	wantResult(t, run(t, check, server), healthy)
	if want := "Host: " + server.String() + "\r\n"; !strings.Contains(got.all()[0], want) {
		t.Errorf("%q lacks %q", got.all()[0], want)
	}
}

// A probe of an IPv6 address, and of another address than its target's.
func TestHTTPAddresses(t *testing.T) {
	six := serveOn(t, "[::1]:0", reply("HTTP/1.1 200 OK\r\n\r\n"))
	wantResult(t, run(t, httpCheck(six), six), healthy)

	target := netip.AddrPortFrom(netip.MustParseAddr("127.9.9.9"), six.Port())
	check := httpCheck(six)
	check.Address = "::1"
	wantResult(t, run(t, check, target), healthy)

	four := serve(t, reply("HTTP/1.1 200 OK\r\n\r\n"))
	check = httpCheck(four)
	check.Address = "localhost"
	wantResult(t, run(t, check, target), healthy)

	check.Address = "no..such"
	wantResult(t, run(t, check, target), `no such host "no..such"`)
}

func TestHTTPOfNetHTTP(t *testing.T) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	server := &http.Server{
		ReadHeaderTimeout: patience,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "proto "+r.Proto+" encoding "+r.Header.Get("Accept-Encoding")+".")
		}),
	}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })

	address := netip.MustParseAddrPort(listener.Addr().String())
	check := httpCheck(address)
	check.Expect.Body = "proto HTTP/1.1 encoding ."
	wantResult(t, run(t, check, address), healthy)
}

func TestHTTPProxyOfEnvironmentIsNotUsed(t *testing.T) {
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	server := serve(t, reply("HTTP/1.1 200 OK\r\n\r\n"))
	wantResult(t, run(t, httpCheck(server), server), healthy)
}

// The side that closes first keeps the port in TIME_WAIT, but not with a reset.
func TestHTTPClosesWithoutTimeWait(t *testing.T) {
	end := make(chan error, 1)
	server := serve(t, func(conn net.Conn) {
		reply(fine)(conn)
		_, err := io.Copy(io.Discard, conn)
		end <- err
	})
	wantResult(t, run(t, httpCheck(server), server), healthy)
	if err := <-end; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server's connection ended with %v", err)
	}
}

func TestHTTPTimeouts(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, test := range map[string]struct{ said, want string }{
		"nothing":      {"", "no answer within 500ms"},
		"some headers": {ok + "A: b\r\n", "no complete answer within 500ms"},
		"some body":    {ok + "\r\no", "no complete answer within 500ms"},
		"few bytes":    {"HT", "no complete answer within 500ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, say(test.said))
			check := httpCheck(server)
			check.Expect.Body = "ok"
			wantTimeout(t, check, server, test.want)
		})
	}
}
