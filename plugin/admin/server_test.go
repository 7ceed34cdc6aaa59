package admin_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/internal/leak"
	"github.com/coredns-failover/failover/plugin/admin"
	"github.com/coredns-failover/failover/plugin/model"
)

func TestMain(m *testing.M) { os.Exit(leak.Main(m)) }

// The tokens of the tests, and their file.
const (
	readToken  = "read-token-0123456789"
	drainToken = "drain-token-0123456789"
	allToken   = "all-token-0123456789"
	beatToken  = "beat-token-0123456789"
	wrongToken = "wrong-token-0123456789"

	tokenText = "# who may what\n\n" +
		"read      " + readToken + " monitoring\n" +
		"drain     " + drainToken + " deployer\n" +
		"all       " + allToken + " jane\n" +
		"heartbeat " + beatToken + "\n"
)

// server is one under test.
type server struct {
	*admin.Server
	t      testing.TB
	source *source
	logged *lines
	url    string
	client *http.Client
}

// lines is a log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) log(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fmt.Sprintf(format, args...))
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

// setup is how a server under test differs from others.
type setup struct {
	addr   string // "127.0.0.1:0" where empty
	tokens string // a text; none where empty
	web    string // a file
	limits admin.Limits
}

// local and public are the two kinds of listeners.
var (
	local  = setup{tokens: tokenText}
	public = setup{tokens: tokenText, addr: "0.0.0.0:0"}
)

// config returns what setup means. Whatever the address, it is bound on
// loopback.
func (s setup) config(t testing.TB, from *source, logged *lines) admin.Config {
	t.Helper()
	settings := model.Admin{Addr: s.addr, WebConfig: s.web}
	if s.addr == "" {
		settings.Addr = "127.0.0.1:0"
	}
	if s.tokens != "" {
		settings.TokenFile = write(t, filepath.Join(t.TempDir(), "tokens"), s.tokens)
	}
	return admin.Config{
		Settings: settings, Source: from, Log: logged.log,
		Listen: func(network, _ string) (net.Listener, error) { return net.Listen(network, "127.0.0.1:0") },
	}
}

func start(t testing.TB, how setup) *server {
	t.Helper()
	from, logged := &source{}, &lines{}
	s := startWith(t, how.config(t, from, logged), how.limits)
	s.source, s.logged = from, logged
	return s
}

func startWith(t testing.TB, c admin.Config, l admin.Limits) *server {
	t.Helper()
	s, err := admin.ListenWith(c, l)
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(s.Close)
	return &server{Server: s, t: t, url: "http://" + s.Addr().String(), client: newClient(t, &http.Transport{})}
}

// newClient returns one that follows no redirect, and finds answers that are not
// as described.
func newClient(t testing.TB, transport *http.Transport) *http.Client {
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     described{t, transport},
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reply is a response that was read.
type reply struct {
	code   int
	header http.Header
	body   string
}

// option changes a request.
type option func(*http.Request)

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func bearer(token string) option { return header("Authorization", "Bearer "+token) }

func cookie(token string) option {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "failover_token", Value: token}) }
}

func host(name string) option { return func(r *http.Request) { r.Host = name } }

func none(*http.Request) {}

func (s *server) request(method, path, body string, options ...option) *http.Request {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost && strings.HasPrefix(path, "/v1/") {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, change := range options {
		change(r)
	}
	return r
}

func (s *server) do(method, path, body string, options ...option) reply {
	s.t.Helper()
	resp, err := s.client.Do(s.request(method, path, body, options...))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return reply{code: resp.StatusCode, header: resp.Header}
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

func (s *server) get(path string, options ...option) reply {
	s.t.Helper()
	return s.do(http.MethodGet, path, "", options...)
}

func (s *server) post(path, body string, options ...option) reply {
	s.t.Helper()
	return s.do(http.MethodPost, path, body, options...)
}

// wants fails the test where the reply is not such.
func (r reply) wants(t testing.TB, code int, parts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("status %d, want %d: %s", r.code, code, r.body)
	}
	for _, part := range parts {
		if !strings.Contains(r.body, part) {
			t.Errorf("the body has no %q: %s", part, r.body)
		}
	}
}

// write puts a file in place at once, as a new one.
func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}
