package api

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

// names is a resolver that knows some names.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	var found []netip.Addr
	for _, text := range n[host] {
		found = append(found, netip.MustParseAddr(text))
	}
	if found == nil {
		return nil, errors.New("no such host")
	}
	return found, nil
}

// connectTests: what --server is given, and the servers it stands for.
var connectTests = []struct {
	server, base string
	names        string
}{
	{"http://dns1.example.org:8080", "http://dns1.example.org:8080", "dns1.example.org:8080"},
	{"https://dns1.example.org/failover", "https://dns1.example.org:443/failover", "dns1.example.org:443"},
	{"http://dns1.example.org", "http://dns1.example.org:80", "dns1.example.org:80"},
	{"dns1.example.org", "http://dns1.example.org:9191", "dns1.example.org:9191"},
	{"dns1.example.org:8080", "http://dns1.example.org:8080", "dns1.example.org:8080"},
	{"192.0.2.53", "http://192.0.2.53:9191", "192.0.2.53:9191"},
	{"2001:db8::53", "http://[2001:db8::53]:9191", "[2001:db8::53]:9191"},
	{"[2001:db8::53]:8080", "http://[2001:db8::53]:8080", "[2001:db8::53]:8080"},
	{"localhost", "http://localhost:9191", "localhost:9191"}, // one machine, both families
	{"headless", "http://headless:9191", "192.0.2.1:9191 192.0.2.2:9191"},
	{"https://dual:9191", "https://dual:9191", "192.0.2.1:9191 192.0.2.2:9191"},
	{"six", "http://six:9191", "[2001:db8::1]:9191 [2001:db8::2]:9191"},
	{"unknown", "http://unknown:9191", "unknown:9191"},
}

var resolver = names{
	"localhost": {"::1", "127.0.0.1"},
	"headless":  {"192.0.2.2", "192.0.2.1", "192.0.2.2"},
	"dual":      {"192.0.2.2", "2001:db8::2", "192.0.2.1", "2001:db8::1"},
	"six":       {"2001:db8::2", "2001:db8::1", "192.0.2.1"},
}

func TestConnect(t *testing.T) {
	for _, tt := range connectTests {
		replicas, err := Connect(t.Context(), resolver, []string{tt.server, tt.server}, Credentials{})
		if err != nil {
			t.Errorf("%s: %v", tt.server, err)
			continue
		}
		var got []string
		for _, c := range replicas {
			got = append(got, c.Name)
		}
		if strings.Join(got, " ") != tt.names || replicas[0].base.String() != tt.base {
			t.Errorf("%s: got %s at %s, want %s at %s", tt.server, got, replicas[0].base, tt.names, tt.base)
		}
	}
}

