package failover

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/internal/leak"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // Plug in CoreDNS.

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	caddy.Quiet, dnsserver.Quiet = true, true
	os.Exit(leak.Main(m,
		// forward leaves one behind when it is stopped before it was asked.
		goleak.IgnoreTopFunction("github.com/coredns/coredns/plugin/pkg/proxy.(*Transport).connManager"),
		// The hosts that a benchmark compares with is never stopped.
		goleak.IgnoreTopFunction("github.com/coredns/coredns/plugin/hosts.periodicHostsUpdate.func1")))
}

// listener is a target that accepts connections; it returns its port.
func listener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// deadPort is one that nobody listens at, nor can before the end of the test: it is
// that of a client.
func deadPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	return port
}

func input(corefile string) caddy.Input {
	return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"}
}

// running is an instance of caddy that a test reloads.
type running struct {
	*testing.T
	instance *caddy.Instance
}

func run(t *testing.T, corefile string) *running {
	t.Helper()
	instance, err := caddy.Start(input(corefile))
	if err != nil {
		t.Fatal(err)
	}
	served(t, instance)
	r := &running{t, instance}
	t.Cleanup(func() { stop(t, r.instance) })
	return r
}

// stop ends an instance, as the end of the process does.
func stop(tb testing.TB, instance *caddy.Instance) {
	tb.Helper()
	for _, err := range instance.ShutdownCallbacks() {
		tb.Error(err)
	}
	if err := instance.Stop(); err != nil {
		tb.Error(err)
	}
	instance.Wait()
}

func (r *running) reload(corefile string) error {
	r.Helper()
	instance, err := r.instance.Restart(input(corefile))
	r.instance = instance
	served(r.T, instance)
	return err
}

// served waits until all servers serve: one that is stopped before goes on for
// ever, as dns.Server forgets the stop.
func served(tb testing.TB, instance *caddy.Instance) {
	tb.Helper()
	for _, server := range instance.Servers() {
		for network, addr := range map[string]net.Addr{"udp": server.LocalAddr(), "tcp": server.Addr()} {
			client := dns.Client{Net: network, Timeout: Enough}
			if _, _, err := client.Exchange(new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA), addr.String()); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

func (r *running) addr() string { return r.instance.Servers()[0].LocalAddr().String() }

func (r *running) ask(name string) string {
	r.Helper()
	m, err := Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), r.addr())
	return summary(m, 0, err)
}

func (r *running) await(what string, condition func() bool) {
	r.Helper()
	eventually.True(r.T, what, condition)
}

func (r *running) expectChecks(want int) {
	r.Helper()
	if got := healthcheck.engine.Stats().Checks; got != want {
		r.Errorf("%d checks in the engine, want %d", got, want)
	}
}

// block is a server block with records named after the ports that are checked.
func block(ports ...string) string {
	s := "example.org:0 {\n bind 127.0.0.1\n"
	for _, port := range ports {
		s += fmt.Sprintf(" failover p%s.example.org {\n primary 127.0.0.1\n secondary 127.0.0.2 {\n check none\n }\n"+
			" check tcp %s {\n interval 1s\n fast_interval 100ms\n threshold 2\n }\n }\n", port, port)
	}
	return s + "}\n"
}

func TestReloadKeepsVerdicts(t *testing.T) {
	dead, alive := deadPort(t), listener(t)
	r := run(t, block(dead, alive))
	r.await("the switch", func() bool { return r.ask("p"+dead+".example.org.") == "NOERROR 127.0.0.2" })
	check := healthcheck.serving().handlers[0].records[0].tier(1)[0].list()[0].checks[0]
	for range 3 {
		if err := r.reload(block(alive, dead)); err != nil {
			t.Fatal(err)
		}
		if got := r.ask("p" + dead + ".example.org."); got != "NOERROR 127.0.0.2" {
			t.Fatalf("a reload flipped the answer: %s", got)
		}
		r.expectChecks(2)
	}
	if healthcheck.serving().handlers[0].records[1].tier(1)[0].list()[0].checks[0] != check {
		t.Error("the reload made a new check of an old one")
	}
	// Edited: it is another check, but begins with the verdict of the old one.
	if err := r.reload(strings.ReplaceAll(block(alive, dead), "interval 1s", "interval 900ms")); err != nil {
		t.Fatal(err)
	}
	if got := r.ask("p" + dead + ".example.org."); got != "NOERROR 127.0.0.2" {
		t.Errorf("editing a check flipped the answer: %s", got)
	}
	r.expectChecks(2)
}

