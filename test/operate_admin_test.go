package test_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"

	"github.com/miekg/dns"
)

// What runs can be seen by anybody on this machine; a target is taken out with a
// token, which the answer over DNS, the metrics, the log and the record's history
// show, and put back.
func TestOperateDrain(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, www), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)

	anybody := o.with("")
	overview := anybody.overview(t)
	mustBeOnly(t, overview.Records, map[string]int{"normal": 1})
	if overview.Checks != 2 || overview.Broken != 0 || overview.Guard != "none" || len(overview.Forced) != 0 {
		t.Errorf("the overview is %+v", overview)
	}
	var page status.Page
	anybody.mustDo(t, http.MethodGet, "/v1/records?search="+sites[1].ip, nil, &page)
	if page.Total != 1 || len(page.Records) != 1 || page.Records[0].ID != "www.example.org@"+s.endpoint()+"@example.org" {
		t.Errorf("the records are %+v", page)
	}

	drained := o.with(tokenToDrain).act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: "new kernel", ExpiresIn: "1h"})
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip) // at once
	first := drained.Tiers[0].Targets[0]
	if first.Verdict != "healthy" || first.Eligible || first.Force == nil || first.Force.State != status.ForcedDrained ||
		first.Force.By != "deployments" || first.Force.Reason != "new kernel" || first.Force.Until.IsZero() {
		t.Errorf("the drained target is shown as %+v", first)
	}
	if got := s.metric(t, "target_forced", `state="drained"`, `target="`+sites[0].ip+`"`); got != 1 {
		t.Errorf("the metric of the drained target is %v", got)
	}
	sites[0].awaitProbes(t, 2) // still
	s.log.mustMatchOnce(t,
		"deployments: drain www.example.org target "+sites[0].ip+` for 1h0m0s: "new kernel"`,
		"IPv4: failed_over, tier 2 answers, was normal, tier 1 answers")

	o.with(tokenToDrain).act(t, status.Clear, status.Action{Target: sites[0].ip, Reason: "kernel is new"})
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	s.log.mustMatchOnce(t, "deployments: clear www.example.org target "+sites[0].ip+`: "kernel is new"`)
	mustRemember(t, o.record(t, "www.example.org").History,
		"forced:  -> drained", "record: normal, tier 1 answers -> failed_over, tier 2 answers",
		"forced: drained -> ", "record: failed_over, tier 2 answers -> normal, tier 1 answers")
	s.mustKeepSecret(t, o, operateTokenList...)
}

// mustRemember compares a history with what is wanted, the oldest first.
func mustRemember(t testing.TB, history []status.Transition, want ...string) {
	t.Helper()
	var got []string
	for _, tr := range slices.Backward(history) {
		got = append(got, tr.Kind+": "+tr.From+" -> "+tr.To)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the history is %q, want %q", got, want)
	}
}

// What is forced on a target or a record holds whatever probes find, until it is
// cleared.
func TestOperateForce(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, www), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)
	o.act(t, status.Force, status.Action{Target: sites[0].ip, State: status.ForcedUnhealthy, Reason: "a drill"})
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	o.act(t, status.Force, status.Action{Target: sites[0].ip, State: status.ForcedHealthy, Reason: "the check is wrong"})
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)

	sites[0].stop()
	s.log.await(t, 1, sites[0].ip, "healthy -> unhealthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	if got := o.record(t, "www.example.org").Tiers[0].Targets[0]; got.Verdict != "unhealthy" || !got.Eligible {
		t.Errorf("the target that is forced healthy is shown as %+v", got)
	}
	o.act(t, status.Clear, status.Action{Target: sites[0].ip, Reason: "it was right"})
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.log.mustMatchOnce(t, "oncall: force healthy www.example.org target "+sites[0].ip+`: "the check is wrong"`)

	o.act(t, status.Drain, status.Action{Reason: "gone soon", ExpiresIn: "1s", Override: true}) // all of the record
	s.log.await(t, 1, `record www.example.org: no longer drained, that has expired (by oncall: "gone soon")`)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	if forced := o.overview(t).Forced; len(forced) != 0 {
		t.Errorf("what has expired is still there: %+v", forced)
	}
}

