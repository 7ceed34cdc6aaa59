package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// endpoint is a request that succeeds where it is permitted.
type endpoint struct {
	method, path, body string
	code               int
	roles              []string // that may send it
}

const because = `{"reason":"disks"}`

var endpoints = []endpoint{
	{"GET", "/v1/openapi.json", "", 200, []string{"read", "drain", "all"}},
	{"GET", "/v1/status", "", 200, []string{"read", "drain", "all"}},
	{"GET", "/v1/records", "", 200, []string{"read", "drain", "all"}},
	{"GET", "/v1/records/www.example.org", "", 200, []string{"read", "drain", "all"}},
	{"GET", "/v1/records/www.example.org/explain", "", 200, []string{"read", "drain", "all"}},
	{"GET", "/v1/events", "", 200, []string{"read", "drain", "all"}},
	{"GET", "/record?id=www.example.org", "", 200, []string{"read", "drain", "all"}},
	{"GET", "/nothing", "", 404, []string{"read", "drain", "all"}},
	{"POST", "/v1/records/www.example.org/drain", because, 200, []string{"drain", "all"}},
	{"POST", "/v1/records/www.example.org/clear", because, 200, []string{"drain", "all"}},
	{"POST", "/v1/records/www.example.org/force", `{"state":"healthy","reason":"disks"}`, 200, []string{"all"}},
	{"POST", "/v1/records/www.example.org/failback", because, 200, []string{"all"}},
	{"POST", "/v1/heartbeat/backup", "", 204, []string{"heartbeat", "all"}},
}

// credential is what a request is sent with, and the code that it gets where
// nothing is permitted to it.
type credential struct {
	name   string
	role   string // empty: none
	option option
	denied int
}

var credentials = []credential{
	{"none", "", none, 401},
	{"wrong", "", bearer(wrongToken), 401},
	{"empty", "", bearer(""), 401},
	{"prefix of a right one", "", bearer(allToken[:len(allToken)-1]), 401},
	{"other scheme", "", header("Authorization", "Digest "+allToken), 401},
	{"password", "", header("Authorization", "Basic YWxpY2U6ZmFrZXBhc3N3b3Jk"), 401},
	{"wrong cookie", "", cookie(wrongToken), 401},
	{"read", "read", bearer(readToken), 403},
	{"drain", "drain", bearer(drainToken), 403},
	{"all", "all", bearer(allToken), 403},
	{"all in small letters", "all", header("Authorization", "bearer "+allToken), 403},
	{"heartbeat", "heartbeat", bearer(beatToken), 403},
	{"read cookie", "read", cookie(readToken), 403},
	{"drain cookie", "drain", cookie(drainToken), 403},
	{"all cookie", "all", cookie(allToken), 403},
	{"heartbeat cookie", "heartbeat", cookie(beatToken), 403},
}

// TestEveryEndpointWithEveryCredential is what the server permits, on both kinds
// of listeners.
func TestEveryEndpointWithEveryCredential(t *testing.T) {
	for kind, how := range map[string]setup{"loopback": local, "public": public} {
		s := start(t, how)
		for _, e := range endpoints {
			for _, c := range credentials {
				t.Run(fmt.Sprint(kind, " ", e.method, e.path, " ", c.name), func(t *testing.T) {
					want := c.denied
					unasked := c.name == "none" || c.name == "wrong cookie"
					if slices.Contains(e.roles, c.role) || kind == "loopback" && e.method == "GET" && unasked {
						want = e.code
					}
					checkAccess(t, s, e, c, want)
				})
			}
		}
		checkNoSecret(t, s.logged.String())
	}
}

func checkAccess(t *testing.T, s *server, e endpoint, c credential, want int) {
	t.Helper()
	before := s.source.done()
	got := s.do(e.method, e.path, e.body, c.option)
	got.wants(t, want)
	if did, should := s.source.done() > before, e.method == "POST" && want < 300; did != should {
		t.Errorf("done: %t, want %t", did, should)
	}
	if challenge := got.header.Get("WWW-Authenticate"); (challenge != "") != (want == 401) {
		t.Errorf("WWW-Authenticate: %q", challenge)
	}
	checkNoSecret(t, got.body)
}

func checkNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{readToken, drainToken, allToken[:len(allToken)-1], beatToken, wrongToken} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret is shown: %s", text)
		}
	}
}

func TestNobodySteersWithoutTokens(t *testing.T) {
	s := start(t, setup{})
	s.get("/v1/status").wants(t, 200)
	for _, c := range []option{none, cookie(""), cookie(allToken)} {
		s.post("/v1/records/www.example.org/drain", because, c).wants(t, 401, "none is configured; add a token_file")
	}
	s.post("/v1/records/www.example.org/drain", because, bearer(allToken)).wants(t, 401, "the credential is wrong")
	s.post("/session", "token="+allToken, form).wants(t, 401)
	if s.source.done() > 0 {
		t.Error("something was done")
	}
}

// TestPageIsAFormForStrangers: the page itself says what else there is to see.
func TestPageIsAFormForStrangers(t *testing.T) {
	s := start(t, public)
	stranger := s.get("/")
	if stranger.code != 401 || !strings.Contains(stranger.body, "<form") || strings.Contains(stranger.body, "www.example.org") {
		t.Errorf("%d %s", stranger.code, stranger.body)
	}
	s.get("/", bearer(beatToken)).wants(t, 401)
	s.get("/", bearer(wrongToken)).wants(t, 401)
	s.get("/", cookie(readToken)).wants(t, 200, "www.example.org", "monitoring")
	start(t, local).get("/").wants(t, 200, "www.example.org")
}

func TestFailedCredentialsAreLoggedOnceASecond(t *testing.T) {
	s := start(t, public)
	for range 50 {
		s.get("/v1/status", bearer(wrongToken))
	}
	n := strings.Count(s.logged.String(), "sent a wrong credential (GET /v1/status)")
	if n < 1 || n > 25 {
		t.Errorf("%d lines were logged", n)
	}
}

var form = header("Content-Type", "application/x-www-form-urlencoded")

func TestSession(t *testing.T) {
	s := start(t, public)
	got := s.post("/session", "token="+drainToken, form)
	got.wants(t, 303)
	set, err := http.ParseSetCookie(got.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	if got.header.Get("Location") != "/" || set.Name != "failover_token" || set.Value != drainToken || !set.HttpOnly ||
		set.SameSite != http.SameSiteStrictMode || set.Path != "/" || set.Secure || set.MaxAge != 0 {
		t.Errorf("%+v", set)
	}
	s.get("/v1/status", cookie(set.Value)).wants(t, 200)

	for _, gone := range []reply{s.post("/session", "token=", form), s.do("DELETE", "/session", "")} {
		if set, err := http.ParseSetCookie(gone.header.Get("Set-Cookie")); err != nil || set.MaxAge >= 0 || set.Value != "" {
			t.Errorf("%+v %v", set, err)
		}
	}
	for body, code := range map[string]int{
		"token=" + wrongToken: 401, "token=" + beatToken: 403, "other=1": 400, "token=a&token=b": 400, "token=%": 400,
		"token=" + strings.Repeat("x", 64<<10): 413,
	} {
		got := s.post("/session", body, form)
		if got.wants(t, code); got.header.Get("Set-Cookie") != "" {
			t.Errorf("%.40s sets a cookie", body)
		}
	}
	s.post("/session", `{"token":"x"}`, header("Content-Type", "application/json")).wants(t, 400)
	checkNoSecret(t, s.logged.String())
}