// handler returns the first handler of the configuration that runs.
func handler() *Failover { return healthcheck.serving().handlers[0] }

// twoChecks is a record whose primary has the checks given.
func twoChecks(checks ...string) string {
	return "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n primary 127.0.0.1\n secondary 127.0.0.2 {\n" +
		" check none\n }\n " + strings.Join(checks, "\n ") + "\n }\n}\n"
}

// Verdicts are not to be handed on by the number of a line: the first check of
// the new Corefile may be the second of the old one.
func TestReloadPairsChecks(t *testing.T) {
	const slow = " {\n interval 24h\n fast_interval 24h\n}"
	alive, dead := "check tcp "+listener(t), "check tcp "+deadPort(t)
	for name, checks := range map[string][]string{
		"both edited alike":       {alive + slow, dead + slow},
		"one removed":             {dead + slow},
		"turned round":            {dead + slow, alive},
		"one added":               {alive, "check http" + slow, dead},
		"one added, any will do":  {dead, "check http" + slow, "require any"},
		"another type":            {"check http" + slow},
		"all others, any will do": {"check http" + slow, "check https" + slow, "require any"},
	} {
		t.Run(name, func(t *testing.T) {
			before := []string{alive, dead + " {\n interval 1s\n fast_interval 100ms\n}"}
			if strings.Contains(name, "any") {
				before = before[1:]
			}
			r := run(t, twoChecks(before...))
			r.await("the switch", func() bool { return r.ask("www.example.org.") == "NOERROR 127.0.0.2" })
			if err := r.reload(twoChecks(checks...)); err != nil {
				t.Fatal(err)
			}
			if got := r.ask("www.example.org."); got != "NOERROR 127.0.0.2" {
				t.Errorf("the reload flips the answer to %s", got)
			}
		})
	}
}

// Two server blocks may differ in nothing but the address that they listen on.
func TestRecordsOfTwoListenersAreTwo(t *testing.T) {
	one := block(listener(t))
	two := strings.Replace(one, "bind 127.0.0.1", "bind 127.0.0.2", 1)
	run(t, one+two)
	if n := len(healthcheck.serving().records()); n != 2 {
		t.Errorf("there are %d records, want 2", n)
	}
	if got := handler().server(); got != "dns://127.0.0.1:0" {
		t.Errorf("the server is called %s", got)
	}
}

