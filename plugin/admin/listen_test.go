package admin_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/admin"
)

const steerable = `whoever reaches this address could steer; add "token_file PATH", or a "web_config PATH" ` +
	"that verifies client certificates, or listen on 127.0.0.1"

func TestListenRefusesWhatAnybodyCouldSteer(t *testing.T) {
	dir := t.TempDir()
	withUsers := write(t, filepath.Join(dir, "users.yml"), "basic_auth_users:\n  alice: "+fakePassword+"\n")
	for addr, ok := range map[string]bool{
		"127.0.0.1:0": true, "127.8.9.1:0": true, "[::1]:0": true, "localhost:0": true, "[::ffff:127.0.0.1]:0": true,
		":9191": false, "0.0.0.0:0": false, "[::]:0": false, "192.0.2.1:0": false, "example.org:0": false,
		"localhost.example.org:0": false,
	} {
		for _, web := range []string{"", withUsers} {
			s, err := admin.Listen(setup{addr: addr, web: web}.config(t, &source{}, &lines{}))
			if ok && err != nil || !ok && (err == nil || err.Error() != "admin "+addr+": "+steerable) {
				t.Errorf("%s: %v", addr, err)
			}
			if err == nil {
				s.Close()
			}
		}
	}
}

func TestListenTrustsTheSocketAboutLoopback(t *testing.T) {
	c := setup{addr: "localhost:0"}.config(t, &source{}, &lines{})
	c.Listen = func(network, _ string) (net.Listener, error) { return net.Listen(network, "0.0.0.0:0") }
	_, err := admin.Listen(c)
	if err == nil || !strings.Contains(err.Error(), "which is no loopback address; listen on 127.0.0.1") {
		t.Error(err)
	}
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string { return write(t, filepath.Join(dir, name), text) }
	missing := filepath.Join(dir, "missing")
	for name, c := range map[string]struct {
		how  setup
		want string
	}{
		"no port":        {setup{addr: "127.0.0.1"}, "this is no address; write HOST:PORT, such as 127.0.0.1:9191"},
		"no web config":  {setup{web: missing}, "web_config " + missing + ": open " + missing},
		"no certificate": {setup{web: file("c", "tls_server_config: {cert_file: x, key_file: y}")}, "failed to read cert_file"},
		"unknown key":    {setup{web: file("u", "tls: 1")}, "field tls not found"},
		"bad client auth": {
			setup{web: file("a", "tls_server_config: {client_auth_type: VerifyClientCertIfGiven}")}, "missing one of cert",
		},
		"secret in a wrong line": {setup{web: file("s", "basic_auth_users: "+wrongToken)}, "(a value)"},
		"short token":            {setup{tokens: "read short"}, "tokens:1: the token has 5 bytes; write 16..4096"},
	} {
		_, err := admin.Listen(c.how.config(t, &source{}, &lines{}))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "admin 127.0.0.1") {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), wrongToken) {
			t.Errorf("%s: a secret is shown: %v", name, err)
		}
	}
}

func TestListenReportsTheSocketsError(t *testing.T) {
	c := local.config(t, &source{}, &lines{})
	c.Listen = func(string, string) (net.Listener, error) { return nil, errors.New("address in use") }
	if _, err := admin.Listen(c); err == nil || err.Error() != "admin 127.0.0.1:0: address in use" {
		t.Error(err)
	}
	c.Settings.TokenFile = filepath.Join(t.TempDir(), "missing")
	if _, err := admin.Listen(c); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestCloseOfAServerThatNeverServed(t *testing.T) {
	s, err := admin.Listen(local.config(t, &source{}, &lines{}))
	if err != nil {
		t.Fatal(err)
	}
	s.Publish(transition(1))
	s.Close()
	s.Close()
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("the socket is still there")
	}
}

func TestServeSaysThatTokensCanBeRead(t *testing.T) {
	s := start(t, public)
	if got := s.logged.String(); !strings.Contains(got, "tokens cross the network for all to read; add a web_config") {
		t.Errorf("logged: %s", got)
	}
	if got := start(t, local).logged.String(); got != "" {
		t.Errorf("logged: %s", got)
	}
}

func TestServeReportsItsEnd(t *testing.T) {
	web := write(t, filepath.Join(t.TempDir(), "web.yml"), "")
	s, logged := &source{}, &lines{}
	srv, err := admin.Listen(setup{web: web}.config(t, s, logged))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	if err := os.Remove(web); err != nil {
		t.Fatal(err)
	}
	srv.Serve()
	eventually.True(t, "a line in the log", func() bool { return strings.Contains(logged.String(), "serves no longer: open") })
}

func TestServerSurvivesABadWebConfig(t *testing.T) {
	web := write(t, filepath.Join(t.TempDir(), "web.yml"), "")
	s := start(t, setup{web: web})
	s.get("/v1/status").wants(t, http.StatusOK)
	write(t, web, "basic_auth_users: "+wrongToken)
	s.client.Transport = s.client.Transport.(described).next // the toolkit answers by itself
	s.get("/v1/status").wants(t, http.StatusInternalServerError)
	if got := s.logged.String(); !strings.Contains(got, "Unable to parse configuration") || strings.Contains(got, wrongToken) {
		t.Errorf("logged: %s", got)
	}
	write(t, web, "")
	s.get("/v1/status").wants(t, http.StatusOK)
}
