package admin_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/admin"
	"github.com/coredns-failover/failover/plugin/status"
)

func TestHostOfALoopbackListener(t *testing.T) {
	s, open := start(t, local), start(t, public)
	for name, ok := range map[string]bool{
		"localhost": true, "localhost:9191": true, "127.0.0.1": true, "127.0.0.1:9191": true, "[::1]": true,
		"[::1]:9191": true, "127.9.9.9": true,
		"example.org": false, "example.org:9191": false, "localhost.example.org": false, "192.0.2.1": false,
		"127.0.0.1.example.org": false, "localhost:1:2": false,
	} {
		want := http.StatusMisdirectedRequest
		if ok {
			want = http.StatusOK
		}
		s.get("/v1/status", host(name)).wants(t, want)
		s.get("/v1/status", host(name), bearer(readToken)).wants(t, want)
		s.get("/", host(name)).wants(t, want)
		open.get("/v1/status", host(name), bearer(readToken)).wants(t, http.StatusOK)
	}
}

func TestOtherSitesCanNotSteer(t *testing.T) {
	s := start(t, local)
	drain := "/v1/records/www.example.org/drain"
	foreign := []option{
		header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Site", "same-site"),
		header("Origin", "https://example.org"), header("Origin", "null"),
	}
	for _, other := range foreign {
		s.post(drain, because, cookie(allToken), other).wants(t, 403, "a page of another site asked for this")
		s.post("/session", "token="+readToken, form, other).wants(t, 403)
		s.do("DELETE", "/session", "", other).wants(t, 403)
	}
	if s.source.done() > 0 {
		t.Error("something was done")
	}
	for _, own := range []option{none, header("Sec-Fetch-Site", "same-origin"), header("Origin", s.url)} {
		s.post(drain, because, cookie(allToken), own).wants(t, 200)
	}
}

func TestBrowsersAreToldWhatToExpect(t *testing.T) {
	s := start(t, local)
	for _, path := range []string{"/", "/v1/status", "/v1/events", "/nothing", "/v1/status?x=1"} {
		got := s.get(path).header
		for name, want := range map[string]string{
			"Content-Security-Policy":      "default-src 'none'",
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Referrer-Policy":              "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Cache-Control":                "no-store",
		} {
			if !strings.Contains(got.Get(name), want) {
				t.Errorf("%s: %s: %q", path, name, got.Get(name))
			}
		}
		if got.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s is for other sites", path)
		}
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	s := start(t, local)
	s.source.overview = func() status.Overview { panic("no overview") }
	s.get("/v1/status").wants(t, 500, "its log says why")
	if got := s.logged.String(); !strings.Contains(got, "admin: GET /v1/status: panic: no overview") {
		t.Errorf("logged: %s", got)
	}
	s.get("/v1/records").wants(t, 200)
}

// TestPanicCutsWhatHasBegun: half of an answer must not look like one.
func TestPanicCutsWhatHasBegun(t *testing.T) {
	s := start(t, local)
	s.Handle("GET /half", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half of an")
		panic(http.ErrAbortHandler)
	})
	resp, err := http.Get(s.url + "/half")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("it looks like an answer")
	}
	if got := s.logged.String(); got != "" {
		t.Errorf("logged: %s", got)
	}
	http.DefaultClient.CloseIdleConnections()
}

// raw sends text, and returns what comes back until the server ends the
// connection.
func (s *server) raw(text string) string {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatal("the server waits for ever")
	}
	return string(got)
}

func TestSlowClientsAreLeft(t *testing.T) {
	s := start(t, setup{limits: admin.Limits{Header: 50 * time.Millisecond}})
	s.raw("")
	s.raw("GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-")
	s = start(t, setup{tokens: tokenText, limits: admin.Limits{Read: 100 * time.Millisecond}})
	got := s.raw("POST /v1/records/www.example.org/drain HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
		"Authorization: Bearer " + allToken + "\r\nContent-Length: 100\r\n\r\n{")
	if !strings.HasPrefix(got, "HTTP/1.1 400 ") {
		t.Error(got)
	}
	if s.source.done() > 0 {
		t.Error("something was done")
	}
}

func TestOddRequests(t *testing.T) {
	s := start(t, local)
	const end = " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
	for line, want := range map[string]string{
		"OPTIONS *" + end:                 "404",
		"CONNECT example.org:1" + end:     "421",
		"GET /v1/status HTTP/1.0\r\n\r\n": "421",
		"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n": "431",
	} {
		if got := s.raw(line); !strings.HasPrefix(got, "HTTP/1.1 "+want) && !strings.HasPrefix(got, "HTTP/1.0 "+want) {
			t.Errorf("%.60q: %.60q", line, got)
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := start(t, setup{limits: admin.Limits{Connections: 1}})
	first, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(first, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if line, err := bufio.NewReader(first).ReadString('\n'); err != nil || line != "HTTP/1.1 200 OK\r\n" {
		t.Fatal(line, err)
	}
	second, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	fmt.Fprint(second, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
	second.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := second.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes for a second connection", n)
	}
	first.Close()
	second.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := second.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
