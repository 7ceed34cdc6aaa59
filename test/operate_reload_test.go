package test_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/state"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/miekg/dns"
)

// listening returns the TCP ports of the process's own sockets that listen, as
// ADDRESS:PORT, each as often as it is open; known is false where the system can
// not say (it is no Linux).
func (s *server) listening(t testing.TB) (sockets []string, known bool) {
	t.Helper()
	known = s.sockets(t, func(words []string) {
		if words[3] == listens {
			sockets = append(sockets, unhex(words[1]))
		}
	})
	slices.Sort(sockets)
	return sockets, known
}

// sockets calls each with the words that /proc/net/tcp has on each of the process's
// own sockets; known is false where there is no such file.
func (s *server) sockets(t testing.TB, each func(words []string)) (known bool) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d", s.command.Process.Pid)
	entries, err := os.ReadDir(proc + "/fd")
	if err != nil {
		return false
	}
	mine := make(map[string]bool) // by inode
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(proc, "fd", e.Name())); err == nil {
			if inode, found := strings.CutPrefix(to, "socket:["); found {
				mine[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	table, err := os.Open(proc + "/net/tcp")
	if err != nil {
		return false
	}
	defer table.Close()
	for lines := bufio.NewScanner(table); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) > 9 && mine[words[9]] {
			each(words)
		}
	}
	return true
}

// listens is the state of a socket that listens, as /proc/net/tcp writes it.
const listens = "0A"

// unhex reads an address as /proc/net/tcp writes it: "0100007F:0035".
func unhex(text string) string {
	ip, port, _ := strings.Cut(text, ":")
	a, _ := strconv.ParseUint(ip, 16, 32)
	p, _ := strconv.ParseUint(port, 16, 16)
	return net.JoinHostPort(net.IPv4(byte(a), byte(a>>8), byte(a>>16), byte(a>>24)).String(), fmt.Sprint(p))
}

// awaitListening waits until the process listens, beside DNS and metrics, at no
// other addresses than these.
func (s *server) awaitListening(t testing.TB, admins ...string) {
	t.Helper()
	want := append([]string{s.endpoint(), s.env["METRICS"]}, admins...)
	slices.Sort(want)
	await(t, func() string {
		got, known := s.listening(t)
		if known && !slices.Equal(got, want) {
			return fmt.Sprintf("the process listens at %v, want %v", got, want)
		}
		return ""
	})
}

// adminVars are two addresses for an admin: {$ADMIN1} and {$ADMIN2}.
func adminVars(t testing.TB) vars {
	t.Helper()
	ip := newIP(t)
	ports := freePorts(t, ip, 2)
	return vars{"ADMIN1": net.JoinHostPort(ip, ports[0]), "ADMIN2": net.JoinHostPort(ip, ports[1])}
}

