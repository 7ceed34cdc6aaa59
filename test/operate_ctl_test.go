package test_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// ctlProgram is the failoverctl that is tested: FAILOVER_CTL names it, or else it
// is built once.
var ctlProgram = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("FAILOVER_CTL"); path != "" {
		return path, nil
	}
	return build("failoverctl", "../cmd/failoverctl")
})

// ctl is a failoverctl with an environment of its own.
type ctl struct {
	program string
	env     vars
}

// newCtl returns a failoverctl for these servers; they share a token file.
func newCtl(t testing.TB, servers ...*server) ctl {
	t.Helper()
	path, err := ctlProgram()
	if err != nil {
		t.Fatal(err)
	}
	c := ctl{path, vars{}}
	var urls []string
	for _, s := range servers {
		urls = append(urls, s.operator(t).base)
		c.env["FAILOVER_TOKEN_FILE"] = s.env["TOKENS"]
	}
	c.env["FAILOVER_SERVER"] = strings.Join(urls, ",")
	return c
}

// run runs a command, and returns its outputs and its exit status.
func (c ctl) run(t testing.TB, args ...string) (out, errs string, code int) {
	t.Helper()
	command := exec.Command(c.program, args...)
	for name, value := range c.env {
		command.Env = append(command.Env, name+"="+value)
	}
	var o, e bytes.Buffer
	command.Stdout, command.Stderr = &o, &e
	_ = command.Run() // its result is in ProcessState
	if command.ProcessState == nil {
		t.Fatalf("%s does not run", c.program)
	}
	return o.String(), e.String(), command.ProcessState.ExitCode()
}

// must is run where all must be well.
func (c ctl) must(t testing.TB, args ...string) string {
	t.Helper()
	out, errs, code := c.run(t, args...)
	if code != 0 || errs != "" {
		t.Fatalf("failoverctl %v: exit status %d: %s%s", args, code, out, errs)
	}
	return out
}

// mustHave fails unless each expression matches in a line of a text.
func mustHave(t testing.TB, text string, expressions ...string) {
	t.Helper()
	for _, expression := range expressions {
		if !regexp.MustCompile("(?m)" + expression).MatchString(text) {
			t.Errorf("%s\nhas no %s", text, expression)
		}
	}
}

// From a terminal an operator sees a server, has it explained, drains a target and
// puts it back.
func TestOperateCtl(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, www), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	c := newCtl(t, s)
	mustHave(t, c.must(t, "status"), `CoreDNS 1\.`, `^  1 record: 1 normal$`, `2 checks, 0 unknown, 0 broken; guard: none`, `All records are normal\.`)
	mustHave(t, c.must(t, "show", "www.example.org"),
		`^www\.example\.org  normal$`, `id +www\.example\.org@`+s.endpoint()+`@example\.org`,
		`^1\* +`+sites[0].ip+` +healthy +yes`, `^2 +`+sites[1].ip+` +healthy +yes`)
	mustHave(t, c.must(t, "explain", "www.example.org", "--client", "192.0.2.1", "--down", sites[0].ip),
		sites[0].ip+` down$`, `^  `+sites[1].ip+`  \(failed_over, tier 2, ttl 30s\)$`, `tier 1 `, `tier 2 `)
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)

	mustHave(t, c.must(t, "drain", "www.example.org", sites[0].ip, "--reason", "new kernel", "--for", "30m"),
		`www\.example\.org +failed_over,forced +IPv4 +2 +`+sites[1].ip)
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.log.mustMatchOnce(t, "oncall: drain www.example.org.* target "+sites[0].ip+` for 30m0s: "new kernel"`)
	mustHave(t, c.must(t, "status"), `1 failed_over; 1 forced state`, `www\.example\.org +failed_over,forced +IPv4 +2 +`+sites[1].ip)
	mustHave(t, c.must(t, "show", "www.example.org"), `drained.*oncall.*new kernel`)
	out, errs, code := c.run(t, "drain", "www.example.org", sites[1].ip, "--reason", "both")
	if code != 1 || !strings.Contains(errs, "no eligible target left") || !strings.Contains(errs, "--force does it all the same") {
		t.Errorf("to drain the last target ends with %d: %s%s", code, out, errs)
	}
	c.must(t, "clear", "www.example.org", sites[0].ip, "--reason", "done")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)

	for _, one := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"show", "none.example.org"}, 1, "there is no record"},
		{[]string{"drain", "www.example.org"}, 2, "--reason is missing"},
		{[]string{"failback", "www.example.org", "--reason", "x"}, 1, "holds no tier"},
		{[]string{"clear", "www.example.org", "--reason", "x"}, 1, "nothing is forced there"},
		{[]string{"status", "--none"}, 2, "unknown flag"},
	} {
		if out, errs, code := c.run(t, one.args...); code != one.code || !strings.Contains(errs, one.says) {
			t.Errorf("failoverctl %v ends with %d: %s%s", one.args, code, out, errs)
		}
	}
	c.env["FAILOVER_TOKEN_FILE"], c.env["FAILOVER_TOKEN"] = "", tokenToRead
	if out, errs, code := c.run(t, "drain", "www.example.org", sites[0].ip, "--reason", "may I?"); code != 1 || !strings.Contains(errs, "does not permit") {
		t.Errorf("a drain with a token to read ends with %d: %s%s", code, out, errs)
	}
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
}