// A reload that changes what a record answers says so.
func TestReloadTellsWhatItChanges(t *testing.T) {
	dead := deadPort(t)
	r := run(t, twoChecks("check tcp "+dead+" {\n interval 1s\n fast_interval 100ms\n}"))
	r.await("the switch", func() bool { return r.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	before := healthcheck.serving()
	told := before.handlers[0].records[0].past
	r.await("the news of it", func() bool { return len(told.newest()) == 2 })
	after := &configuration{handlers: []*Failover{handlerOf(t,
		"failover www.example.org {\n primary 127.0.0.1\n secondary 127.0.0.2\n check none\n}")}}
	after.handlers[0].config, after.handlers[0].keys = before.handlers[0].config, before.handlers[0].keys
	err := after.claim(before)
	update(after.handlers[0].records...)
	var changes []change
	told.turn.Lock()
	defer told.turn.Unlock()
	after.handlers[0].records[0].news(time.Now(), func(c change) { changes = append(changes, c) })
	if err != nil || len(changes) != 2 || changes[0].Kind != status.TargetChanged || changes[1].Kind != status.RecordChanged {
		t.Fatalf("it changes %+v, %v", changes, err)
	}
	if from, to := changes[1].From, changes[1].To; from != "failed_over, tier 2 answers" || to != "normal, tier 1 answers" {
		t.Errorf("it changes from %q to %q", from, to)
	}
}

// A scrape reads what a start has settled, and nothing before.
func TestScrapeDuringStart(t *testing.T) {
	alive, dead := listener(t), deadPort(t)
	r := run(t, block(alive, dead))
	done := make(chan struct{})
	var scraping sync.WaitGroup
	scraping.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := prometheus.DefaultGatherer.Gather(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 5 {
		if err := r.reload(block(alive, dead)); err != nil {
			t.Error(err)
		}
	}
	close(done)
	scraping.Wait()
}

func TestReloadHandsCountersOn(t *testing.T) {
	dead := deadPort(t)
	r := run(t, block(dead))
	r.await("the switch", func() bool { return r.ask("p"+dead+".example.org.") == "NOERROR 127.0.0.2" })
	before := healthcheck.serving().handlers[0].records[0]
	r.await("its count", func() bool { return before.tier(1)[0].transitions.unhealthy.Load() == 1 })
	served := before.answered(2)
	if err := r.reload(block(dead)); err != nil {
		t.Fatal(err)
	}
	after := healthcheck.serving().handlers[0].records[0]
	if after == before || after.answered(2) != served || served == 0 {
		t.Errorf("served %d before the reload, and %d after", served, after.answered(2))
	}
	if after.tier(1)[0].transitions.unhealthy.Load() != 1 {
		t.Error("the transition is forgotten")
	}
}

func TestFilesAreTakenFromTheRootOfTheBlock(t *testing.T) {
	dir := t.TempDir()
	r := run(t, fmt.Sprintf(`example.org:0 {
	bind 127.0.0.1
	root %s
	failover www.example.org {
		primary 127.0.0.1
		check https {
			tls ca.pem
		}
	}
}
`, dir))
	check := healthcheck.serving().handlers[0].records[0].tier(1)[0].list()[0].checks[0]
	r.await("a broken check", func() bool { return check.Status().Broken })
	if got := check.Status().Err.Error(); !strings.Contains(got, dir+"/ca.pem") {
		t.Errorf("the check is broken because %s", got)
	}
}

func TestFailedReloadLeavesNothingBehind(t *testing.T) {
	alive, other := listener(t), listener(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	// This fails when everything has started but the second server.
	conflict := strings.Replace(block(other), ":0", ":"+taken.Addr().(*net.TCPAddr).String()[len("127.0.0.1:"):], 1)

	r := run(t, block(alive))
	r.expectChecks(1)
	if err := r.reload(conflict); err == nil {
		t.Fatal("the reload should have failed")
	}
	r.expectChecks(1)
	if err := r.reload("example.org:0 {\n failover www.example.org {\n }\n}\n"); err == nil {
		t.Fatal("the reload should have failed")
	}
	r.expectChecks(1)
	if got := r.ask("p" + alive + ".example.org."); got != "NOERROR 127.0.0.1" {
		t.Errorf("the old configuration answers %s", got)
	}
	if err := r.reload("example.org:0 {\n bind 127.0.0.1\n whoami\n}\n"); err != nil {
		t.Fatal(err)
	}
	r.expectChecks(0)
	// The old configuration has no failover now, and so no hook of ours.
	if err := r.reload(conflict); err == nil {
		t.Fatal("the reload should have failed")
	}
	r.expectChecks(0)
}

func TestFailedFirstStartIsForgottenByTheNext(t *testing.T) {
	alive, other := listener(t), listener(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	if _, err := caddy.Start(input(strings.Replace(block(other), ":0", ":"+port, 1))); err == nil {
		t.Fatal("the start should have failed")
	}
	r := run(t, block(alive))
	r.expectChecks(1)
}

func TestReadyOnceAndForAll(t *testing.T) {
	h := newHealthchecks()
	if h.isReady() {
		t.Error("ready before anything has started")
	}
	h.begin(&configuration{}, nil)
	if !h.isReady() {
		t.Error("not ready although there is no check to wait for")
	}
	alive := listener(t)
	r := run(t, block(alive))
	f := healthcheck.serving().handlers[0]
	r.await("readiness", f.Ready)
}

func TestCyclesLeaveNoGoroutine(t *testing.T) {
	alive, dead := listener(t), deadPort(t)
	for range 20 {
		t.Run("", func(t *testing.T) {
			r := run(t, block(alive, dead))
			r.expectChecks(2)
		})
		if n := healthcheck.engine.Stats().Checks; n != 0 {
			t.Fatalf("%d checks are left", n)
		}
	}
}