// A reload adds, changes, moves and removes the admin. It listens where the
// Corefile says and nowhere else, with the tokens that the Corefile says, and all
// the time the record goes on as before.
func TestOperateReloadAdmin(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	env := adminVars(t)
	first, second := env["ADMIN1"], env["ADMIN2"]
	s := start(t, zone(www), sites.vars(), env, operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	s.awaitListening(t)
	f := startFlood(t, s, "www.example.org", 500)
	const withTokens = " {\ntoken_file {$TOKENS}\n}"
	for _, step := range []struct {
		what, settings string
		at             []string
		drain          int // the status of a drain with a token
	}{
		{"added", "admin {$ADMIN1}", []string{first}, http.StatusUnauthorized},
		{"the same", "admin {$ADMIN1}", []string{first}, http.StatusUnauthorized},
		{"with tokens", "admin {$ADMIN1}" + withTokens, []string{first}, http.StatusOK},
		{"elsewhere", "admin {$ADMIN2}" + withTokens, []string{second}, http.StatusOK},
		{"back, without tokens", "admin {$ADMIN1}", []string{first}, http.StatusUnauthorized},
		{"removed", "", nil, 0},
		{"removed, still", "", nil, 0},
		{"added with tokens", "admin {$ADMIN2}" + withTokens, []string{second}, http.StatusOK},
	} {
		s.reload(t, operated(step.settings, www))
		s.awaitListening(t, step.at...)
		for _, address := range step.at {
			o := operator{"http://" + address, tokenToAll}
			mustBeOnly(t, o.with("").overview(t).Records, map[string]int{"failed_over": 1})
			got := o.do(t, http.MethodPost, "/v1/records/www.example.org/drain", status.Action{Target: sites[0].ip, Reason: "x"})
			if got.code != step.drain {
				t.Errorf("%s: to drain is answered with %d %s, want %d", step.what, got.code, got.body, step.drain)
			}
		}
	}
	if got := s.operator(t).overview(t).Forced; len(got) != 1 || got[0].Reason != "x" {
		t.Errorf("what is forced has not survived the reloads: %+v", got)
	}
	for answer, n := range f.stop(t) {
		if answer != sites[1].ip {
			t.Errorf("%d answers are %s, want %s", n, answer, sites[1].ip)
		}
	}
}

// A reload adds, changes and removes receivers: each is told of what happens
// while it is there, and of nothing else.
func TestOperateReloadNotify(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	one, two := startReceiver(t), startReceiver(t)
	s := start(t, operated(steerable, www), sites.vars(), operateTokens(t), vars{"HOOK1": one.url(), "HOOK2": two.url()})
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)
	receivers := map[string]*receiver{"one": one, "two": two}
	for i, step := range []struct{ settings, told, site string }{
		{"", "", ""},
		{"notify {$HOOK1}", "one", ""},
		{"notify {$HOOK1}\nnotify {$HOOK2}", "one two", ""},
		{"notify {$HOOK1} {\nheader X-Site south\n}\nnotify {$HOOK2}", "one two", "south"},
		{"notify {$HOOK2}", "two", ""},
		{"notify {$HOOK1} {\nheader X-Site east\n}", "one", "east"},
		{"", "", ""},
		{"notify {$HOOK2}", "two", ""},
	} {
		s.reload(t, operated(steerable+step.settings, www))
		reason := fmt.Sprintf("step %d", i)
		o.act(t, status.Force, status.Action{Target: sites[1].ip, State: status.ForcedHealthy, Reason: reason})
		for name, r := range receivers {
			if !strings.Contains(step.told, name) {
				continue
			}
			r.await(t, 1, reason, reasoned(reason))
			all := r.all()
			if got := all[len(all)-1].header.Get("X-Site"); name == "one" && got != step.site {
				t.Errorf("%s: receiver %s gets the header %q, want %q", reason, name, got, step.site)
			}
		}
	}
	for name, want := range map[string]string{"one": "1 2 3 5", "two": "2 3 4 7"} {
		var got []string
		for _, e := range receivers[name].events() {
			got = append(got, strings.TrimPrefix(e.Data.Reason, "step "))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("receiver %s is told of the steps %v, want %s", name, got, want)
		}
	}
	s.awaitMetric(t, 0, "notifications_queued")
}

// A reload adds, moves and removes the state file. It is written while it is
// there, and neither touched nor read again later.
func TestOperateReloadState(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	dir := t.TempDir()
	env := vars{"STATE": filepath.Join(dir, "one"), "STATE2": filepath.Join(dir, "two")}
	s := start(t, operated(steerable, www), sites.vars(), operateTokens(t), env)
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)
	kept := func(file, reason string) func() string {
		return func() string {
			held, err := state.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(held.Forced) != 1 || held.Forced[0].Reason != reason || len(held.Verdicts) != 2 {
				return file + " does not hold " + reason
			}
			return ""
		}
	}
	force := func(reason string) {
		t.Helper()
		o.act(t, status.Force, status.Action{Target: sites[1].ip, State: status.ForcedHealthy, Reason: reason})
	}
	s.reload(t, operated(steerable+"state_file {$STATE}", www))
	force("in one")
	await(t, kept(env["STATE"], "in one"))
	s.reload(t, operated(steerable+"state_file {$STATE} {\nmax_age 1m\n}", www))
	force("in one, changed")
	await(t, kept(env["STATE"], "in one, changed"))
	s.reload(t, operated(steerable+"state_file {$STATE2}", www))
	force("in two")
	await(t, kept(env["STATE2"], "in two"))
	await(t, kept(env["STATE"], "in one, changed"))
	s.reload(t, operated(steerable, www))
	force("in none")
	s.reload(t, operated(steerable+"state_file {$STATE}", www)) // what it holds is older than what the process knows
	if got := o.overview(t).Forced; len(got) != 1 || got[0].Reason != "in none" {
		t.Errorf("what is forced is %+v", got)
	}
	force("in one again")
	await(t, kept(env["STATE"], "in one again"))
	await(t, kept(env["STATE2"], "in two"))
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("beside the state files there is %v, %v", left, err)
	}
	s.log.mustLog(t, 0, "plugin/failover: state_file: it can not be written")
}

