package failover

import (
	"errors"
	"fmt"
	"io"
	golog "log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/state"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
)

// startsLater is a plugin whose OnStartup comes after ours; a Corefile that names
// it has that function called.
var startsLater func() error

func init() {
	plugin.Register("startslater", func(c *caddy.Controller) error {
		c.OnStartup(func() error { return startsLater() })
		return nil
	})
	dnsserver.Directives = slices.Insert(dnsserver.Directives, slices.Index(dnsserver.Directives, "cache"), "startslater")
}

// fails reloads to a Corefile that fails in another plugin's OnStartup, after
// during has been called there.
func (r *running) fails(corefile string, during func()) {
	r.Helper()
	startsLater = func() error {
		during()
		return errors.New("another plugin fails to start")
	}
	if err := r.reload(strings.Replace(corefile, " bind", " startslater\n bind", 1)); err == nil {
		r.Fatal("the reload should have failed")
	}
}

func nothing() {}

// process is a server block with records, and settings of the process.
func process(settings string, records ...string) string {
	s := "example.org:0 {\n bind 127.0.0.1\n"
	if settings != "" {
		s += " failover {\n" + settings + "\n }\n"
	}
	for i, r := range records {
		s += " failover " + []string{"www", "api", "db"}[i] + ".example.org {\n" + r + "\n }\n"
	}
	return s + "}\n"
}

// forget takes away what this process knows. What a configuration that has failed to
// start still tells comes before.
func forget() {
	healthcheck.engine.Wait()
	healthcheck = newHealthchecks()
}

// oneProcess runs what is done in a process that knows nothing of the one before.
func oneProcess(t *testing.T, corefile string, do func(s steered)) {
	t.Helper()
	forget()
	t.Run("", func(t *testing.T) { do(steered{run(t, corefile)}) })
}