// The last target is not taken out, unless somebody says that it shall be.
func TestOperateRefusesHarm(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, www), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)
	o.act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: "one"})
	last := status.Action{Target: sites[1].ip, Reason: "and the other"}
	refused := o.do(t, http.MethodPost, "/v1/records/www.example.org/drain", last)
	if refused.code != http.StatusConflict || !strings.Contains(refused.body, `"reason":"refused"`) {
		t.Errorf("to drain the last target is answered with %d %s", refused.code, refused.body)
	}
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.log.mustMatchOnce(t, `oncall: drain www\.example\.org target `+sites[1].ip+`: "and the other": not done: .*no eligible target left.*`)
	last.Override = true
	o.act(t, status.Drain, last)
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip) // fail open
}

// Who may do what: no, a wrong and each right credential at each kind of
// endpoint. What is refused changes nothing.
func TestOperateCredentials(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, www+beating), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)
	drain := status.Action{Target: sites[0].ip, Reason: "who may do this?"}
	force := status.Action{Target: sites[0].ip, Reason: "who may do this?", State: status.ForcedUnhealthy}
	const yes, no, who = http.StatusOK, http.StatusForbidden, http.StatusUnauthorized
	tokens := []string{"", "operate-test-wrong-token", tokenToBeat, tokenToRead, tokenToDrain, tokenToAll}
	for _, one := range []struct {
		method, path string
		body         any
		want         []int // by tokens
	}{
		{http.MethodGet, "/v1/status", nil, []int{yes, who, no, yes, yes, yes}},
		{http.MethodGet, "/v1/records/www.example.org", nil, []int{yes, who, no, yes, yes, yes}},
		{http.MethodGet, "/v1/records/www.example.org/explain", nil, []int{yes, who, no, yes, yes, yes}},
		{http.MethodPost, "/v1/records/www.example.org/drain", drain, []int{who, who, no, no, yes, yes}},
		{http.MethodPost, "/v1/records/www.example.org/force", force, []int{who, who, no, no, no, yes}},
		{http.MethodPost, "/v1/records/www.example.org/clear", drain, []int{who, who, no, no, yes, http.StatusBadRequest}},
		{http.MethodPost, "/v1/records/www.example.org/failback", status.Action{Reason: "x"}, []int{who, who, no, no, no, http.StatusBadRequest}},
		{http.MethodPost, "/v1/heartbeat/batch", nil, []int{who, who, http.StatusNoContent, no, no, http.StatusNoContent}},
	} {
		for i, token := range tokens {
			got := o.with(token).do(t, one.method, one.path, one.body)
			if got.code != one.want[i] {
				t.Errorf("%s %s with token %d is answered with %d %s, want %d", one.method, one.path, i, got.code, got.body, one.want[i])
			}
			if got.code == who && !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s %s: the refusal does not say which credential would do", one.method, one.path)
			}
			if kind := got.header.Get("Content-Type"); got.code >= 400 && kind != "application/problem+json" {
				t.Errorf("%s %s: the refusal is %s", one.method, one.path, kind)
			}
		}
	}
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	s.log.await(t, 1, "sent a wrong credential")
	s.mustKeepSecret(t, o, operateTokenList...)
}

