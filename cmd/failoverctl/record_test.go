package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"
)

func TestShow(t *testing.T) {
	r := drained("www.example.org")
	r.Tiers[0].Targets[0].Addresses[0].Checks[0].LastError = "status 500\x1b]0;owned\a"
	r.History = []status.Transition{switched, {
		At: ago(200e9), Kind: status.TargetChanged, Name: "www.example.org", Tier: 1, Target: "192.0.2.10",
		From: "healthy", To: "unhealthy", Reason: "status 500",
	}}
	stdout, stderr, exit := run(t, []*fake{newFake(t, "127.0.0.1:0", r)}, "show", "www.example.org")
	mustBe(t, "the record", stdout, `
www.example.org  failed_over
  id        www.example.org@dns://:53@example.org.
  listens   dns://:53, zone example.org.
  types     A AAAA
  ttl       30s
  policy    all
  fail      open
  failback  auto
  forced    drained by alice until 2026-01-02T13:00:00Z: maintenance

FAMILY  STATE        TIER  SINCE  ANSWERS
IPv4    failed_over  2     3m12s  192.0.2.20 192.0.2.21 192.0.2.22
IPv6    normal       -     -      no_data

TIER  TARGET      MEASURED   ELIGIBLE  WEIGHT  FORCED
1     192.0.2.10  unhealthy  no        1       drained by alice until 2026-01-02T13:00:00Z: maintenance
2*    192.0.2.20  healthy    yes       1       -

ADDRESS     CHECK      MEASURED   SINCE  PROBED  TOOK  ERROR
192.0.2.10  http :80/  unhealthy  3m12s  3s      4ms   status 500\x1b]0;owned\a
192.0.2.20  http :80/  healthy    1h0m   3s      4ms   -

3m20s ago  2026-01-02T11:56:40Z www.example.org 192.0.2.10: healthy -> unhealthy: status 500
0s ago  2026-01-02T12:00:00Z www.example.org IPv4: normal, tier 1 -> failed_over, tier 2: refused\x1b[2J
`)
	if exit != 0 || stderr != "" {
		t.Errorf("status %d: %s", exit, stderr)
	}
}

func TestShowOnSeveral(t *testing.T) {
	one := newFake(t, "127.0.0.1:0", failedOver("www.example.org"))
	two := newFake(t, "127.0.0.2:0", sampleRecord("www.example.org"))
	stdout, _, exit := run(t, []*fake{one, two}, "show", "www.example.org")
	if exit != 0 || !strings.HasPrefix(stdout, "! The servers differ.\n\n== 127.0.0.1:NNNNN\n") || !strings.Contains(stdout, "\n\n== 127.0.0.2:NNNNN\n") {
		t.Errorf("status %d\n%s", exit, stdout)
	}
}

func TestShowOfWhatIsNotOne(t *testing.T) {
	other := sampleRecord("www.example.org")
	other.ID = "www.example.org@dns://:53@org."
	f := newFake(t, "127.0.0.1:0", sampleRecord("www.example.org"), other)
	_, stderr, exit := run(t, []*fake{f}, "show", "www.example.org")
	mustBe(t, "the error", stderr, `failoverctl: 127.0.0.1:NNNNN: there are several records "www.example.org"; it may be www.example.org@dns://:53@example.org., www.example.org@dns://:53@org.
`)
	if exit != statusFailed {
		t.Errorf("status %d", exit)
	}
	if stdout, _, exit := run(t, []*fake{f}, "show", other.ID); exit != 0 || !strings.Contains(stdout, other.ID) {
		t.Errorf("status %d\n%s", exit, stdout)
	}
	// A list tells them by their IDs.
	if stdout, _, _ := run(t, []*fake{f}, "status", "--all"); !strings.Contains(stdout, "\n"+other.ID+"          normal") {
		t.Error(stdout)
	}
	if _, stderr, _ := run(t, []*fake{f}, "show", "none.example.org"); !strings.Contains(stderr, `there is no record "none.example.org"`) {
		t.Error(stderr)
	}
}

func TestExplain(t *testing.T) {
	f := newFake(t, "127.0.0.1:0", sampleRecord("*.example.org"))
	stdout, _, exit := run(t, []*fake{f}, "explain", "*.example.org", "--client", "198.51.100.7", "--type", "a",
		"--down", "192.0.2.10", "--down", "192.0.2.11")
	mustBe(t, "the explanation", stdout, `
*.example.org A from 198.51.100.7, with 192.0.2.10 and 192.0.2.11 down
  192.0.2.20  (failed_over, tier 2, ttl 30s)

  record  asked for IPv4
  tier 1  no target is eligible
  tier 2  answers
`)
	if want := "/v1/records/%2A.example.org/explain?client=198.51.100.7&down=192.0.2.10&down=192.0.2.11&type=A"; exit != 0 ||
		!slices.Equal(f.asked, []string{want}) && !slices.Equal(f.asked, []string{strings.Replace(want, "%2A", "*", 1)}) {
		t.Errorf("status %d, asked for %q", exit, f.asked)
	}
}