func kept(t *testing.T, path string) state.State {
	t.Helper()
	s, err := state.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keep puts a state into a file.
func keep(t *testing.T, path string, s state.State) {
	t.Helper()
	state.Open(path, time.Hour, func() state.State { return s }, func(error) {}).Close()
}

// The state at the end is that of the configuration that ends, and not that of
// the last one that has failed to start.
func TestStateAtTheEndAfterAFailedReload(t *testing.T) {
	path, port := filepath.Join(t.TempDir(), "state"), deadPort(t)
	corefile := process("state_file "+path, twoTiers(port, "failback manual"))
	oneProcess(t, corefile, func(s steered) {
		s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
		s.fails(strings.Replace(corefile, "www", "other", 1), nothing)
		s.answers("127.0.0.2")
	})
	end := kept(t, path)
	if len(end.Verdicts) != 1 || !strings.Contains(end.Verdicts[0].Check, "|www.example.org.|") {
		t.Errorf("the verdicts at the end are %+v", end.Verdicts)
	}
	if len(end.Holds) != 2 || end.Holds[0].Record != "www.example.org." {
		t.Errorf("the holds at the end are %+v", end.Holds)
	}
}

// What an operator says while a configuration starts holds, whether that fails or
// not.
func TestFailbackDuringAReloadThatFails(t *testing.T) {
	port := deadPort(t)
	s := steer(t, twoTiers(port, "failback manual"))
	s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	s.must(status.Force, status.Action{Target: "127.0.0.1", State: "healthy"})
	s.answers("127.0.0.2")
	s.fails(process("", twoTiers(port, "failback manual")), func() {
		s.must(status.Failback, status.Action{})
	})
	s.answers("127.0.0.1")
}

func TestFailbackWhileANewConfigurationClaims(t *testing.T) {
	port := deadPort(t)
	s := steer(t, twoTiers(port, "failback manual"))
	s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	s.must(status.Force, status.Action{Target: "127.0.0.1", State: "healthy"})
	before := healthcheck.serving()
	f, _, c := successor(t, before.handlers[0], "failover www.example.org {\n"+twoTiers(port, "failback manual")+"\n}")
	if err := c.claim(before); err != nil {
		t.Fatal(err)
	}
	s.must(status.Failback, status.Action{}) // the old configuration is the newest
	s.answers("127.0.0.1")
	healthcheck.begin(c, before)
	f.start()
	if got := f.records[0].answers[0].Load().Tier; got != 1 {
		t.Errorf("the new configuration answers with tier %d, although the operator has failed back", got)
	}
}

// A configuration that fails to start leaves no event behind that nothing takes
// back.
func TestEventsOfAReloadThatFails(t *testing.T) {
	port := listener(t)
	s := steer(t, twoTiers(port))
	s.awaitVerdict()
	corefile := process("", strings.Replace(twoTiers(port), "primary 127.0.0.1", "primary 127.0.0.1 {\n drain\n }", 1))
	s.fails(corefile, nothing)
	s.answers("127.0.0.1")
	if history := s.shown().History; len(history) > 0 && !strings.HasPrefix(history[0].To, "normal") {
		t.Errorf("the record is %s, but its history ends with %+v", s.shown().State, history[0])
	}
}

// What happens while a configuration starts that fails then, is not lost.
func TestEventsDuringAReloadThatFails(t *testing.T) {
	port := listener(t)
	s := steer(t, twoTiers(port))
	s.awaitVerdict()
	s.fails(strings.Replace(process("", twoTiers(port)), "www", "other", 1), func() {
		old := healthcheck.begun()[0].handlers[0].records[0]
		old.tier(1)[0].force.Store(&status.Forced{State: status.ForcedUnhealthy}) // as good as a verdict
		healthcheck.update(old)
	})
	s.answers("127.0.0.2")
	if history := s.shown().History; len(history) == 0 || history[0].Kind != status.RecordChanged {
		t.Errorf("the record is %s, and its history is %+v", s.shown().State, history)
	}
}

// The state file is the same one, however old it may be.
func TestReloadThatChangesMaxAge(t *testing.T) {
	path, port := filepath.Join(t.TempDir(), "state"), listener(t)
	corefile := process("state_file "+path, twoTiers(port))
	older := process("state_file "+path+" {\n max_age 1h\n }", twoTiers(port))
	oneProcess(t, corefile, func(s steered) {
		s.awaitVerdict()
		s.await("the file", func() bool { return len(kept(t, path).Verdicts) == 1 })
		before := stateErrors()
		s.fails(older, nothing)
		s.must(status.Drain, status.Action{Target: "127.0.0.1"})
		s.await("the drain in the file", func() bool { return len(kept(t, path).Forced) == 1 })
		if n := stateErrors() - before; n > 0 {
			t.Errorf("%v errors are reported: the process takes itself for another one", n)
		}
	})
}

func stateErrors() float64 {
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		if f.GetName() == "coredns_failover_state_file_errors_total" {
			return f.Metric[0].Counter.GetValue()
		}
	}
	return 0
}

// Where the plugin is taken out and added again, it starts as a new process does.
func TestPluginThatIsRemovedAndAddedAgain(t *testing.T) {
	path, port := filepath.Join(t.TempDir(), "state"), deadPort(t)
	const slow = "interval 24h\n fast_interval 24h"
	corefile := process("state_file "+path, twoTiers(port))
	oneProcess(t, corefile, func(s steered) {
		s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
		if err := s.reload("example.org:0 {\n bind 127.0.0.1\n whoami\n}\n"); err != nil {
			t.Fatal(err)
		}
		if n := len(kept(t, path).Verdicts); n != 1 {
			t.Errorf("%d verdicts are kept", n)
		}
		again := strings.Replace(corefile, "interval 1s\n fast_interval 100ms", slow, 1)
		if err := s.reload(again); err != nil {
			t.Fatal(err)
		}
		s.answers("127.0.0.2")
	})
}

