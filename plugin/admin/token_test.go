package admin_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/admin"
)

func TestTokenFileErrors(t *testing.T) {
	const good = "all good-token-0123456789\n"
	for text, want := range map[string]string{
		"# none\n\n":                                        `: no token stands here; write lines of "ROLE TOKEN [NAME]"`,
		good + "all":                                        `:2: 1 words stand here; write "ROLE TOKEN [NAME]"`,
		good + "all a b c":                                  `:2: 4 words stand here; write "ROLE TOKEN [NAME]"`,
		wrongToken + " all":                                 ":1: the first word is no role; write read, drain, all or heartbeat",
		"ALL " + wrongToken:                                 ":1: the first word is no role; write read, drain, all or heartbeat",
		"all fifteen-bytes..":                               ":1: the token has 15 bytes; write 16..4096",
		"all \"" + wrongToken:                               ":1: the token has other signs than letters, digits and -._~+/=",
		"all " + wrongToken + "\u00df":                      ":1: the token has other signs than letters, digits and -._~+/=",
		good + "# again\nread good-token-0123456789":        ":3: the token stands in a line above already",
		"all " + wrongToken + " a\x1b[2J":                   ":1: the name is for the log; write up to 64 letters, digits and signs",
		"all " + wrongToken + " " + strings.Repeat("x", 65): ":1: the name is for the log; write up to 64 letters, digits and signs",
		strings.Repeat("# full\n", 1<<20/7+1):               "more than 1048576 bytes",
	} {
		c := setup{tokens: text}.config(t, &source{}, &lines{})
		s, err := admin.Listen(c)
		if s != nil {
			s.Close()
		}
		if err == nil || !strings.HasSuffix(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), "admin 127.0.0.1:0: token_file "+c.Settings.TokenFile+":") {
			t.Errorf("%.40q: %v", text, err)
		} else if strings.Contains(err.Error(), wrongToken) {
			t.Errorf("%.40q: a token is shown: %v", text, err)
		}
	}
}

// rotating is a server that looks at its token file for every request.
func rotating(t *testing.T) (s *server, file string) {
	t.Helper()
	logged := &lines{}
	c := public.config(t, &source{}, logged)
	s = startWith(t, c, admin.Limits{Stat: time.Nanosecond})
	s.logged = logged
	return s, c.Settings.TokenFile
}

func TestTokensRotate(t *testing.T) {
	s, file := rotating(t)
	const fresh = "fresh-token-0123456789"
	s.get("/v1/status", bearer(readToken)).wants(t, http.StatusOK)
	s.get("/v1/status", bearer(fresh)).wants(t, http.StatusUnauthorized)

	write(t, file, "read "+fresh)
	s.get("/v1/status", bearer(fresh)).wants(t, http.StatusOK)
	s.get("/v1/status", bearer(readToken)).wants(t, http.StatusUnauthorized)

	// A bad version changes nothing, and is logged once.
	for _, bad := range []string{"", "root " + wrongToken} {
		write(t, file, bad)
		for range 3 {
			s.get("/v1/status", bearer(fresh)).wants(t, http.StatusOK)
			s.get("/v1/status", bearer(wrongToken)).wants(t, http.StatusUnauthorized)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.get("/v1/status", bearer(fresh)).wants(t, http.StatusOK)
	}
	got := s.logged.String()
	for _, once := range []string{"no token stands here", ":1: the first word is no role", "no such file"} {
		if strings.Count(got, once) != 1 {
			t.Errorf("not logged once: %q in\n%s", once, got)
		}
	}
	if strings.Contains(got, fresh) || strings.Contains(got, wrongToken) {
		t.Errorf("a token is shown:\n%s", got)
	}

	write(t, file, tokenText)
	s.get("/v1/status", bearer(readToken)).wants(t, http.StatusOK)
	s.get("/v1/status", bearer(fresh)).wants(t, http.StatusUnauthorized)
}