func TestActions(t *testing.T) {
	tests := map[string]string{
		"drain www.example.org 192.0.2.10 --reason moving --for 15m": "drain {Target:192.0.2.10 State: Reason:moving ExpiresIn:15m0s Override:false}",
		"drain www.example.org --reason moving --force":              "drain {Target: State: Reason:moving ExpiresIn: Override:true}",
		"force unhealthy www.example.org 192.0.2.10 --reason moving": "force {Target:192.0.2.10 State:unhealthy Reason:moving ExpiresIn: Override:false}",
		"clear www.example.org 192.0.2.10 --reason moved":            "clear {Target:192.0.2.10 State: Reason:moved ExpiresIn: Override:false}",
		"failback www.example.org --reason now":                      "failback {Target: State: Reason:now ExpiresIn: Override:false}",
	}
	for args, want := range tests {
		f := newFake(t, "127.0.0.1:0", sampleRecord("www.example.org"))
		_, stderr, exit := run(t, []*fake{f}, strings.Fields(args)...)
		if exit != 0 || !slices.Equal(f.actions(), []string{want}) {
			t.Errorf("%s: status %d, %q: %s", args, exit, f.actions(), stderr)
		}
	}
}

func TestActionOnSeveral(t *testing.T) {
	one := newFake(t, "127.0.0.1:0", sampleRecord("www.example.org"))
	two := newFake(t, "127.0.0.2:0", sampleRecord("www.example.org"))
	two.refusal = "192.0.2.10 is the last eligible target"
	stdout, stderr, exit := run(t, []*fake{one, two}, "drain", "www.example.org", "192.0.2.10", "--reason", "moving")
	mustBe(t, "the result", stdout, `
SERVER           RECORD           STATE        FAMILY  TIER  ANSWERS
127.0.0.1:NNNNN  www.example.org  failed_over  IPv4    2     192.0.2.20
127.0.0.2:NNNNN  www.example.org  not done
`)
	mustBe(t, "the error", stderr, `
failoverctl: 127.0.0.2:NNNNN: not done: 192.0.2.10 is the last eligible target
failoverctl: --force does it all the same
failoverctl: drain was not done on every server
`)
	if exit != statusFailed {
		t.Errorf("status %d", exit)
	}
}

// Where a server can not be asked, nothing is done anywhere.
func TestActionNeedsAllServers(t *testing.T) {
	one := newFake(t, "127.0.0.1:0", sampleRecord("www.example.org"))
	gone := newFake(t, "127.0.0.2:0")
	gone.Close()
	drain := []string{"drain", "www.example.org", "--reason", "moving"}
	_, stderr, exit := run(t, []*fake{one, gone}, drain...)
	if exit != statusFailed || len(one.actions()) != 0 || !strings.Contains(stderr, "nothing was done on any server; --unreachable-ok") {
		t.Errorf("status %d, %q: %s", exit, one.actions(), stderr)
	}
	_, stderr, exit = run(t, []*fake{one, gone}, append(drain, "--unreachable-ok")...)
	if exit != 0 || len(one.actions()) != 1 || !strings.Contains(stderr, "127.0.0.2") {
		t.Errorf("status %d, %q: %s", exit, one.actions(), stderr)
	}
	// One that replies, and does not know the record, is not unreachable.
	other := newFake(t, "127.0.0.2:0")
	if _, stderr, exit = run(t, []*fake{one, other}, append(drain, "--unreachable-ok")...); exit != statusFailed || len(one.actions()) != 1 {
		t.Errorf("status %d, %q: %s", exit, one.actions(), stderr)
	}
}

func TestCompletion(t *testing.T) {
	f := newFake(t, "127.0.0.1:0", sampleRecord("api.example.org"), sampleRecord("www.example.org"))
	tests := map[string][]string{
		"show w":                            {"www.example.org"},
		"drain ":                            {"api.example.org", "www.example.org"},
		"drain www.example.org ":            {"192.0.2.10", "192.0.2.20"},
		"drain www.example.org 192.0.2.10 ": nil,
		"force ":                            {"healthy", "unhealthy"},
		"force healthy a":                   {"api.example.org"},
		"explain www.example.org --down ":   {"192.0.2.10", "192.0.2.20"},
		"status --state ":                   {"normal", "failed_over", "fail_open", "fail_closed", "fail_next", "forced"},
		"show none":                         nil,
	}
	for line, want := range tests {
		w := newWorld()
		w.environment = func(key string) string {
			return map[string]string{"FAILOVER_SERVER": "127.0.0.1:1," + f.address()}[key]
		}
		w.run(t.Context(), append([]string{"__complete"}, strings.Split(line, " ")...)...)
		var got []string
		for l := range strings.Lines(w.stdout.String()) {
			if !strings.HasPrefix(l, ":") {
				got = append(got, strings.TrimSpace(l))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestTokenComesFromTheEnvironment(t *testing.T) {
	var got string
	f := newFake(t, "127.0.0.1:0")
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		problem(w, http.StatusForbidden, "drain needs the role drain")
	})
	w := newWorld()
	w.environment = func(key string) string {
		return map[string]string{"FAILOVER_SERVER": f.address(), "FAILOVER_TOKEN": "s3cret"}[key]
	}
	exit := w.run(t.Context(), "show", "www.example.org")
	if exit != statusFailed || got != "Bearer s3cret" ||
		!strings.HasSuffix(w.stderr.String(), "drain needs the role drain\n") {
		t.Errorf("status %d, %q: %s", exit, got, w.stderr)
	}
}