// A check that two records share starts with what is known of it, whichever of
// them is first.
func TestRestoredVerdictOfASharedCheck(t *testing.T) {
	path, port := filepath.Join(t.TempDir(), "state"), deadPort(t)
	settings := "state_file " + path
	oneProcess(t, process(settings, twoTiers(port)), func(s steered) {
		s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	})
	slow := strings.Replace(twoTiers(port), "interval 1s\n fast_interval 100ms", "interval 24h\n fast_interval 24h", 1)
	two := process(settings, slow, slow)
	two = strings.Replace(strings.Replace(strings.Replace(two, "www", "x", 1), "api", "www", 1), "failover x", "failover api", 1)
	oneProcess(t, two, func(s steered) { s.answers("127.0.0.2") })
}

func TestEditedCheckThatANewRecordShares(t *testing.T) {
	port := deadPort(t)
	s := steer(t, twoTiers(port))
	s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	slow := strings.Replace(twoTiers(port), "interval 1s\n fast_interval 100ms", "interval 24h\n fast_interval 24h", 1)
	two := process("", slow, slow)
	two = strings.Replace(strings.Replace(strings.Replace(two, "www", "x", 1), "api", "www", 1), "failover x", "failover api", 1)
	if err := s.reload(two); err != nil {
		t.Fatal(err)
	}
	s.answers("127.0.0.2")
}

// A probe that says nothing does not make an old verdict young.
func TestVerdictThatNoProbeConfirmsGetsOld(t *testing.T) {
	for name, check := range map[string]string{
		"broken": "check https {\n tls /nowhere.pem\n interval 1s\n fast_interval 100ms\n }",
		"late":   "check heartbeat shop {\n interval 1h\n }",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			slot, asOf := "https :443/", time.Now().Add(-5*time.Minute).UTC()
			if name == "late" {
				slot = "heartbeat shop"
			}
			keep(t, path, state.State{Verdicts: []state.Verdict{{
				Check:   "dns://127.0.0.1:0|example.org.||www.example.org.|127.0.0.1|127.0.0.1||0|" + slot,
				Verdict: "unhealthy", Since: asOf, AsOf: asOf,
			}}})
			settings := "state_file " + path + "\n admin 127.0.0.1:0"
			record := "primary 127.0.0.1\n secondary 127.0.0.2 {\n check none\n }\n" + check
			oneProcess(t, process(settings, record), func(s steered) {
				s.answers("127.0.0.2")
				c := handler().records[0].tier(1)[0].list()[0].checks[0]
				s.await("a probe", func() bool { return !c.Status().Probed.IsZero() })
			})
			if got := kept(t, path).Verdicts; len(got) != 1 || !got[0].AsOf.Equal(asOf) {
				t.Errorf("the verdict that was known at %v is kept as %+v", asOf, got)
			}
		})
	}
}

// A verdict that a record shares with another is as old as it is there.
func TestSharedVerdictThatIsNotConfirmedGetsOld(t *testing.T) {
	forget()
	asOf := time.Now().Add(-5 * time.Minute).UTC()
	m := newMemory(state.State{Written: time.Now(), Verdicts: []state.Verdict{{
		Check:   "dns://127.0.0.1:53|example.org.||www.example.org.|192.0.2.1|192.0.2.1||0|tcp :9",
		Verdict: "healthy", Since: asOf, AsOf: asOf,
	}}}, time.Hour)
	const one = "failover %s.example.org {\n primary 192.0.2.1\n check tcp 9\n}\n"
	f := handlerOf(t, fmt.Sprintf(one, "www")+fmt.Sprintf(one, "api"))
	remembering(t, m, f)
	verdicts := f.knownVerdicts()
	for _, v := range verdicts {
		if !v.AsOf.Equal(asOf) {
			t.Errorf("it is kept as %+v", v)
		}
	}
	if len(verdicts) != 2 {
		t.Errorf("%d verdicts are kept", len(verdicts))
	}
}