func TestConnectRefuses(t *testing.T) {
	for server, want := range map[string]string{
		"":                           `"" is no server; write it like`,
		"ftp://dns1.example.org":     `"ftp://dns1.example.org" is no server; write it like`,
		"dns1.example.org:port":      `"dns1.example.org:port" is no server; write it like`,
		"http://u:s3cret@dns1":       `"http://u:xxxxx@dns1" has more than a server has`,
		"http://dns1?token=s3cret#x": `has more than a server has`,
	} {
		if _, err := Connect(t.Context(), resolver, []string{server}, Credentials{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", server, err, want)
		}
	}
}

func TestMightiest(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"# nothing\n\n":                "",
		"s3cret\n":                     "s3cret",
		"# ours\n  s3cret  \nother":    "s3cret",
		"read v\ndrain o bob\n":        "o",
		"all o\ndrain x\nread v alice": "o",
		"strange s\n":                  "s",
		"strange s\nread v":            "v",
	} {
		if got := mightiest(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBadCredentials(t *testing.T) {
	tests := map[string]Credentials{
		"no such file":                {TokenFile: "/nowhere/token"},
		"there is no token in ":       {TokenFile: write(t, "\n")},
		"no such file or":             {CAFile: "/nowhere/ca"},
		"there is no certificate in":  {CAFile: write(t, "text")},
		"a certificate needs its key": {CertFile: "cert.pem"},
		"open /nowhere/cert":          {CertFile: "/nowhere/cert", KeyFile: "/nowhere/key"},
	}
	for want, c := range tests {
		if _, err := Connect(t.Context(), resolver, nil, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// serve returns a client of a handler.
func serve(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	replicas, err := Connect(t.Context(), resolver, []string{server.URL}, Credentials{TokenFile: write(t, "s3cret\n")})
	if err != nil {
		t.Fatal(err)
	}
	return replicas[0]
}

func TestProblems(t *testing.T) {
	tests := []struct {
		code        int
		media, body string
		want        string
	}{
		{404, "application/problem+json", `{"title": "Not Found", "status": 404, "detail": "no such record"}`, "no such record"},
		{409, "application/problem+json; charset=utf-8", `{"detail": "several", "candidates": ["a", "b"]}`, "several; it may be a, b"},
		{401, "application/problem+json", `{"title": "Unauthorized", "status": 200}`, "Unauthorized; give a token by --token-file or $FAILOVER_TOKEN, or a certificate by --cert"},
		{403, "text/html", "<p>no", `it replies with status "403 Forbidden"`},
		{500, "application/json", "{", `it replies with status "500 Internal Server Error"`},
		{302, "text/plain", "", `it replies with status "302 Found"`},
		{200, "text/html", "<p>hello", "its reply is not that of an admin API: invalid character '<' looking for beginning of value"},
	}
	for _, tt := range tests {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer s3cret" {
				t.Error("there is no token")
			}
			w.Header().Set("Content-Type", tt.media)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(tt.code)
			fmt.Fprint(w, tt.body)
		})
		if _, err := c.Overview(t.Context()); err == nil || err.Error() != tt.want {
			t.Errorf("%d: got %v, want %s", tt.code, err, tt.want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	over := make(chan struct{})
	c := serve(t, func(http.ResponseWriter, *http.Request) { <-over })
	defer close(over)
	results := Each(t.Context(), Replicas{c, c}, time.Millisecond, func(ctx context.Context, c *Client) (status.Overview, error) {
		return c.Overview(ctx)
	})
	for _, r := range results {
		if _, ok := errors.AsType[*Unreachable](r.Err); !ok || r.Err.Error() != "no reply in time" {
			t.Errorf("got %v", r.Err)
		}
	}
}

// A page that leads to itself does not go on forever.
func TestPagesEnd(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"records": [{"id": "a"}], "next": "a"}`)
	})
	if _, err := c.Records(t.Context(), status.Query{}); err == nil || err.Error() != `the page behind "a" is itself` {
		t.Errorf("got %v", err)
	}
}

// A server at one of several addresses is known by the name.
func TestTLSOfAHeadlessService(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"server": %q}`, r.Host)
	}))
	t.Cleanup(server.Close)
	ca := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())

	at := "https://example.com:" + port // which the certificate of httptest has
	several := names{"example.com": {"127.0.0.1", "127.0.0.9"}}
	replicas, err := Connect(t.Context(), several, []string{at}, Credentials{CAFile: ca})
	if err != nil || len(replicas) != 2 {
		t.Fatalf("got %d, %v", len(replicas), err)
	}
	if o, err := replicas[0].Overview(t.Context()); err != nil || o.Server != "example.com:"+port {
		t.Errorf("got %+v, %v", o, err)
	}
	if _, err := replicas[1].Overview(t.Context()); err == nil {
		t.Error("nobody is at 127.0.0.9")
	}
	replicas, _ = Connect(t.Context(), several, []string{at}, Credentials{CAFile: ca, ServerName: "other.example"})
	if _, err := replicas[0].Overview(t.Context()); err == nil || !strings.Contains(err.Error(), "other.example") {
		t.Errorf("got %v", err)
	}
}

func TestReadEvents(t *testing.T) {
	stream := ": a comment\n\n" +
		"event: transition\nid: 1\ndata: {\"name\":\ndata: \"a\"}\n\n" +
		"event: other\ndata: {\"name\": \"b\"}\n\n" +
		"data: {\"name\": \"c\"}\n\n" +
		"event:transition\ndata:{\"name\": \"d\"}\n\n" +
		"event: transition\n\n" +
		"event: transition\ndata: {\"name\": \"cut"
	var seen []string
	err := readEvents(strings.NewReader(stream), func(tr status.Transition) { seen = append(seen, tr.Name) })
	if err != nil || strings.Join(seen, " ") != "a d" {
		t.Errorf("got %q, %v", seen, err)
	}
	if err := readEvents(strings.NewReader("event: transition\ndata: x\n\n"), nil); err == nil {
		t.Error("no error")
	}
	if err := readEvents(strings.NewReader("data: "+strings.Repeat("x", maxEvent)), nil); err == nil {
		t.Error("no error")
	}
}