// A state file that a reload adds, or moves, holds what is known already, and not
// only from the next change on: a process that is killed then would lose it.
func TestOperateReloadAddsStateDuringOutage(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{"added": "", "moved": "state_file {$STATE}2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			s := start(t, operated(steerable+before, www), sites.vars(), operateTokens(t), stateVars(t))
			s.log.await(t, 2, "unknown -> healthy")
			sites[0].stop()
			awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			s.reload(t, operated(keeping, www))
			s.awaitKept(t, "the outage", hasVerdict(sites[0].ip, "unhealthy"))
			s.kill(t)
			if got := s.relaunch(t, slowly(operated(keeping, www))).first(t, "www.example.org"); got != sites[1].ip {
				t.Errorf("the first answer is %s, want %s", got, sites[1].ip)
			}
		})
	}
}

// steering is an operator who does one thing after the other.
type steering struct {
	done  chan struct{}
	ended chan error
	acts  []string // the reasons of those that were confirmed
}

// startSteering lets an operator force one state after the other on the secondary
// of www.example.org.
func startSteering(o operator, secondary string) *steering {
	s := &steering{done: make(chan struct{}), ended: make(chan error, 1)}
	go func() { s.ended <- s.run(o, secondary) }()
	return s
}

func (s *steering) run(o operator, secondary string) error {
	for n := 0; ; n++ {
		select {
		case <-s.done:
			return nil
		default:
		}
		reason := fmt.Sprintf("act %d", n)
		got, err := o.attempt(http.MethodPost, "/v1/records/www.example.org/force",
			status.Action{Target: secondary, State: status.ForcedHealthy, Reason: reason})
		if err != nil || got.code != http.StatusOK {
			return fmt.Errorf("to force is answered with %d %s: %w", got.code, got.body, err)
		}
		s.acts = append(s.acts, reason)
	}
}

// stop returns what the operator has done.
func (s *steering) stop(t testing.TB) []string {
	t.Helper()
	close(s.done)
	if err := <-s.ended; err != nil {
		t.Fatal(err)
	}
	return s.acts
}

// While an operator does one thing after the other, 30 reloads give the receiver
// other settings: it is told of all that was confirmed.
func TestOperateReloadLosesNoEvent(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	r := startReceiver(t)
	version := func(n int) string {
		return operated(steerable+[]string{"notify {$HOOK}", "notify {$HOOK} {\ntimeout 9s\n}"}[n%2], www)
	}
	s := start(t, version(0), sites.vars(), operateTokens(t), r.vars(t))
	s.log.await(t, 2, "unknown -> healthy")
	operator := startSteering(s.operator(t), sites[1].ip)
	for n := range 30 {
		s.reload(t, version(n+1))
	}
	acts := operator.stop(t)
	await(t, func() string {
		told := make(map[string]bool)
		for _, e := range r.events() {
			told[e.Data.Reason] = true
		}
		lack := slices.DeleteFunc(slices.Clone(acts), func(reason string) bool { return told[reason] })
		if len(lack) > 0 {
			return fmt.Sprintf("of %d acts the receiver does not know %d: %q", len(acts), len(lack), lack)
		}
		return ""
	})
	t.Logf("%d acts in 30 reloads", len(acts))
}

// While an operator does one thing after the other, 30 reloads give the state file
// another max_age: it stays one that can be written, and the process does not take
// itself for another one that writes it too.
func TestOperateReloadKeepsState(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	version := func(n int) string {
		return operated(steerable+[]string{"state_file {$STATE}", "state_file {$STATE} {\nmax_age 1m\n}"}[n%2], www)
	}
	s := start(t, version(0), sites.vars(), operateTokens(t), stateVars(t))
	s.log.await(t, 2, "unknown -> healthy")
	operator := startSteering(s.operator(t), sites[1].ip)
	for n := range 30 {
		s.reload(t, version(n+1))
	}
	acts := operator.stop(t)
	last := acts[len(acts)-1]
	s.awaitKept(t, last, func(kept state.State) bool { return len(kept.Forced) == 1 && kept.Forced[0].Reason == last })
	s.log.mustLog(t, 0, "[ERROR]")
	s.awaitMetric(t, 0, "state_file_errors_total")
}