// What failback manual holds, an operator ends from a terminal.
func TestOperateCtlFailback(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, strings.Replace(www, "secondary {$T2}", "secondary {$T2}\nfailback manual", 1)), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	s.log.await(t, 1, "IPv4: failed_over")
	sites[0].start(t)
	s.log.await(t, 1, sites[0].ip, "unhealthy -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	c := newCtl(t, s)
	mustHave(t, c.must(t, "status"), `www\.example\.org +failed_over,waiting +IPv4 +2`)
	mustHave(t, c.must(t, "failback", "www.example.org", "--reason", "in sync"), `www\.example\.org +normal +IPv4 +1 +`+sites[0].ip)
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
}

// A fire drill fails a record over and back, on a real server.
func TestOperateCtlDrill(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, www), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	c := newCtl(t, s)
	out, errs, code := c.run(t, "test", "www.example.org", "--for", "4s", "--yes", "-o", "json")
	var reports []struct {
		Switched, Restored bool
		Asked, Unanswered  int
		Meanwhile          []string
	}
	if err := json.Unmarshal([]byte(out), &reports); err != nil || code != 0 || len(reports) != 1 {
		t.Fatalf("the drill ends with %d: %v: %s%s", code, err, out, errs)
	}
	if got := reports[0]; !got.Switched || !got.Restored || got.Asked == 0 || got.Unanswered != 0 ||
		len(got.Meanwhile) != 1 || got.Meanwhile[0] != sites[1].ip {
		t.Errorf("the drill reports %+v", got)
	}
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
	if forced := s.operator(t).overview(t).Forced; len(forced) != 0 {
		t.Errorf("the drill leaves behind %+v", forced)
	}
	s.log.mustMatchOnce(t, `oncall: force unhealthy www.example.org.* target `+sites[0].ip+` for 14s: "fire drill"`)

	sites[0].stop() // no drill during an outage
	s.log.await(t, 2, "IPv4: failed_over")
	if out, errs, code := c.run(t, "test", "www.example.org", "--for", "1s", "--yes"); code != 1 {
		t.Errorf("a drill during an outage ends with %d: %s%s", code, out, errs)
	}
	if forced := s.operator(t).overview(t).Forced; len(forced) != 0 {
		t.Errorf("the drill leaves behind %+v", forced)
	}
}

