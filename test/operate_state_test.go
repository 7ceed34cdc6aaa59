package test_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/state"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/miekg/dns"
)

// keeping are the settings of a process that keeps its state, and is steered.
const keeping = steerable + `
    state_file {$STATE}
`

// stateVars give a process a state file in a directory of its own.
func stateVars(t testing.TB) vars {
	t.Helper()
	return vars{"STATE": filepath.Join(t.TempDir(), "state")}
}

// kept is what the state file holds; nothing where there is none yet.
func (s *server) kept(t testing.TB) state.State {
	t.Helper()
	kept, err := state.Load(s.env["STATE"])
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// awaitKept waits until the state file holds what is wanted.
func (s *server) awaitKept(t testing.TB, what string, wanted func(state.State) bool) {
	t.Helper()
	await(t, func() string {
		if !wanted(s.kept(t)) {
			return "the state file lacks " + what
		}
		return ""
	})
}

// hasVerdict finds the verdict of an address.
func hasVerdict(ip, verdict string) func(state.State) bool {
	return func(kept state.State) bool {
		for _, v := range kept.Verdicts {
			if strings.Contains(v.Check, "|"+ip+"|") && v.Verdict == verdict {
				return true
			}
		}
		return false
	}
}

// relaunch runs a process that has ended again, where it was, with another
// Corefile; it returns at once.
func (s *server) relaunch(t testing.TB, corefile string) *server {
	t.Helper()
	s.write(t, corefile)
	next := &server{
		ip: s.ip, port: s.port, corefile: s.corefile, program: s.program, env: s.env,
		log: new(logged), ended: make(chan struct{}),
	}
	next.run(t)
	return next
}

// first is the very first answer that a process gives which is about to start:
// it is asked until it gives one.
func (s *server) first(t testing.TB, name string) string {
	t.Helper()
	answer := ""
	client := dns.Client{Timeout: time.Second}
	await(t, func() string {
		if s.hasEnded() {
			t.Fatalf("CoreDNS does not start:\n%s", s.log)
		}
		reply, _, err := client.Exchange(question(name, dns.TypeA), s.endpoint())
		if err != nil {
			return "there is no answer: " + err.Error()
		}
		answer = inWords(reply)
		return ""
	})
	s.awaitStart(t)
	return answer
}

// slowly is a Corefile whose checks find out nothing for as long as a test takes.
func slowly(corefile string) string {
	return strings.Replace(corefile, fast, `
(fast) {
    interval 1h
    fast_interval 1h
    threshold 3
}
`, 1)
}

// A process that is killed during an outage, and started again, answers with the
// secondary from its very first answer on, though it has probed nothing yet. What
// it has taken over ends as soon as it knows better.
func TestOperateRestartDuringOutage(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	corefile := operated(keeping, www)
	s := start(t, corefile, sites.vars(), operateTokens(t), stateVars(t))
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.awaitKept(t, "the outage", hasVerdict(sites[0].ip, "unhealthy"))
	s.kill(t)

	again := s.relaunch(t, slowly(corefile))
	if got := again.first(t, "www.example.org"); got != sites[1].ip {
		t.Errorf("the first answer is %s, want %s", got, sites[1].ip)
	}
	mustAnswer(t, again, "www.example.org", dns.TypeA, sites[1].ip)
	again.log.mustMatchOnce(t, "state_file: "+s.env["STATE"]+" is .* old: 2 verdicts, 0 forced states, 0 holds and 0 names are taken over")
	mustBeOnly(t, again.operator(t).overview(t).Records, map[string]int{"failed_over": 1})

	sites[0].start(t)
	again.reload(t, corefile)
	awaitAnswer(t, again, "www.example.org", dns.TypeA, sites[0].ip)

	// A process that ends as it should leaves as much behind.
	sites[0].stop()
	awaitAnswer(t, again, "www.example.org", dns.TypeA, sites[1].ip)
	if code := again.terminate(t); code != 0 {
		t.Errorf("CoreDNS ends with exit status %d", code)
	}
	if got := again.relaunch(t, slowly(corefile)).first(t, "www.example.org"); got != sites[1].ip {
		t.Errorf("after the end by SIGTERM the first answer is %s, want %s", got, sites[1].ip)
	}
}

// Before the first probe after a restart nothing is known of why a target is
// unhealthy: what is told of it does not make up another reason.
func TestOperateRestartKnowsNoReason(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	corefile := operated(keeping, www)
	s := start(t, corefile, sites.vars(), operateTokens(t), stateVars(t))
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.awaitKept(t, "the outage", hasVerdict(sites[0].ip, "unhealthy"))
	s.kill(t)
	sites[0].behave(silent) // no probe ends
	sites[0].start(t)
	again := s.relaunch(t, strings.Replace(slowly(corefile), "interval 1h", "interval 1h\ntimeout 1h", 1))
	if got := again.first(t, "www.example.org"); got != sites[1].ip {
		t.Errorf("the first answer is %s, want %s", got, sites[1].ip)
	}
	shown := []string{again.operator(t).do(t, http.MethodGet, "/v1/records/www.example.org", nil).body}
	for _, m := range []*dns.Msg{chaos("www.example.org"), question("www.example.org", dns.TypeA).SetEdns0(1232, false)} {
		shown = append(shown, again.exchange(t, "tcp", m).String())
	}
	for _, text := range shown {
		if strings.Contains(text, "disabled and inverted") {
			t.Errorf("the check is neither disabled nor inverted: %s", text)
		}
	}
}

// Without a state file the same process answers with the primary, dead or not.
func TestOperateRestartWithoutState(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	sites[0].stop()
	s := start(t, zone(www), sites.vars())
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.kill(t)
	if got := s.relaunch(t, slowly(zone(www))).first(t, "www.example.org"); got != sites[0].ip {
		t.Errorf("the first answer is %s, want %s", got, sites[0].ip)
	}
}

// What an operator has forced survives a kill, with all that was said about it,
// unless its time is over by then.
func TestOperateForcedSurvives(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	corefile := operated(keeping, strings.Replace(www, "secondary {$T2}", "secondary {$T2}\ntier 3 {$T3}", 1))
	s := start(t, corefile, sites.vars(), operateTokens(t), stateVars(t))
	s.log.await(t, 3, "unknown -> healthy")
	o := s.operator(t)
	o.act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: "new kernel", ExpiresIn: "1h"})
	forced := *o.act(t, status.Force, status.Action{Target: sites[2].ip, State: status.ForcedUnhealthy, Reason: "a drill"}).Tiers[2].Targets[0].Force
	short := o.act(t, status.Drain, status.Action{Target: sites[1].ip, Reason: "for a moment", ExpiresIn: "5s", Override: true})
	until := short.Tiers[1].Targets[0].Force.Until
	s.awaitKept(t, "what is forced", func(kept state.State) bool { return len(kept.Forced) == 3 })
	s.kill(t)
	await(t, func() string {
		if time.Now().Before(until) {
			return "what is forced for a moment has not expired"
		}
		return ""
	})

	again := s.relaunch(t, slowly(corefile))
	if got := again.first(t, "www.example.org"); got != sites[1].ip {
		t.Errorf("the first answer is %s, want %s", got, sites[1].ip)
	}
	r := again.operator(t).record(t, "www.example.org")
	if got := r.Tiers[0].Targets[0].Force; got == nil || got.State != status.ForcedDrained || got.Reason != "new kernel" || got.By != "oncall" || got.Until.IsZero() {
		t.Errorf("the drained target is shown as %+v", got)
	}
	if got := r.Tiers[2].Targets[0].Force; got == nil || *got != forced {
		t.Errorf("the forced target is shown as %+v, want %+v", got, forced)
	}
	if got := r.Tiers[1].Targets[0].Force; got != nil {
		t.Errorf("what had expired is shown as %+v", got)
	}
	again.operator(t).act(t, status.Clear, status.Action{Target: sites[0].ip, Reason: "done"})
	mustAnswer(t, again, "www.example.org", dns.TypeA, sites[0].ip)
}