// changed are the words of a line about what changed: "IPv4: TO, was FROM" of a
// record, "FROM -> TO" of a target.
var (
	changedRecord = regexp.MustCompile(`record (\S+), (IPv[46]): (.*), was (.*)$`)
	changedTarget = regexp.MustCompile(`record (\S+), tier \d+, target ([^,]+), check .*: (\w+) -> (\w+) \(was`)
)

// loggedTransitions returns those that the log tells of, but for first verdicts
// that are healthy, which are no news to receivers.
func (s *server) loggedTransitions() (transitions []string) {
	for _, line := range s.log.find("plugin/failover: record ") {
		if m := changedRecord.FindStringSubmatch(line); m != nil {
			transitions = append(transitions, fmt.Sprintf("record %s %s: %s -> %s", m[1], m[2], m[4], m[3]))
		} else if m := changedTarget.FindStringSubmatch(line); m != nil && m[3]+m[4] != "unknownhealthy" {
			transitions = append(transitions, fmt.Sprintf("target %s %s: %s -> %s", m[1], m[2], m[3], m[4]))
		}
	}
	return transitions
}

// told returns the transitions that a receiver was told of, in the order of their
// times: over a reload two deliver at once.
func (r *receiver) told() (transitions []string) {
	events := r.events()
	slices.SortStableFunc(events, func(a, b cloudEvent) int { return a.Data.At.Compare(b.Data.At) })
	for _, e := range events {
		switch tr := e.Data; tr.Kind {
		case status.RecordChanged:
			transitions = append(transitions, fmt.Sprintf("record %s %s: %s -> %s", tr.Name, tr.Family, tr.From, tr.To))
		case status.TargetChanged:
			transitions = append(transitions, fmt.Sprintf("target %s %s: %s -> %s", tr.Name, tr.Target, tr.From, tr.To))
		}
	}
	return transitions
}

// While a target flaps, the configuration is replaced 30 times, and with it the
// admin, the receiver's settings and the state file. No port, descriptor or
// goroutine is left behind, and the receiver learns of every transition.
func TestOperateReloadWhileTransitionsHappen(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	r := startReceiver(t)
	ip := newIP(t)
	env := adminVars(t)
	env["PPROF"], env["HOOK"], env["STATE"] = net.JoinHostPort(ip, freePorts(t, ip, 1)[0]), r.url(), filepath.Join(t.TempDir(), "state")
	version := func(n int) string {
		return operated([]string{
			"admin {$ADMIN1}\nnotify {$HOOK}\nstate_file {$STATE}\n",
			"admin {$ADMIN2}\nnotify {$HOOK} {\nheader X-Site north\n}\nstate_file {$STATE} {\nmax_age 1m\n}\n",
			"admin {$ADMIN1} {\ntoken_file {$TOKENS}\n}\nnotify {$HOOK} {\ntimeout 9s\n}\n",
		}[n%3], "pprof {$PPROF}\n"+flapping)
	}
	s := start(t, version(0), sites.vars(), operateTokens(t), env)
	s.log.await(t, 2, "unknown -> ")
	held := func() (descriptors, goroutines int) {
		u, _ := s.usage()
		_, profile := s.get(t, "PPROF", "/debug/pprof/goroutine?debug=1")
		_, _ = fmt.Sscanf(profile, "goroutine profile: total %d", &goroutines)
		return u.descriptors, goroutines
	}
	reloads := 0
	reload := func() {
		t.Helper()
		before := len(s.log.changes())
		reloads++
		s.reload(t, version(reloads))
		await(t, func() string {
			if len(s.log.changes()) == before {
				return "nothing happens while the configuration is replaced"
			}
			return ""
		})
	}
	settle := func() {
		t.Helper()
		sites[0].behave(ok)
		probed := sites[0].probes()
		await(t, func() string {
			if changes := s.log.changes(); len(changes) > 0 && !strings.Contains(changes[len(changes)-1], ": normal,") || sites[0].probes() < probed+3 {
				return "the primary is not back"
			}
			return ""
		})
		s.awaitListening(t, s.env["PPROF"], env["ADMIN1"])
	}
	flap := inTurn(ok, failing, failing, ok, ok, failing)

	sites[0].behave(flap)
	for range 6 { // what CoreDNS has once and for all
		reload()
	}
	settle()
	descriptors, goroutines := held()
	sites[0].behave(flap)
	for range 30 {
		reload()
	}
	settle()
	await(t, func() string {
		if d, g := held(); d > descriptors+5 || g > goroutines+10 {
			return fmt.Sprintf("after 30 reloads there are %d descriptors and %d goroutines, before it were %d and %d", d, g, descriptors, goroutines)
		}
		return ""
	})

	await(t, func() string {
		want, got := counts(s.loggedTransitions()), counts(r.told())
		if !slices.Equal(got, want) {
			return fmt.Sprintf("the receiver is told of\n%q\nbut logged is\n%q", got, want)
		}
		return ""
	})
	t.Logf("%d transitions in %d reloads", len(s.loggedTransitions()), reloads)
}