// Who reads records page by page misses none, also where the last of a page is no
// longer one that is looked for when the next is read.
func TestOperatePagesWhileRecordsChange(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, manyRecords(3)), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)
	act := func(record, verb string) {
		t.Helper()
		o.mustDo(t, http.MethodPost, "/v1/records/"+record+"/"+verb, status.Action{Target: sites[0].ip, Reason: "x"}, new(status.Record))
	}
	for _, name := range []string{"r0.example.org", "r1.example.org", "r2.example.org"} {
		act(name, status.Drain)
	}
	for _, state := range []string{"forced", "failed_over"} {
		var first, second status.Page
		o.mustDo(t, http.MethodGet, "/v1/records?limit=1&state="+state, nil, &first)
		if first.Total != 3 || len(first.Records) != 1 || first.Next == "" {
			t.Fatalf("the first page is %+v", first)
		}
		act(first.Records[0].Name, status.Clear)
		o.mustDo(t, http.MethodGet, "/v1/records?state="+state+"&after="+url.QueryEscape(first.Next), nil, &second)
		if len(second.Records) != 2 || second.Records[0].Name != "r1.example.org" {
			t.Errorf("behind %s there is %+v, want the two other records", first.Next, second)
		}
		act(first.Records[0].Name, status.Drain)
	}
}

// A dry run says what would be answered, and changes nothing.
func TestOperateExplain(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	s := start(t, operated("admin {$IP}:0", strings.Replace(www, "secondary {$T2}", "secondary {$T2}\ntier 3 {$T3}", 1)), sites.vars())
	s.log.await(t, 3, "unknown -> healthy")
	for _, one := range []struct {
		down  string
		tier  int
		state string
		want  string
	}{
		{"", 1, "normal", sites[0].ip},
		{"?down=" + sites[0].ip, 2, "failed_over", sites[1].ip},
		{"?down=" + sites[0].ip + "&down=" + sites[1].ip + "&client=192.0.2.1", 3, "failed_over", sites[2].ip},
		{"?down=" + sites[0].ip + "&down=" + sites[1].ip + "&down=" + sites[2].ip, 1, "fail_open", sites[0].ip},
	} {
		var e status.Explanation
		s.operator(t).with("").mustDo(t, http.MethodGet, "/v1/records/www.example.org/explain"+one.down, nil, &e)
		if e.Tier != one.tier || e.State != one.state || !slices.Equal(e.Answers, []string{one.want}) || len(e.Steps) == 0 || e.TTL != 30 {
			t.Errorf("with %q, it is explained as %+v", one.down, e)
		}
	}
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	if changes := s.log.changes(); len(changes) != 0 {
		t.Errorf("to explain changes something: %q", changes)
	}
}

// beating is a record whose primary reports itself.
const beating = `
    failover batch.example.org {
        primary 192.0.2.10
        secondary 192.0.2.20 {
            check none
        }
        check heartbeat batch {
            interval 2s
            threshold 1
        }
    }
`

// A service is healthy while it reports itself, and unhealthy when it stops.
func TestOperateHeartbeat(t *testing.T) {
	t.Parallel()
	s := start(t, operated(steerable, beating), operateTokens(t))
	service := s.operator(t).with(tokenToBeat)
	beat := func() {
		t.Helper()
		if got := service.do(t, http.MethodPost, "/v1/heartbeat/batch", nil); got.code != http.StatusNoContent {
			t.Fatalf("a heartbeat is answered with %d %s", got.code, got.body)
		}
	}
	awaitAnswer(t, s, "batch.example.org", dns.TypeA, "192.0.2.20") // nobody has reported
	s.log.await(t, 1, "check heartbeat batch", "unknown -> unhealthy", "no heartbeat ever")
	await(t, func() string {
		beat()
		if got := s.ask(t, "batch.example.org", dns.TypeA); got != "192.0.2.10" {
			return "the service reports itself, but the answer is " + got
		}
		return ""
	})
	probed := func() float64 { return s.metric(t, "probes_total", `type="heartbeat"`) }
	enough := probed() + 3
	await(t, func() string {
		beat()
		if got := s.ask(t, "batch.example.org", dns.TypeA); got != "192.0.2.10" {
			t.Fatalf("while the service reports itself %s is answered", got)
		}
		if probed() < enough {
			return "nobody looks whether a beat came"
		}
		return ""
	})
	s.log.await(t, 1, "check heartbeat batch", "healthy -> unhealthy", "no heartbeat for") // now it is silent
	awaitAnswer(t, s, "batch.example.org", dns.TypeA, "192.0.2.20")
	if got := service.do(t, http.MethodPost, "/v1/heartbeat/other", nil); got.code != http.StatusNotFound {
		t.Errorf("the heartbeat of nobody is answered with %d %s", got.code, got.body)
	}
	s.mustKeepSecret(t, s.operator(t), operateTokenList...)
}