// What was forced on a record that the Corefile has no more is gone with it.
func TestOperateForcedOfNoRecord(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(keeping, www+extraHold), sites.vars(), operateTokens(t), stateVars(t))
	s.log.await(t, 2, "unknown -> healthy")
	drain := status.Action{Target: sites[0].ip, Reason: "new kernel"}
	s.operator(t).act(t, status.Drain, drain)
	s.operator(t).mustDo(t, http.MethodPost, "/v1/records/other.example.org/drain", drain, new(status.Record))
	s.awaitKept(t, "what is forced", func(kept state.State) bool { return len(kept.Forced) == 2 })
	s.kill(t)
	again := s.relaunch(t, operated(keeping, www))
	again.awaitStart(t)
	if got := again.operator(t).overview(t).Forced; len(got) != 1 || !strings.HasPrefix(got[0].Record, "www.example.org@") {
		t.Errorf("what is forced is %+v, want that of www.example.org alone", got)
	}
}

// What failback manual holds is held over a kill, also when the primary is found
// healthy, until an operator says so.
func TestOperateHoldSurvives(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	corefile := operated(keeping, strings.Replace(www, "secondary {$T2}", "secondary {$T2}\nfailback manual", 1))
	s := start(t, corefile, sites.vars(), operateTokens(t), stateVars(t))
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	sites[0].start(t)
	s.log.await(t, 1, sites[0].ip, "unhealthy -> healthy")
	mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.awaitKept(t, "what is held, and that the primary is back", func(kept state.State) bool {
		return len(kept.Holds) > 0 && kept.Holds[0].Tier == 2 && hasVerdict(sites[0].ip, "healthy")(kept)
	})
	s.kill(t)

	again := s.relaunch(t, corefile)
	if got := again.first(t, "www.example.org"); got != sites[1].ip {
		t.Errorf("the first answer is %s, want %s", got, sites[1].ip)
	}
	sites.awaitProbes(t, 3)
	mustAnswer(t, again, "www.example.org", dns.TypeA, sites[1].ip)
	o := again.operator(t)
	if f := o.record(t, "www.example.org").Families[0]; f.Tier != 2 || !f.Waiting {
		t.Errorf("what is held is shown as %+v", f)
	}
	o.act(t, status.Failback, status.Action{Reason: "the data is in sync"})
	mustAnswer(t, again, "www.example.org", dns.TypeA, sites[0].ip)
	again.log.mustMatchOnce(t, `oncall: failback www.example.org: "the data is in sync"`)
	again.awaitKept(t, "that nothing is held", func(kept state.State) bool { return len(kept.Holds) == 0 })
}