// counts are words with how often they are there, in order.
func counts(words []string) []string {
	times := make(map[string]int)
	for _, word := range words {
		times[word]++
	}
	var lines []string
	for word, n := range times {
		lines = append(lines, fmt.Sprintf("%d times %s", n, word))
	}
	slices.Sort(lines)
	return lines
}

// A reload that fails leaves the old admin, receiver and state file at work, and
// nothing of its own behind; one whose admin's port somebody else has says where.
func TestOperateReloadFails(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", net.JoinHostPort(newIP(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	takenIP, takenPort, _ := net.SplitHostPort(taken.Addr().String())
	for name, one := range map[string]struct{ bad, reason string }{
		"admin's port taken": {
			operated("admin {$TAKEN_IP}:{$TAKEN_PORT}\nnotify {$HOOK2}\nstate_file {$STATE}2", www),
			"Corefile:12: admin " + taken.Addr().String() + ": listen tcp " + taken.Addr().String() + ": bind: address already in use",
		},
		"bad Corefile": {operated("admin {$ADMIN2}\nadmim {$ADMIN1}", www), `"admim"`},
		"another plugin's port taken": {
			operated("admin {$ADMIN2}\nnotify {$HOOK2}\nstate_file {$STATE}2", www) +
				"example.net:{$TAKEN_PORT} {\n bind {$TAKEN_IP}\n whoami\n}\n", "address already in use",
		},
		"bad token file": {
			operated("notify {$HOOK2}\nadmin {$ADMIN2} {\ntoken_file none\n}", www), "token_file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			r, other := startReceiver(t), startReceiver(t)
			env := adminVars(t)
			env["TAKEN_IP"], env["TAKEN_PORT"], env["HOOK"], env["HOOK2"] = takenIP, takenPort, r.url(), other.url()
			settings := "admin {$ADMIN1} {\ntoken_file {$TOKENS}\n}\nnotify {$HOOK}\nstate_file {$STATE}\n"
			s := start(t, operated(settings, www), sites.vars(), operateTokens(t), stateVars(t), env)
			s.log.await(t, 2, "unknown -> healthy")
			o := operator{"http://" + env["ADMIN1"], tokenToAll}
			live := o.follow(t)
			reason := s.reloadFails(t, one.bad)
			if !strings.Contains(reason, one.reason) {
				t.Errorf("the reload fails with %q, want something with %q", reason, one.reason)
			}
			s.awaitListening(t, env["ADMIN1"])

			o.act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: "still here"})
			mustAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
			live.await(t, "a drain", func(tr status.Transition) bool { return tr.Reason == "still here" })
			r.await(t, 1, "a drain", reasoned("still here"))
			s.awaitKept(t, "a drain", func(kept state.State) bool { return len(kept.Forced) == 1 })
			if _, err := os.Stat(s.env["STATE"] + "2"); err == nil && name != "another plugin's port taken" {
				t.Error("the configuration that has failed keeps its state")
			}
			if got := other.events(); len(got) > 0 {
				t.Errorf("the receiver of the configuration that has failed is told of %+v", got)
			}
			s.reload(t, operated(settings, www)) // and a good one still works
			if got := o.overview(t).Forced; len(got) != 1 {
				t.Errorf("what is forced is %+v", got)
			}
		})
	}
}
