package admin_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestAct(t *testing.T) {
	for _, c := range []struct{ path, body, asked, logged string }{
		{
			"www.example.org/drain", `{"target":"192.0.2.10","reason":"new disks","expires_in":"15m"}`,
			"drain www.example.org by jane: {Target:192.0.2.10 State: Reason:new disks ExpiresIn:15m Override:false}",
			`jane: drain www.example.org target 192.0.2.10 for 15m0s: "new disks"`,
		},
		{
			"www.example.org@dns:%2F%2F:53@example.org./force", `{"state":"unhealthy","reason":"\"x\" is ö","force":true}`,
			"force " + recordID + ` by jane: {Target: State:unhealthy Reason:"x" is ö ExpiresIn: Override:true}`,
			`jane: force unhealthy www.example.org@dns://:53@example.org. by force: "\"x\" is ö"`,
		},
		{
			"www.example.org/clear", `{"reason":"done"}`,
			"clear www.example.org by jane: {Target: State: Reason:done ExpiresIn: Override:false}",
			`jane: clear www.example.org: "done"`,
		},
		{
			"www.example.org/failback", `{"reason":"now"}`,
			"failback www.example.org by jane: {Target: State: Reason:now ExpiresIn: Override:false}",
			`jane: failback www.example.org: "now"`,
		},
	} {
		s := start(t, local)
		s.post("/v1/records/"+c.path, c.body, bearer(allToken)).wants(t, 200, `"id":"`+recordID)
		if got := s.source.lastAct(); got != c.asked {
			t.Errorf("asked: %s", got)
		}
		if got := s.logged.String(); got != c.logged {
			t.Errorf("logged: %s", got)
		}
	}
}

func TestActReportsWhatTheSourceSays(t *testing.T) {
	s := start(t, local)
	for _, c := range []struct {
		id, body string
		code     int
		part     string
		logged   string
	}{
		{
			"www.example.org", `{"target":"last","reason":"x"}`, 409, `"reason":"refused"`,
			`jane: drain www.example.org target last: "x": not done: nothing would be left to answer`,
		},
		{"www.example.org", `{"target":"last","reason":"x","force":true}`, 200, "", `target last by force: "x"`},
		{"twice.example.org", because, 409, `"candidates":["twice`, "not done: there are two of twice"},
		{"gone%0Ajane:%20drain%20all", because, 404, "", `drain "gone\njane: drain all": "disks": not done: there is no record`},
		{"lines.example.org", because, 409, "", `"disks": not done: "two\nlines"`},
		{strings.Repeat("x", 600), because, 404, "", strings.Repeat("x", 512) + `...: "disks"`},
		{"broken.example.org", because, 500, "its log says why", "admin: POST /v1/records/broken.example.org/drain: database"},
	} {
		s.post("/v1/records/"+c.id+"/drain", c.body, bearer(allToken)).wants(t, c.code, c.part)
		if got := s.logged.String(); !strings.Contains(got, c.logged) {
			t.Errorf("%s: logged: %s", c.id, got)
		}
	}
}

func TestActRefusesWhatMakesNoSense(t *testing.T) {
	s := start(t, local)
	long := strings.Repeat("x", 501)
	for _, c := range []struct{ verb, body, part string }{
		{"drain", `{}`, "say why: reason is empty"},
		{"drain", `null`, "say why"},
		{"drain", `{"reason":" \t "}`, "say why"},
		{"drain", `{"reason":"` + long + `"}`, "reason has 501 bytes; write up to 500"},
		{"drain", `{"reason":"a\nb"}`, "reason has control characters; write one line of text"},
		{"drain", `{"reason":"a\u2028b"}`, "reason has control characters"},
		{"drain", `{"reason":"x","state":"healthy"}`, "state is for force; drain has none"},
		{"drain", `{"reason":"x","target":"` + long + `"}`, "target has more than 255 bytes"},
		{"drain", `{"reason":"x","expires_in":"soon"}`, "expires_in is soon; write a duration up to 720h0m0s, such as 15m"},
		{"drain", `{"reason":"x","expires_in":"0s"}`, "expires_in is 0s"},
		{"drain", `{"reason":"x","expires_in":"-1m"}`, "expires_in is -1m"},
		{"drain", `{"reason":"x","expires_in":"721h"}`, "expires_in is 721h"},
		{"clear", `{"reason":"x","expires_in":"1h"}`, "clear happens once: nothing is left that expires_in could end"},
		{"failback", `{"reason":"x","expires_in":"1h"}`, "failback happens once"},
		{"force", `{"reason":"x"}`, `state is \"\"; write healthy or unhealthy`},
		{"force", `{"reason":"x","state":"drained"}`, "state is drained; write healthy or unhealthy"},
		{"drain", `{"reason":"x","why":1}`, `unknown field \"why\"`},
		{"drain", `{"reason":1}`, "this is no action in JSON"},
		{"drain", `{"reason":"x"}{}`, "there is more than one JSON value"},
		{"drain", `{"reason":"x"}}`, "this is no action in JSON"},
		{"drain", ``, "this is no action in JSON"},
		{"drain", `[]`, "this is no action in JSON"},
	} {
		s.post("/v1/records/www.example.org/"+c.verb, c.body, bearer(allToken)).wants(t, 400, c.part)
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json;;"} {
		s.post("/v1/records/www.example.org/drain", because, bearer(allToken), header("Content-Type", kind)).wants(t, 415)
	}
	s.post("/v1/records/www.example.org/drain?force=true", because, bearer(allToken)).wants(t, 400)
	s.post("/v1/records/"+strings.Repeat("x", 1025)+"/drain", because, bearer(allToken)).wants(t, 404)
	s.post("/v1/records/www.example.org/drain", fmt.Sprintf("%s%*s", because, 64<<10, "{"), bearer(allToken)).wants(t, 413)
	if s.source.done() > 0 {
		t.Error("something was done: " + s.source.lastAct())
	}
	s.post("/v1/records/www.example.org/drain", because, bearer(allToken),
		header("Content-Type", "application/json; charset=utf-8")).wants(t, 200)
}

func TestHeartbeat(t *testing.T) {
	s := start(t, local)
	s.post("/v1/heartbeat/backup%2F1", "", bearer(beatToken)).wants(t, 204)
	s.post("/v1/heartbeat/backup", "whatever", bearer(beatToken)).wants(t, 204)
	s.post("/v1/heartbeat/gone", "", bearer(beatToken)).wants(t, 404, "there is no check heartbeat")
	s.post("/v1/heartbeat/"+strings.Repeat("x", 1025), "", bearer(beatToken)).wants(t, 404)
	s.post("/v1/heartbeat/backup?x=1", "", bearer(beatToken)).wants(t, 400)
	if got := strings.Join(s.source.beats, " "); got != "backup/1 backup" {
		t.Error(got)
	}
	if got := s.logged.String(); got != "" {
		t.Errorf("logged: %s", got)
	}
}