// The addresses of an alias survive: the first answer after a kill has them,
// though nobody answers for the name.
func TestOperateAliasSurvives(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip))
	corefile := operated(keeping, "forward . {$ORIGIN} {\nmax_fails 0\n}\n"+aliasOfWeb)
	s := start(t, corefile, sites.vars(), origin.vars(), operateTokens(t), stateVars(t))
	s.log.await(t, 2, "unknown -> healthy")
	s.awaitKept(t, "the name", func(kept state.State) bool {
		return len(kept.Names) == 1 && len(kept.Names[0].Addrs) == 1 && hasVerdict(sites[1].ip, "healthy")(kept)
	})
	s.kill(t)
	origin.set(func() { origin.mute = true })

	again := s.relaunch(t, corefile)
	if got := again.first(t, "www.example.org"); got != sites[1].ip {
		t.Errorf("the first answer is %s, want %s", got, sites[1].ip)
	}
	again.log.await(t, 1, "target web.example.org: no answer, it stays "+sites[1].ip+" for now")
	mustAnswer(t, again, "www.example.org", dns.TypeA, sites[1].ip)
	sites[1].stop() // what is remembered is probed
	awaitAnswer(t, again, "www.example.org", dns.TypeA, sites[0].ip)
}

// Verdicts and addresses that are older than max_age are not taken over; what an
// operator said is.
func TestOperateStateTooOld(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	origin := startAliasOrigin(t, aliasA("web", sites[1].ip))
	const other = "failover other.example.org {\nprimary 192.0.2.10\nsecondary 192.0.2.20\ncheck none\n}\n"
	corefile := operated(steerable+"state_file {$STATE} {\nmax_age 1s\n}\n",
		"forward . {$ORIGIN} {\nmax_fails 0\n}\n"+www+other+strings.ReplaceAll(aliasOfWeb, "www.", "alias."))
	s := start(t, corefile, sites.vars(), origin.vars(), operateTokens(t), stateVars(t))
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.operator(t).mustDo(t, http.MethodPost, "/v1/records/other.example.org/drain",
		status.Action{Target: "192.0.2.10", Reason: "for good"}, new(status.Record))
	s.awaitKept(t, "all of it", func(kept state.State) bool {
		return len(kept.Forced) == 1 && len(kept.Names) == 1 && hasVerdict(sites[0].ip, "unhealthy")(kept)
	})
	s.kill(t)
	origin.set(func() { origin.mute = true })
	written := s.kept(t).Written
	await(t, func() string {
		if time.Since(written) < 1100*time.Millisecond {
			return "the state is young"
		}
		return ""
	})

	again := s.relaunch(t, slowly(corefile))
	if got := again.first(t, "www.example.org"); got != sites[0].ip {
		t.Errorf("the first answer is %s, want %s: it has become old", got, sites[0].ip)
	}
	mustAnswer(t, again, "other.example.org", dns.TypeA, "192.0.2.20")
	if got := again.ask(t, "alias.example.org", dns.TypeA); got != sites[0].ip {
		t.Errorf("the alias is answered with %s, want that of the next tier", got)
	}
	again.log.mustMatchOnce(t, "state_file: .*: 0 verdicts, 1 forced states, 0 holds and 0 names are taken over")
}