// As a reload does, a start forgets what was forced where there is nothing left.
func TestForcedStateOfWhatIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	keep(t, path, state.State{Forced: []state.Forced{{
		Server: "dns://127.0.0.1:0", Zone: "example.org.", Record: "gone.example.org.", State: status.ForcedDrained,
		Reason: "new kernel", By: "tester", Since: time.Now(),
	}}})
	oneProcess(t, process("state_file "+path, twoTiers(listener(t))), func(steered) {
		if forced := (source{}).Overview().Forced; len(forced) > 0 {
			t.Errorf("forced are %+v", forced)
		}
	})
	if forced := kept(t, path).Forced; len(forced) > 0 {
		t.Errorf("for ever kept are %+v", forced)
	}
}

// Whoever is told of changes can tell what a record's state is by the last one.
func TestChangesAreToldInTheirOrder(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	golog.SetOutput(io.Discard)
	defer golog.SetOutput(os.Stderr)
	r := handler().records[0]
	set := func(n int, state string) {
		r.targets[n].force.Store(&status.Forced{State: state})
		healthcheck.update(r)
	}
	for range 500 {
		var both sync.WaitGroup
		both.Go(func() { set(0, status.ForcedUnhealthy) })
		both.Go(func() { set(1, status.ForcedUnhealthy) })
		both.Wait()
		if last := r.past.newest()[0]; !strings.HasPrefix(last.To, "fail_open") {
			t.Fatalf("the record is %v, and the last event is %+v", r.state(), last)
		}
		set(0, status.ForcedHealthy)
		set(1, status.ForcedHealthy)
	}
}

// Whoever renews a forced state at the moment that it expires has it.
func TestForcedStateThatIsRenewedAsItExpires(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	s.must(status.Drain, status.Action{Target: "127.0.0.1", ExpiresIn: "1h"})
	key := forceKey{handler().records[0].key(), "127.0.0.1"}
	expiring := healthcheck.forces.all[key]
	s.must(status.Drain, status.Action{Target: "127.0.0.1", ExpiresIn: "1h", Reason: "it takes longer"})
	healthcheck.expire(key, expiring) // its timer has fired before it was stopped
	if got := s.shown(); got.Tiers[0].Targets[0].Force == nil || got.History[0].Reason == "expired" {
		t.Errorf("it is %+v, and the history says %+v", got.Tiers[0].Targets[0].Force, got.History[0])
	}
}

// The last target is not given up for one that a configuration has which will fail.
func TestLastTargetDuringAReloadThatFails(t *testing.T) {
	port := listener(t)
	s := steer(t, "primary 127.0.0.1\n check tcp "+port)
	s.await("a verdict", func() bool { return s.shown().Tiers[0].Targets[0].Verdict == "healthy" })
	s.fails(process("", twoTiers(port)), func() {
		problem(t, s.act(status.Drain, status.Action{Target: "127.0.0.1"}), status.Refused, "no eligible target")
	})
}

// A configuration that fails to start leaves other files alone.
func TestFailedReloadWritesNoStateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	s.fails(process("state_file "+path, twoTiers(listener(t))), nothing)
	if _, err := os.Stat(path); err == nil {
		t.Error("the configuration has left a state file behind")
	}
}

// What is kept while a configuration starts is what the one before knows, which may
// stay.
func TestStateDuringAFailedReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	corefile := process("state_file "+path, twoTiers(deadPort(t)))
	oneProcess(t, corefile, func(s steered) {
		s.await("the verdict", func() bool { return len(healthcheck.known().Verdicts) == 1 })
		s.fails(strings.Replace(corefile, "www", "other", 1), func() {
			if v := healthcheck.known().Verdicts; len(v) != 1 || !strings.Contains(v[0].Check, "|www.example.org.|") {
				t.Errorf("the verdicts meanwhile are %+v", v)
			}
		})
	})
}

// A drain outlives a reload that has the same record listen on one address more.
func TestForcedStateOfARecordThatListensElsewhere(t *testing.T) {
	port := listener(t)
	s := steer(t, twoTiers(port))
	s.awaitVerdict()
	s.must(status.Drain, status.Action{Target: "127.0.0.1"})
	if err := s.reload(strings.Replace(process("", twoTiers(port)), "bind 127.0.0.1", "bind 127.0.0.1 127.0.0.2", 1)); err != nil {
		t.Fatal(err)
	}
	s.answers("127.0.0.2")
}