// A heartbeat counts whenever it comes, also in the moment in which its check has
// just found that there was none: each of these services reports itself once, as
// soon as it is unhealthy.
func TestOperateHeartbeatAtAnyMoment(t *testing.T) {
	t.Parallel()
	const services = 20
	lines := ""
	for n := range services {
		lines += strings.NewReplacer("batch.", fmt.Sprintf("batch%d.", n), "heartbeat batch", fmt.Sprintf("heartbeat batch%d", n)).Replace(beating)
	}
	s := start(t, operated(steerable, lines), operateTokens(t))
	o := s.operator(t).with(tokenToBeat)
	var reporting sync.WaitGroup
	for n := range services {
		reporting.Go(func() {
			client, m := dns.Client{Timeout: patience}, question(fmt.Sprintf("batch%d.example.org", n), dns.TypeA)
			for {
				reply, _, err := client.Exchange(m, s.endpoint())
				if err != nil {
					t.Error(err)
					return
				}
				if inWords(reply) == "192.0.2.20" {
					break
				}
			}
			if got, err := o.attempt(http.MethodPost, fmt.Sprintf("/v1/heartbeat/batch%d", n), nil); err != nil || got.code != http.StatusNoContent {
				t.Errorf("a heartbeat is answered with %d %s, %v", got.code, got.body, err)
			}
		})
	}
	reporting.Wait()
	for n := range services {
		s.log.await(t, 1, fmt.Sprintf("record batch%d.example.org, tier 1", n), "unhealthy -> healthy")
	}
}

// An admin that anybody could steer, or that lacks what it needs, does not start:
// the error says where and what would be right.
func TestOperateAdminDoesNotStart(t *testing.T) {
	t.Parallel()
	short := writeFile(t, "tokens", "all short me\n")
	for name, one := range map[string]struct{ settings, want string }{
		"every address": {
			"    admin :0", `Corefile:13: failover: admin: whoever reaches ":0" could steer; add "token_file PATH" to its block, or listen on 127.0.0.1`,
		},
		"not loopback":       {"    admin 192.0.2.1:9191", `could steer; add "token_file PATH"`},
		"no address":         {"    admin localhos", `Corefile:13: failover: admin: "localhos" is no address to listen on`},
		"no such token file": {"    admin {$IP}:0 {\ntoken_file none\n}", `Corefile:12: admin 127.`},
		"a short token":      {"    admin {$IP}:0 {\ntoken_file " + short + "\n}", short + ":1: the token has 5 bytes; write 16..4096"},
		"no such web config": {"    admin {$IP}:0 {\nweb_config none.yml\n}", "Corefile:12: admin 127."},
		"twice":              {"    admin {$IP}:0\n    admin {$IP}:0", "Corefile:14: "},
		"heartbeat":          {"    status_to 127.0.0.0/8\n}\n" + beating + "failover none.example.org {\nprimary 192.0.2.1\ncheck none", `add "admin 127.0.0.1:9191" to the settings of the process`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			s := launch(t, operated(one.settings, www), sites.vars())
			if code := s.awaitEnd(t); code <= 0 {
				t.Errorf("the exit status is %d, want one of failure", code)
			}
			if !strings.Contains(s.log.String(), one.want) || !strings.Contains(s.log.String(), "Corefile:") {
				t.Errorf("the message is\n%swant something with\n%s", s.log, one.want)
			}
		})
	}
}