// Two replicas that answer differently are marked; what is asked for is done on
// both, and on none where one does not reply.
func TestOperateCtlReplicas(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	tokens := operateTokens(t)
	one := start(t, operated(steerable, www), sites.vars(), tokens)
	other := start(t, operated(steerable, www), sites.vars(), tokens)
	for _, s := range []*server{one, other} {
		s.log.await(t, 2, "unknown -> healthy")
	}
	both := newCtl(t, one, other)
	newCtl(t, other).must(t, "drain", "www.example.org", sites[0].ip, "--reason", "only here")
	nameOf := func(s *server) string { return regexp.QuoteMeta(strings.TrimPrefix(s.operator(t).base, "http://")) }
	mustHave(t, both.must(t, "status"),
		`^! www\.example\.org.* +failed_over,forced +IPv4 +2 +`+sites[1].ip+`.* `+nameOf(other)+`$`,
		`1 record: 1 normal$`, `1 record: 1 failed_over; 1 forced state$`)
	mustHave(t, both.must(t, "show", "www.example.org"), `^! The servers differ\.$`, `^== `+nameOf(one)+`$`, `^== `+nameOf(other)+`$`)

	out := both.must(t, "drain", "www.example.org", sites[0].ip, "--reason", "everywhere")
	mustHave(t, out, `^`+nameOf(one)+` .*failed_over,forced`, `^`+nameOf(other)+` .*failed_over,forced`)
	for _, s := range []*server{one, other} {
		mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	}
	if code := other.terminate(t); code != 0 {
		t.Errorf("CoreDNS ends with exit status %d", code)
	}
	out, errs, code := both.run(t, "clear", "www.example.org", sites[0].ip, "--reason", "over")
	if code != 1 || !strings.Contains(errs, "nothing was done on any server") {
		t.Errorf("to clear without one of the servers ends with %d: %s%s", code, out, errs)
	}
	mustAnswer(t, one, "www.example.org", dns.TypeA, sites[1].ip)
	if _, errs, code := both.run(t, "clear", "www.example.org", sites[0].ip, "--reason", "over", "--unreachable-ok"); code != 0 {
		t.Errorf("to clear on the server that is left ends with %d: %s", code, errs)
	}
	mustAnswer(t, one, "www.example.org", dns.TypeA, sites[0].ip)
	if _, errs, code := both.run(t, "status"); code != 1 || !strings.Contains(errs, strings.TrimPrefix(other.operator(t).base, "http://")) {
		t.Errorf("the status without one of the servers ends with %d: %s", code, errs)
	}
}

// Two replicas that listen at addresses of their own, as those of a zone do, are
// configured alike and agree: nothing is marked.
func TestOperateCtlReplicasAgree(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	tokens := operateTokens(t)
	const settings = "admin 127.0.0.1:0 {\ntoken_file {$TOKENS}\n}"
	one := start(t, operated(settings, www), sites.vars(), tokens)
	other := start(t, operated(settings, www), sites.vars(), tokens, vars{"PORT": one.port})
	sites[0].stop()
	for _, s := range []*server{one, other} {
		s.log.await(t, 1, "IPv4: failed_over, tier 2 answers")
	}
	c := newCtl(t, one, other)
	out := c.must(t, "status")
	mustHave(t, out, `^www\.example\.org +failed_over +IPv4 +2 +`+sites[1].ip+` .* all$`)
	if strings.Contains(out, "!") {
		t.Errorf("replicas that agree are marked:\n%s", out)
	}
	if out := c.must(t, "show", "www.example.org"); strings.Contains(out, "!") {
		t.Errorf("replicas that agree are marked:\n%s", out)
	}
}

// A Corefile is checked without a server: what is good is shown as it is
// understood, what is bad with file and line.
func TestOperateCtlCheck(t *testing.T) {
	t.Parallel()
	c := newCtl(t)
	good := writeFile(t, "Corefile", "example.org {\n    failover www.example.org {\n        primary 192.0.2.1\n        check tcp 80\n    }\n}\n")
	mustHave(t, c.must(t, "check", good), `www\.example\.org`, `192\.0\.2\.1`, `interval +10s|every 10s|10s`)
	bad := writeFile(t, "Corefile", "example.org {\n    failover www.example.org {\n        primry 192.0.2.1\n    }\n}\n")
	out, errs, code := c.run(t, "check", good, bad)
	if want := bad + `:3: record "www.example.org": unknown property "primry"; did you mean "primary"?`; code != 1 || strings.TrimSpace(errs) != want {
		t.Errorf("to check a bad Corefile ends with %d: %s%s\nwant %s", code, out, errs, want)
	}
	if _, errs, code := c.run(t, "check", good+"-none"); code != 1 || errs == "" {
		t.Errorf("to check no Corefile ends with %d: %s", code, errs)
	}
}
