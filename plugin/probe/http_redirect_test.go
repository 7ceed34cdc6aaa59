package probe_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
)

const fine = "HTTP/1.1 200 OK\r\n\r\n"

func moved(status int, location string) string {
	return fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\n\r\n", status, location)
}

// site answers each path with a text of its own, and records what it was asked.
// PORT is its port, in both.
func site(r *recorder, pages map[string]string) func(net.Conn) {
	return func(conn net.Conn) {
		request := readRequest(conn)
		if request == nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
		r.requests = append(r.requests, fmt.Sprintf("%s %s %s %s", request.Method,
			strings.Replace(request.Host, ":"+port, ":PORT", 1), request.URL, request.Header.Get("X-Secret")))
		io.WriteString(conn, strings.ReplaceAll(pages[request.URL.Path], "PORT", port))
	}
}

func following(server netip.AddrPort) model.Check {
	check := httpCheck(server)
	check.Request.FollowRedirects = true
	check.Request.Header = "X-Secret: s\r\n"
	return check
}

func TestRedirects(t *testing.T) {
	for name, test := range map[string]struct {
		method   string
		status   int
		location string
		asked    string
		want     string
	}{
		"relative":         {"GET", 302, "/login?a=b", "GET www.example.org:PORT /login?a=b s", healthy},
		"to the directory": {"GET", 307, "login", "GET www.example.org:PORT /login s", healthy},
		"whole URL":        {"GET", 301, "http://www.example.org/login", "GET www.example.org:PORT /login s", healthy},
		"other case":       {"GET", 301, "http://WWW.Example.Org:80/login", "GET www.example.org:PORT /login s", healthy},
		"port listened on": {"GET", 301, "http://www.example.org:PORT/login", "GET www.example.org:PORT /login s", healthy},
		"space":            {"GET", 302, "/login?a b", "GET www.example.org:PORT /login?a%20b s", healthy},
		"head":             {"HEAD", 303, "/login", "HEAD www.example.org:PORT /login s", healthy},
		"post":             {"POST", 302, "/login", "GET www.example.org:PORT /login s", healthy},
		"post kept":        {"POST", 308, "/login", "POST www.example.org:PORT /login s", healthy},
		"without location": {"GET", 302, "", "", healthy},
		"not modified":     {"GET", 304, "/login", "", healthy},
		"other scheme":     {"GET", 302, "ftp://a/", "", `redirect to "ftp://a/", which is no http or https URL`},
		"no URL":           {"GET", 302, "http://[/", "", `redirect to "http://[/", which is no http or https URL`},
		"path escape":      {"GET", 302, "/%zz", "", `redirect to "/%zz", which is no http or https URL`},
		"no host":          {"GET", 302, "http:///x", "", `redirect to "http:///x", which is no http or https URL`},
		"wrong there":      {"GET", 302, "/bad", "GET www.example.org:PORT /bad s", `redirected to "http://www.example.org/bad": status 500, want 200-399`},
		"no port there":    {"GET", 302, "http://a:99999/", "", `redirected to "http://a:99999/": cannot connect: address 99999: invalid port`},
		"no host there":    {"GET", 302, "http://no..such/", "", `redirected to "http://no..such/": no such host "no..such"`},
	} {
		t.Run(name, func(t *testing.T) {
			var asked recorder
			server := serve(t, site(&asked, map[string]string{
				"/":      moved(test.status, test.location),
				"/login": fine,
				"/bad":   "HTTP/1.1 500 Oh\r\n\r\n",
			}))
			check := following(server)
			check.Request.Method = test.method
			wantResult(t, run(t, check, server), test.want)
			if got := strings.Join(asked.all()[1:], ", "); got != test.asked {
				t.Errorf("then asked for %q, want %q", got, test.asked)
			}
		})
	}
}

func TestRedirectLoop(t *testing.T) {
	var asked recorder
	server := serve(t, site(&asked, map[string]string{"/": moved(302, "/")}))
	wantResult(t, run(t, following(server), server), "more than 10 redirects")
	if n := len(asked.all()); n != 11 {
		t.Errorf("%d requests, want 11", n)
	}
}

func TestTenRedirects(t *testing.T) {
	var asked recorder
	pages := map[string]string{"/10": fine, "/": moved(302, "/1")}
	for i := 1; i < 10; i++ {
		pages[fmt.Sprintf("/%d", i)] = moved(302, fmt.Sprintf("/%d", i+1))
	}
	server := serve(t, site(&asked, pages))
	wantResult(t, run(t, following(server), server), healthy)
}

// Own headers go to the check's own origin, whichever way the probe gets there.
func TestRedirectToOtherOrigins(t *testing.T) {
	var asked, askedOther recorder
	other := serve(t, func(conn net.Conn) {
		site(&askedOther, map[string]string{
			"/":     fine,
			"/back": moved(302, "http://www.example.org/"),
		})(conn)
	})
	first := serve(t, site(&asked, map[string]string{
		"/":     fine,
		"/port": moved(302, fmt.Sprintf("http://www.example.org:%d/", other.Port())),
		"/name": moved(302, fmt.Sprintf("http://localhost:%d/", other.Port())),
		"/back": moved(302, fmt.Sprintf("http://127.0.0.1:%d/back", other.Port())),
	}))
	for path, test := range map[string]struct{ other, own string }{
		// The target's address, though the name is one that no resolver knows.
		"/port": {"GET www.example.org:PORT / ", "GET www.example.org:PORT /port s"},
		"/name": {"GET localhost:PORT / ", "GET www.example.org:PORT /name s"},
		"/back": {
			"GET 127.0.0.1:PORT /back ",
			"GET www.example.org:PORT /back s, GET www.example.org:PORT / s",
		},
	} {
		t.Run(path, func(t *testing.T) {
			asked.requests, askedOther.requests = nil, nil
			check := following(first)
			check.Request.Path = path
			wantResult(t, run(t, check, first), healthy)
			if got := strings.Join(askedOther.all(), ", "); got != test.other {
				t.Errorf("asked the other for %q, want %q", got, test.other)
			}
			if got := strings.Join(asked.all(), ", "); got != test.own {
				t.Errorf("asked for %q, want %q", got, test.own)
			}
		})
	}
}

func TestRedirectToHTTPS(t *testing.T) {
	var got recorder
	secure := serve(t, overTLS(with(system.issue(nil)), got.handle(fine)))
	location := fmt.Sprintf("https://www.example.org:%d/", secure.Port())
	server := serve(t, reply(moved(301, location)))

	check := following(server)
	check.TLS.CAFile = system.file(t)
	check.TLS.ServerName = "elsewhere.example.org" // of the check's own origin only
	wantResult(t, run(t, check, server), healthy)
	if request := got.all()[0]; strings.Contains(request, "X-Secret") {
		t.Errorf("own headers went to https: %q", request)
	}

	server = serve(t, reply(moved(301, fmt.Sprintf("https://localhost:%d/", secure.Port()))))
	check.Port = server.Port()
	wantResult(t, run(t, check, server), fmt.Sprintf(
		`redirected to "https://localhost:%d/": certificate is for "www.example.org", not "localhost"`, secure.Port()))
}

func TestRedirectToHTTP(t *testing.T) {
	plain := serve(t, reply(fine))
	location := fmt.Sprintf("http://www.example.org:%d/", plain.Port())
	server := serve(t, overTLS(with(system.issue(nil)), reply(moved(301, location))))
	check := following(server)
	check.Type = model.HTTPS
	wantResult(t, run(t, check, server), healthy)
}