// stream is what an admin says as it happens.
type stream struct {
	events chan status.Transition // closed at its end
	cancel context.CancelFunc
}

// follow reads the transitions that the admin tells of until the end of the test,
// from the moment on at which it returns.
func (o operator) follow(t testing.TB) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.token != "" {
		request.Header.Set("Authorization", "Bearer "+o.token)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("the stream is answered with %d, %s", response.StatusCode, kind)
	}
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "retry: ") {
		t.Fatalf("the stream begins with %q", lines.Text())
	}
	s := &stream{make(chan status.Transition, 10_000), cancel}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer response.Body.Close()
		s.read(lines)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s
}

func (s *stream) read(lines *bufio.Scanner) {
	defer close(s.events)
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		if !found {
			continue
		}
		var tr status.Transition
		if err := json.Unmarshal([]byte(data), &tr); err != nil {
			tr = status.Transition{Kind: err.Error()}
		}
		s.events <- tr
	}
}

// await reads on until a transition is as wanted.
func (s *stream) await(t testing.TB, what string, wanted func(status.Transition) bool) status.Transition {
	t.Helper()
	var found status.Transition
	await(t, func() string {
		select {
		case tr, open := <-s.events:
			if !open {
				t.Fatal("the stream has ended before " + what)
			}
			if found = tr; wanted(tr) {
				return ""
			}
		default:
		}
		return "the stream does not tell of " + what
	})
	return found
}

// Who follows the events sees a failover as it happens, and what operators do.
func TestOperateStream(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, www), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)
	live := o.with("").follow(t)

	sites[0].stop()
	down := live.await(t, "the target", func(tr status.Transition) bool { return tr.Kind == status.TargetChanged })
	if down.Target != sites[0].ip || down.Tier != 1 || down.From != "healthy" || down.To != "unhealthy" || !strings.HasSuffix(down.Reason, "connection refused") {
		t.Errorf("the target changes as %+v", down)
	}
	over := live.await(t, "the record", func(tr status.Transition) bool { return tr.Kind == status.RecordChanged })
	if over.Name != "www.example.org" || over.Family != "IPv4" || over.From != "normal, tier 1 answers" || over.To != "failed_over, tier 2 answers" {
		t.Errorf("the record changes as %+v", over)
	}
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	o.act(t, status.Force, status.Action{Target: sites[0].ip, State: status.ForcedHealthy, Reason: "why not"})
	forced := live.await(t, "what is forced", func(tr status.Transition) bool { return tr.Kind == status.Steered })
	if forced.By != "oncall" || forced.Reason != "why not" || forced.To != status.ForcedHealthy || forced.Target != sites[0].ip {
		t.Errorf("what is forced is told as %+v", forced)
	}
	live.await(t, "the way back", func(tr status.Transition) bool {
		return tr.Kind == status.RecordChanged && strings.HasPrefix(tr.To, "normal")
	})

	// A reload that leaves the admin as it is does not end the stream.
	s.reload(t, operated(steerable, www+"\n# again\n"))
	o.act(t, status.Clear, status.Action{Target: sites[0].ip, Reason: "enough"})
	live.await(t, "the end of what is forced", func(tr status.Transition) bool { return tr.Kind == status.Steered && tr.To == "" })
}

// Two processes do not share an admin: an operator would steer one of them at
// random. The second does not start, and the first goes on.
func TestOperateAdminOfAnotherProcess(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	env := adminVars(t)
	one := start(t, operated("admin {$ADMIN1}", www), sites.vars(), env)
	other := launch(t, operated("admin {$ADMIN1}", www), sites.vars(), env)
	await(t, func() string {
		if !other.hasEnded() && len(other.log.find("CoreDNS-")) == 0 {
			return "the second process neither starts nor ends"
		}
		return ""
	})
	if !other.hasEnded() || !strings.Contains(other.log.String(), "address already in use") {
		t.Errorf("a second process serves the same admin:\n%s", other.log)
	}
	one.operator(t).with("").overview(t)
}
