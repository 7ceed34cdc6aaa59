package test_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"
)

// operated is a zone whose process has settings, and what a test adds to it.
func operated(settings, lines string) string {
	return zone("failover {\n" + settings + "\n}\n" + lines)
}

// steerable are the settings of a process that is steered: its admin has tokens,
// and a port that the kernel gives.
const steerable = `
    admin {$IP}:0 {
        token_file {$TOKENS}
    }
`

// The tokens of operateTokens, by what they are good for.
const (
	tokenToRead  = "operate-test-token-of-role-read"
	tokenToDrain = "operate-test-token-of-role-drain"
	tokenToAll   = "operate-test-token-of-role-all"
	tokenToBeat  = "operate-test-token-of-role-heartbeat"
)

// operateTokens writes a token file, which is {$TOKENS}.
func operateTokens(t testing.TB) vars {
	t.Helper()
	return vars{"TOKENS": writeFile(t, "tokens", `# ROLE TOKEN NAME
read      `+tokenToRead+`  grafana
drain     `+tokenToDrain+` deployments
all       `+tokenToAll+`   oncall
heartbeat `+tokenToBeat+`  backup-job
`)}
}

// adminLine is what the log says of an admin that listens.
var adminLine = regexp.MustCompile(`admin: (https?://[0-9.]+:[0-9]+)/$`)

// admins returns where admins have listened since the start, the last one last.
func (s *server) admins() []string {
	var found []string
	for _, line := range s.log.find("plugin/failover: admin: http") {
		if m := adminLine.FindStringSubmatch(line); m != nil {
			found = append(found, m[1])
		}
	}
	return found
}

// operator speaks to an admin, with a token where it has one.
type operator struct {
	base, token string
}

// operator is one with all rights, at the admin that listens now.
func (s *server) operator(t testing.TB) operator {
	t.Helper()
	all := s.admins()
	if len(all) == 0 {
		t.Fatal("the log does not say where the admin listens")
	}
	return operator{all[len(all)-1], tokenToAll}
}

// with is the operator with another token.
func (o operator) with(token string) operator { return operator{o.base, token} }

// reply is what an admin answers.
type reply struct {
	code   int
	header http.Header
	body   string
}

// attempt sends a request; a body that is not nil is sent as JSON.
func (o operator) attempt(method, path string, body any) (reply, error) {
	var text io.Reader = http.NoBody
	if body != nil {
		written, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		text = bytes.NewReader(written)
	}
	request, err := http.NewRequest(method, o.base+path, text)
	if err != nil {
		return reply{}, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if o.token != "" {
		request.Header.Set("Authorization", "Bearer "+o.token)
	}
	client := http.Client{
		Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(read)}, err
}

// do is attempt where there must be an answer.
func (o operator) do(t testing.TB, method, path string, body any) reply {
	t.Helper()
	r, err := o.attempt(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mustDo is do where the answer must be a JSON value, which is put into v.
func (o operator) mustDo(t testing.TB, method, path string, body, v any) {
	t.Helper()
	r := o.do(t, method, path, body)
	if r.code != http.StatusOK {
		t.Fatalf("%s %s: status %d: %s", method, path, r.code, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, r.body)
	}
}

func (o operator) overview(t testing.TB) (v status.Overview) {
	t.Helper()
	o.mustDo(t, http.MethodGet, "/v1/status", nil, &v)
	return v
}

func (o operator) record(t testing.TB, id string) (v status.Record) {
	t.Helper()
	o.mustDo(t, http.MethodGet, "/v1/records/"+id, nil, &v)
	return v
}

// act does what an operator asks for on www.example.org.
func (o operator) act(t testing.TB, verb string, a status.Action) (v status.Record) {
	t.Helper()
	o.mustDo(t, http.MethodPost, "/v1/records/www.example.org/"+verb, a, &v)
	return v
}

// mustKeepSecret fails where a secret is in the log, in the metrics or in what
// the admin shows to whoever may see most.
func (s *server) mustKeepSecret(t testing.TB, o operator, secrets ...string) {
	t.Helper()
	_, metrics := s.get(t, "METRICS", "/metrics")
	shown := map[string]string{"the log": s.log.String(), "/metrics": metrics}
	for _, path := range []string{
		"/", "/v1/status", "/v1/records", "/v1/records/www.example.org", "/v1/records/www.example.org/explain",
		"/v1/openapi.json", "/v1/records/none.example.org", "/v1/none", "/record/www.example.org",
	} {
		for who, token := range map[string]string{"all": tokenToAll, "read": tokenToRead, "nobody": "", "a stranger": "operate-test-wrong-token"} {
			shown["GET "+path+" by "+who] = o.with(token).do(t, http.MethodGet, path, nil).body
		}
	}
	for where, text := range shown {
		for _, secret := range append(slices.Clone(secrets), "operate-test-wrong-token") {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows the secret %q", where, secret)
			}
		}
	}
}

// operateTokenList is all tokens that are secret.
var operateTokenList = []string{tokenToRead, tokenToDrain, tokenToAll, tokenToBeat}

// mustBeOnly compares counts by state without those that are 0.
func mustBeOnly(t testing.TB, got map[string]int, want map[string]int) {
	t.Helper()
	got = maps.Clone(got)
	maps.DeleteFunc(got, func(_ string, n int) bool { return n == 0 })
	if !maps.Equal(got, want) {
		t.Errorf("the records are %v, want %v", got, want)
	}
}