// After the clock was set back nobody knows how old a verdict is.
func TestVerdictOfTheFuture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	ahead := time.Now().Add(24 * time.Hour).UTC()
	keep(t, path, state.State{Verdicts: []state.Verdict{{
		Check:   "dns://127.0.0.1:0|example.org.||www.example.org.|127.0.0.1|127.0.0.1||0|heartbeat shop",
		Verdict: "unhealthy", Since: ahead, AsOf: ahead,
	}}})
	record := "primary 127.0.0.1\n secondary 127.0.0.2 {\n check none\n }\ncheck heartbeat shop {\n interval 1h\n }"
	oneProcess(t, process("state_file "+path+"\n admin 127.0.0.1:0", record), func(s steered) { s.answers("127.0.0.1") })
}

// Everything at once, for the race detector and for deadlocks; nothing is left
// of it at the end.
func TestOperatingDuringAStormOfReloads(t *testing.T) {
	golog.SetOutput(io.Discard)
	defer golog.SetOutput(os.Stderr)
	dir, alive, dead := t.TempDir(), listener(t), deadPort(t)
	took := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer took.Close()
	corefile := func(i int) string {
		settings := fmt.Sprintf("state_file %s {\n max_age %ds\n }\n admin 127.0.0.1:0\n notify %s/%d", filepath.Join(dir, fmt.Sprint(i%3)), 60+i, took.URL, i%2)
		if i%4 == 3 {
			settings = "admin 127.0.0.1:0"
		}
		beat := "primary 127.0.0.1\n secondary 127.0.0.2 {\n check none\n }\n check heartbeat shop {\n interval 1s\n }"
		return process(settings, twoTiers(alive, "failback manual"), twoTiers(dead, "failback after 1s"), beat)
	}
	forget()
	before := runtime.NumGoroutine()
	t.Run("", func(t *testing.T) {
		r := run(t, corefile(0))
		done := make(chan struct{})
		var all sync.WaitGroup
		often := func(do func(n int)) {
			all.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-done:
						return
					case <-time.After(time.Millisecond):
						do(n)
					}
				}
			})
		}
		often(func(n int) {
			verb := []string{status.Drain, status.Clear, status.Force, status.Failback}[n%4]
			a := status.Action{Reason: "a test", ExpiresIn: []string{"", "3ms", "1h"}[n%3], Override: n%2 == 0}
			if verb == status.Force {
				a.State = status.ForcedUnhealthy
			}
			if n%5 > 0 {
				a.Target = "127.0.0.1"
			}
			source{}.Act([]string{"www", "api", "db"}[n%3]+".example.org", verb, "tester", a)
		})
		often(func(int) { source{}.Beat("shop") })
		often(func(int) { source{}.Explain("www.example.org", status.Question{Down: []string{"127.0.0.1"}}) })
		often(func(int) {
			source{}.Overview()
			source{}.Records(status.Query{Limit: 9})
			source{}.Record("api.example.org")
		})
		often(func(int) { prometheus.DefaultGatherer.Gather() })
		often(func(int) { healthcheck.known(); healthcheck.changed() })
		for i := range 60 {
			if i%3 == 2 {
				r.fails(corefile(i), func() {})
				continue
			}
			if err := r.reload(corefile(i)); err != nil {
				t.Error(err)
			}
		}
		close(done)
		all.Wait()
	})
	healthcheck.operations.ending.Wait()
	eventually.True(t, "its goroutines to end", func() bool { return runtime.NumGoroutine() <= before+1 })
	for name, n := range map[string]int{"admins": len(healthcheck.operations.admins.shared), "notifiers": len(healthcheck.operations.notifiers.shared)} {
		if n > 0 {
			t.Errorf("%d %s are left", n, name)
		}
	}
}
