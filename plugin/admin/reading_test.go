package admin_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"
)

func TestStatus(t *testing.T) {
	s := start(t, local)
	var got status.Overview
	decode(t, s.get("/v1/status"), &got)
	if want := s.source.Overview(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	s.get("/v1/status?x=1").wants(t, 400, "there is no parameter x here")
}

func decode(t *testing.T, got reply, v any) {
	t.Helper()
	got.wants(t, 200)
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("Content-Type: %s", kind)
	}
	if err := json.Unmarshal([]byte(got.body), v); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsAsksTheSource(t *testing.T) {
	s := start(t, local)
	for query, want := range map[string]status.Query{
		"":                   {Limit: 100},
		"?limit=1":           {Limit: 1},
		"?limit=1000&state=": {Limit: 1000},
		"?search=192.0&state=forced&after=www.example.org@dns%3A%2F%2F%3A53@.": {
			Search: "192.0", State: "forced", After: "www.example.org@dns://:53@.", Limit: 100,
		},
	} {
		var got status.Page
		decode(t, s.get("/v1/records"+query), &got)
		if got.Total != 2 || got.Next != recordID || len(got.Records) != 1 {
			t.Errorf("%+v", got)
		}
		if asked := s.source.queries[len(s.source.queries)-1]; asked != want {
			t.Errorf("%s asks for %+v", query, asked)
		}
	}
}

func TestRecordsRefuses(t *testing.T) {
	s := start(t, local)
	for query, want := range map[string]string{
		"limit=0":                            "limit is 0; write 1..1000",
		"limit=1001":                         "limit is 1001; write 1..1000",
		"limit=":                             `limit is \"\"; write 1..1000`,
		"limit=ten":                          "limit is ten",
		"limit=1&limit=2":                    "the parameter limit stands twice",
		"state=bad%0Aluck":                   `there is no state \"bad\\nluck\"; there are normal, failed_over`,
		"Search=x":                           "there is no parameter Search here; there are search, state, after, limit",
		"search=" + strings.Repeat("x", 256): "search has more than 255 bytes",
		"after=" + strings.Repeat("x", 1025): "after has more than 1024 bytes",
		"search=%zz":                         "the query string is none",
		"search=a;b":                         "the query string is none",
	} {
		s.get("/v1/records?"+query).wants(t, 400, want)
	}
}

func TestRecord(t *testing.T) {
	s := start(t, local)
	for _, id := range []string{"www.example.org", "www.example.org@dns:%2F%2F:53@example.org.", "*.a%2Fb.example.org"} {
		var got status.Record
		if decode(t, s.get("/v1/records/"+id), &got); !reflect.DeepEqual(got, record()) {
			t.Errorf("%s: got %+v\nwant %+v", id, got, record())
		}
	}
	for path, want := range map[string]struct {
		code int
		part string
	}{
		"/v1/records/gone":                         {404, `"reason":"not_found"`},
		"/v1/records/" + strings.Repeat("x", 1025): {404, "no ID has more than 1024 bytes"},
		"/v1/records/twice.example.org":            {409, `"candidates":["twice.example.org@dns://:53@.","twice.`},
		"/v1/records/www.example.org?full":         {400, "there is no parameter full"},
		"/v1/records/":                             {404, "there is nothing here"},
		"/v1/records//drain":                       {404, "there is nothing here"},
		"/v1/records/../status":                    {404, "there is nothing here"},
		"/v1/records/a/b":                          {404, "there is nothing here"},
		"/v1/records/broken.example.org":           {500, "its log says why"},
		"/v1/records/infinite.example.org":         {500, "its log says why"},
	} {
		s.get(path).wants(t, want.code, want.part)
	}
	got := s.logged.String()
	if !strings.Contains(got, "admin: GET /v1/records/broken.example.org: database of broken.example.org on fire") ||
		!strings.Contains(got, "unsupported value: +Inf") {
		t.Errorf("logged: %s", got)
	}
}

func TestExplain(t *testing.T) {
	s := start(t, local)
	for query, want := range map[string]status.Question{
		"": {Down: []string{}},
		"?client=192.0.2.9&type=aaaa&down=a&down=b": {
			Client: netip.MustParseAddr("192.0.2.9"), Type: "AAAA", Down: []string{"a", "b"},
		},
		"?client=::ffff:192.0.2.9&type=TYPE65": {
			Client: netip.MustParseAddr("192.0.2.9"), Type: "TYPE65", Down: []string{},
		},
	} {
		var got status.Explanation
		decode(t, s.get("/v1/records/www.example.org/explain"+query), &got)
		if asked := s.source.asked[len(s.source.asked)-1]; !reflect.DeepEqual(asked, want) {
			t.Errorf("%s asks %+v", query, asked)
		}
	}
	for query, want := range map[string]string{
		"client=here":                      "client is here; write an IP address",
		"client=fe80::1%25eth0":            "client is fe80::1%eth0; write an IP address",
		"type=A%20B":                       `type is \"A B\"; write a query type, such as AAAA`,
		"down=":                            `down is \"\"; write a target`,
		"down=" + strings.Repeat("x", 256): "write a target",
		strings.Repeat("down=x&", 101):     "down stands more than 100 times",
		"type=A&type=AAAA":                 "the parameter type stands twice",
		"up=x":                             "there is no parameter up here; there are client, type, down",
	} {
		s.get("/v1/records/www.example.org/explain?"+query).wants(t, 400, want)
	}
	s.get("/v1/records/gone/explain").wants(t, 404)
	s.get("/v1/records/"+strings.Repeat("x", 1025)+"/explain").wants(t, 404)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	s := start(t, local)
	for path, allow := range map[string]string{
		"/v1/status": "GET, HEAD", "/v1/records/x/drain": "POST", "/session": "POST, DELETE",
		"/v1": "", "/v1/": "", "/v2/status": "", "/v1/status/": "", "//v1/status": "", "/v1/./status": "",
	} {
		got := s.do("PUT", path, "", bearer(allToken))
		want := 405
		if allow == "" {
			want = 404
		}
		got.wants(t, want)
		if got.header.Get("Allow") != allow {
			t.Errorf("%s: Allow: %s", path, got.header.Get("Allow"))
		}
	}
	s.do("HEAD", "/v1/status", "").wants(t, 200)
	s.do("HEAD", "/v1/events", "").wants(t, 200)
	s.do("BREW", "/v1/status", "", bearer(allToken)).wants(t, 405)
}
