package admin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
)

// FuzzAPI: whatever is sent, the server lives, answers as described, and does
// nothing for whoever has no credential that permits it.
func FuzzAPI(f *testing.F) {
	for _, e := range endpoints {
		for sent := range uint8(4) {
			f.Add(e.method, e.path, e.body, "Content-Type: application/json", sent)
		}
	}
	f.Add("POST", "/session", "token="+allToken, "Content-Type: application/x-www-form-urlencoded", uint8(0))
	f.Add("GET", "/v1/records/a%2Fb/explain?down=x&client=::1", "", "Host: 127.0.0.1\nOrigin: null", uint8(1))
	f.Add("POST", "/v1/records/www.example.org/force", `{"state":"healthy"}`, "Cookie: failover_token=x", uint8(2))

	servers := []*server{start(f, local), start(f, public)}
	for _, s := range servers {
		s.source.sound = true
	}
	f.Fuzz(func(t *testing.T, method, path, body, headers string, sent uint8) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // streams end at once
		token := []string{"", readToken, beatToken, allToken}[sent%4]
		for _, s := range servers {
			r, ok := fuzzedRequest(method, path, body, headers)
			if !ok {
				t.Skip()
			}
			if token != "" {
				bearer(token)(r)
			}
			before := s.source.done()
			got := httptest.NewRecorder()
			s.Handler().ServeHTTP(got, r.WithContext(ctx))
			checkFuzzed(t, s, r, got, token, s.source.done() > before)
		}
	})
}

func fuzzedRequest(method, path, body, headers string) (*http.Request, bool) {
	r, err := http.NewRequest(method, "http://localhost/", strings.NewReader(body))
	if err != nil {
		return nil, false
	}
	if r.URL, err = r.URL.Parse("http://localhost" + path); err != nil || r.URL.Host != "localhost" {
		return nil, false
	}
	for line := range strings.Lines(headers) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name == "Host" {
			r.Host = value
		} else if name != "Authorization" {
			r.Header.Set(name, value)
		}
	}
	return r, true
}

func checkFuzzed(t *testing.T, s *server, r *http.Request, got *httptest.ResponseRecorder, token string, did bool) {
	t.Helper()
	if got.Code >= 500 {
		t.Errorf("%d: %s\n%s", got.Code, got.Body, s.logged)
	}
	if did && token != allToken && token != beatToken {
		t.Errorf("%s %s was done with %q", r.Method, r.URL, token)
	}
	if did && token == beatToken && !strings.HasPrefix(r.URL.Path, "/v1/heartbeat/") {
		t.Errorf("%s %s was done with %q", r.Method, r.URL, token)
	}
	// Schemas take too long for this: the other tests have them.
	checkDescribed(t, r, &openapi3filter.ResponseValidationInput{
		Status: got.Code, Header: got.Header(),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: true},
	})
	if got.Header().Get("Content-Type") != "application/problem+json" || r.Method == http.MethodHead {
		return
	}
	var problem struct {
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}
	if err := json.Unmarshal(got.Body.Bytes(), &problem); err != nil || problem.Status != got.Code || problem.Detail == "" {
		t.Errorf("%s %s: %v: %s", r.Method, r.URL, err, got.Body)
	}
}