// stateBad are the ways in which a state file can be none. Each makes one of what
// a process has written, and says why it is not taken.
var stateBad = map[string]struct {
	spoil func(path string, file []byte) error
	why   string
	stays bool // it is nothing to put aside
}{
	"damaged": {func(path string, file []byte) error {
		file[len(file)-10] ^= 1
		return os.WriteFile(path, file, 0o600)
	}, "is damaged: its checksum is wrong; it is put aside as", false},
	"truncated": {func(path string, file []byte) error {
		return os.WriteFile(path, file[:len(file)/2], 0o600)
	}, "is damaged: its checksum is wrong; it is put aside as", false},
	"empty": {func(path string, _ []byte) error {
		return os.WriteFile(path, nil, 0o600)
	}, "is no state file of failover; it is put aside as", false},
	"foreign": {func(path string, _ []byte) error {
		return os.WriteFile(path, []byte("#!/bin/sh\necho mine\n"), 0o600)
	}, "is no state file of failover; it is put aside as", false},
	"future": {func(path string, file []byte) error {
		return os.WriteFile(path, []byte(strings.Replace(string(file), `"version":1`, `"version":7`, 1)), 0o600)
	}, "is of version 7, which only a later release can read; it is put aside as", false},
	"unreadable": {func(path string, _ []byte) error {
		return errors.Join(os.Remove(path), os.Symlink(path, path)) // also for root
	}, "cannot be read: too many levels of symbolic links", true},
	"directory": {func(path string, _ []byte) error {
		return errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "more"), 0o700))
	}, "cannot be read: it is not a regular file", true},
}

// A state file that is none is put aside with one warning, and the server starts
// as one that knows nothing.
func TestOperateStateIsNone(t *testing.T) {
	t.Parallel()
	for name, one := range stateBad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			corefile := operated(keeping, www)
			s := start(t, corefile, sites.vars(), operateTokens(t), stateVars(t))
			s.log.await(t, 2, "unknown -> healthy")
			s.operator(t).act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: "this is lost"})
			s.awaitKept(t, "all of it", func(kept state.State) bool { return len(kept.Forced) == 1 && len(kept.Verdicts) == 2 })
			s.kill(t)
			path := s.env["STATE"]
			file, err := os.ReadFile(path)
			if err == nil {
				err = one.spoil(path, file)
			}
			if err != nil {
				t.Fatal(err)
			}
			spoiled, _ := os.ReadFile(path)

			again := s.relaunch(t, corefile)
			if got := again.first(t, "www.example.org"); got != sites[0].ip {
				t.Errorf("the first answer is %s, want %s", got, sites[0].ip)
			}
			again.log.mustMatchOnce(t, "state_file: "+path+" "+one.why+".*")
			if warnings := again.log.find("[WARNING]"); len(warnings) != 1 {
				t.Errorf("there are %d warnings, want one: %q", len(warnings), warnings)
			}
			aside, err := os.ReadFile(path + ".bad")
			if !one.stays && (err != nil || string(aside) != string(spoiled)) {
				t.Errorf("the file is not put aside: %v, %q", err, aside)
			}
			again.log.await(t, 2, "unknown -> healthy")
			if name == "directory" {
				again.log.await(t, 1, "[ERROR] plugin/failover: state_file: it can not be written", path)
				return
			}
			await(t, func() string { // and it is kept anew
				if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
					return "there is no new state file"
				}
				return ""
			})
			again.awaitKept(t, "what is known now", hasVerdict(sites[0].ip, "healthy"))
		})
	}
}

// readOnly is a directory that nobody can write into.
func readOnly(t testing.TB) string {
	t.Helper()
	for _, dir := range []string{t.TempDir(), "/sys"} { // root may write into the first
		if os.Chmod(dir, 0o500) != nil && dir != "/sys" {
			continue
		}
		f, err := os.CreateTemp(dir, "try-")
		if err != nil {
			return dir
		}
		f.Close()
		os.Remove(f.Name())
	}
	t.Skip("this user may write everywhere")
	return ""
}

// Where the state can not be written, the server serves all the same; the log and
// a metric say so, once.
func TestOperateStateReadOnly(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	for name, dir := range map[string]string{"read-only": readOnly(t), "missing": missing} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			s := start(t, operated(keeping, www), sites.vars(), operateTokens(t), vars{"STATE": filepath.Join(dir, "state")})
			s.log.await(t, 2, "unknown -> healthy")
			s.log.await(t, 1, "[ERROR] plugin/failover: state_file: it can not be written, a restart would know nothing newer: "+dir+"/state")
			s.awaitMetric(t, 1, "state_file_errors_total")
			sites[0].stop()
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			sites[1].awaitProbes(t, 2)
			if n := len(s.log.find("it can not be written")); n != 1 {
				t.Errorf("%d lines say that the state can not be written, want one", n)
			}
			if name != "missing" {
				return
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			s.log.await(t, 1, "[INFO] plugin/failover: state_file: it is written again")
			s.awaitKept(t, "the outage", hasVerdict(sites[0].ip, "unhealthy"))
			await(t, func() string {
				at := s.metric(t, "state_file_last_write_timestamp_seconds")
				if age := time.Since(time.Unix(int64(at), 0)); age > time.Minute {
					return fmt.Sprintf("the metric says that it was written %v ago", age)
				}
				return ""
			})
		})
	}
}
