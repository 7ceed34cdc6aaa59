package test_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/status"

	"github.com/miekg/dns"
)

// cloudEvent is what a receiver gets, as CloudEvents 1.0 has it.
type cloudEvent struct {
	SpecVersion, ID, Source, Type, Subject, Time, DataContentType string

	Data status.Transition
}

// receiver takes notifications in, or hangs, as it is told. It can be stopped and
// started again where it was.
type receiver struct {
	address string

	mu       sync.Mutex
	server   *httptest.Server // nil while it is stopped
	hang     chan struct{}    // open while it hangs, else nil
	hanging  int              // requests that have no answer
	requests []received
}

// received is one request that was answered with 200.
type received struct {
	header http.Header
	body   []byte
	events []cloudEvent
}

// startReceiver starts a receiver until the end of the test.
func startReceiver(t testing.TB) *receiver {
	t.Helper()
	ip := newIP(t)
	r := &receiver{address: net.JoinHostPort(ip, freePorts(t, ip, 1)[0])}
	r.start(t)
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) url() string { return "http://" + r.address + "/hook" }

// start lets a stopped receiver serve again.
func (r *receiver) start(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(r)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server = server
}

// stop closes the receiver's port: it refuses.
func (r *receiver) stop() {
	r.behave(false)
	r.mu.Lock()
	server := r.server
	r.server = nil
	r.mu.Unlock()
	if server != nil {
		server.Close()
	}
}

// behave lets the receiver hang from now on, or no more: those requests that have
// no answer by then never get one.
func (r *receiver) behave(hangs bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if hangs == (r.hang != nil) {
		return
	}
	if hangs {
		r.hang = make(chan struct{})
		return
	}
	close(r.hang)
	r.hang = nil
}

// waiting is how many requests have no answer.
func (r *receiver) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hanging
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if hang := r.hang; hang != nil {
		r.hanging++
		r.mu.Unlock()
		<-hang
		r.mu.Lock()
		r.hanging--
		panic(http.ErrAbortHandler)
	}
	got := received{header: request.Header, body: body}
	if err := json.Unmarshal(body, &got.events); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.requests = append(r.requests, got)
}

// all returns the requests so far.
func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// events returns the events so far, each once, in the order in which they came.
func (r *receiver) events() []cloudEvent {
	var events []cloudEvent
	seen := make(map[string]bool)
	for _, one := range r.all() {
		for _, e := range one.events {
			if !seen[e.Source+e.ID] {
				events = append(events, e)
			}
			seen[e.Source+e.ID] = true
		}
	}
	return events
}

// await waits for n events that are as wanted, and returns all of them.
func (r *receiver) await(t testing.TB, n int, what string, wanted func(cloudEvent) bool) []cloudEvent {
	t.Helper()
	var found []cloudEvent
	await(t, func() string {
		found = slices.DeleteFunc(r.events(), func(e cloudEvent) bool { return !wanted(e) })
		if len(found) < n {
			return fmt.Sprintf("the receiver has %d events of %s, want %d", len(found), what, n)
		}
		return ""
	})
	return found
}

// reasoned finds the events of what an operator did for a reason.
func reasoned(reason string) func(cloudEvent) bool {
	return func(e cloudEvent) bool { return e.Data.Kind == status.Steered && e.Data.Reason == reason }
}

// notifying are the settings of a process that tells a receiver, and is steered.
const notifying = steerable + `
    notify {$HOOK} {
        secret_file {$SECRET}
        header X-Site north
        timeout 1m
    }
`

// notifySecret is the key that signs.
const notifySecret = "operate-test-secret-that-signs-it"

func (r *receiver) vars(t testing.TB) vars {
	t.Helper()
	return vars{
		"HOOK":   r.url(),
		"SECRET": writeFile(t, "secret", "whsec_"+base64.StdEncoding.EncodeToString([]byte(notifySecret))+"\n"),
	}
}

// mustBeSigned verifies a request as Standard Webhooks has it.
func (r received) mustBeSigned(t testing.TB) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(notifySecret))
	fmt.Fprintf(mac, "%s.%s.%s", r.header.Get("Webhook-Id"), r.header.Get("Webhook-Timestamp"), r.body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.header.Get("Webhook-Signature") != want {
		t.Errorf("the signature is %q, want %q", r.header.Get("Webhook-Signature"), want)
	}
	if kind := r.header.Get("Content-Type"); kind != "application/cloudevents-batch+json" {
		t.Errorf("the content is %s", kind)
	}
	if r.header.Get("X-Site") != "north" || r.header.Get("Webhook-Id") == "" {
		t.Errorf("the header is %v", r.header)
	}
}

// A receiver is told of a failover, of the way back, and of what an operator does,
// in order and signed.
func TestOperateNotify(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	r := startReceiver(t)
	s := start(t, operated(notifying, www), sites.vars(), operateTokens(t), r.vars(t))
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	s.log.await(t, 1, "IPv4: failed_over")
	sites[0].start(t)
	s.log.await(t, 1, "IPv4: normal")
	o := s.operator(t)
	o.act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: "last of all"})
	r.await(t, 1, "the way over again", func(e cloudEvent) bool { return strings.HasPrefix(e.Data.Reason, "target "+sites[0].ip+": drained") })

	for _, one := range r.all() {
		one.mustBeSigned(t)
	}
	host := ""
	var kinds []string
	for _, e := range r.events() {
		if e.SpecVersion != "1.0" || e.ID == "" || !strings.HasSuffix(e.Source, "/failover") || e.Subject != "www.example.org" ||
			e.DataContentType != "application/json" || e.Type != "io.github.coredns-failover."+e.Data.Kind+".changed" {
			t.Errorf("an event is %+v", e)
		}
		if at, err := time.Parse(time.RFC3339Nano, e.Time); err != nil || !at.Equal(e.Data.At) {
			t.Errorf("the time of an event is %s, but it was at %v", e.Time, e.Data.At)
		}
		if host != "" && host != e.Source {
			t.Errorf("the source is %s and %s", host, e.Source)
		}
		host = e.Source
		kinds = append(kinds, e.Data.Kind+": "+e.Data.From+" -> "+e.Data.To)
	}
	mustRemember(t, o.record(t, "www.example.org").History, kinds...) // the same, in the same order
	want := []string{
		"target: healthy -> unhealthy", "record: normal, tier 1 answers -> failed_over, tier 2 answers",
		"target: unhealthy -> healthy", "record: failed_over, tier 2 answers -> normal, tier 1 answers",
		"forced:  -> drained", "record: normal, tier 1 answers -> failed_over, tier 2 answers",
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("the events are %q, want %q", kinds, want)
	}
	s.awaitMetric(t, float64(len(want)), "notifications_total", `result="delivered"`)
	s.awaitMetric(t, 0, "notifications_queued")
	s.mustKeepSecret(t, o, append([]string{notifySecret, "whsec_"}, operateTokenList...)...)
}

// manyRecords are n records whose primaries fail together.
func manyRecords(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("r%d.example.org", i))
	}
	return strings.Replace(strings.Replace(www, "www.example.org", strings.Join(names, " "), 1), "import fast", "host www.example.org\nimport fast", 1)
}

// What happens together is told together.
func TestOperateNotifyBatch(t *testing.T) {
	t.Parallel()
	const n = 100
	sites := startTargets(t, 2, ok)
	r := startReceiver(t)
	s := start(t, operated(notifying, manyRecords(n)), sites.vars(), operateTokens(t), r.vars(t))
	s.log.await(t, 2, "unknown -> healthy")
	sites[0].stop()
	events := r.await(t, n, "records", func(e cloudEvent) bool { return e.Data.Kind == status.RecordChanged })
	names := make(map[string]bool)
	for _, e := range events {
		names[e.Subject] = true
	}
	if len(names) != n {
		t.Errorf("the receiver is told of %d records, want %d", len(names), n)
	}
	if requests := len(r.all()); requests > n/10 {
		t.Errorf("it took %d requests to tell of %d records at once", requests, n)
	}
}

// A receiver that is dead delays neither a switch nor any answer, and gets
// everything, in order, when it is back.
func TestOperateNotifyDeadReceiver(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		die  func(*receiver)
		live func(testing.TB, *receiver)
	}{
		"hangs":   {func(r *receiver) { r.behave(true) }, func(_ testing.TB, r *receiver) { r.behave(false) }},
		"refuses": {(*receiver).stop, func(t testing.TB, r *receiver) { r.start(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			r := startReceiver(t)
			s := start(t, operated(notifying, www), sites.vars(), operateTokens(t), r.vars(t))
			s.log.await(t, 2, "unknown -> healthy")
			one.die(r)
			o := s.operator(t)
			o.act(t, status.Force, status.Action{Target: sites[1].ip, State: status.ForcedHealthy, Reason: "the first"})
			dead := func() bool { return name == "refuses" || r.waiting() == 1 }
			await(t, func() string {
				if !dead() || name == "refuses" && len(s.log.find("[ERROR] plugin/failover: notify http://"+r.address+": ")) == 0 {
					return "the receiver is not asked"
				}
				return ""
			})

			f := startFlood(t, s, "www.example.org", 500)
			f.awaitAnswers(t, 50)
			for range 3 {
				sites[0].stop()
				awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
				if !dead() || len(r.all()) > 0 {
					t.Error("the switch has waited for the receiver")
				}
				sites[0].start(t)
				awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[0].ip)
			}
			f.awaitAnswers(t, 50)
			f.stop(t) // every question has its answer
			o.act(t, status.Clear, status.Action{Target: sites[1].ip, Reason: "the last"})
			if !dead() || len(r.all()) > 0 {
				t.Error("the receiver is not dead any more: this shows nothing")
			}
			s.awaitMetric(t, 14, "notifications_queued")

			one.live(t, r)
			r.await(t, 1, "the last", reasoned("the last"))
			var got []string
			for _, e := range r.events() {
				got = append(got, e.Data.Kind+": "+e.Data.From+" -> "+e.Data.To)
			}
			mustRemember(t, o.record(t, "www.example.org").History, got...)
			if len(got) != 14 {
				t.Errorf("%d events have come, want 14: %q", len(got), got)
			}
			s.awaitMetric(t, 0, "notifications_queued")
			s.awaitMetric(t, 0, "notifications_total", `result="dropped"`)
			if n := len(s.log.find("[ERROR] plugin/failover: notify")); n != 1 {
				t.Errorf("%d lines say that the receiver is dead, want one", n)
			}
			s.log.await(t, 1, "[INFO] plugin/failover: notify http://"+r.address+": it takes them again")
		})
	}
}

// What still waits when the process ends is delivered before that.
func TestOperateNotifyAtTheEnd(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	r := startReceiver(t)
	s := start(t, operated(notifying, www), sites.vars(), operateTokens(t), r.vars(t))
	s.log.await(t, 2, "unknown -> healthy")
	s.operator(t).act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: "the last"})
	if code := s.terminate(t); code != 0 {
		t.Errorf("CoreDNS ends with exit status %d", code)
	}
	if !slices.ContainsFunc(r.events(), reasoned("the last")) {
		t.Errorf("what happened last is not told: %+v", r.events())
	}
}

// A receiver that hangs does not keep the process from its end, which says what
// was not delivered.
func TestOperateNotifyHangsAtTheEnd(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	r := startReceiver(t)
	r.behave(true)
	s := start(t, operated(notifying, www), sites.vars(), operateTokens(t), r.vars(t))
	s.log.await(t, 2, "unknown -> healthy")
	s.operator(t).act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: "the last"})
	await(t, func() string {
		if r.waiting() == 0 {
			return "the receiver is not asked"
		}
		return ""
	})
	if code := s.terminate(t); code != 0 {
		t.Errorf("CoreDNS ends with exit status %d", code)
	}
	s.log.mustMatchOnce(t, "notify http://"+r.address+": events that could not be delivered before the end: 2")
}

// Reloads that leave a receiver as it is keep what waits for it.
func TestOperateReloadKeepsQueue(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	r := startReceiver(t)
	s := start(t, operated(notifying, www), sites.vars(), operateTokens(t), r.vars(t))
	s.log.await(t, 2, "unknown -> healthy")
	r.stop()
	o := s.operator(t)
	for n := range 5 {
		o.act(t, status.Force, status.Action{Target: sites[1].ip, State: status.ForcedHealthy, Reason: fmt.Sprint("act ", n)})
		s.reload(t, operated(notifying+"\nstale "+fmt.Sprint(n+1)+"h\n", www))
	}
	r.start(t)
	events := r.await(t, 5, "acts", func(e cloudEvent) bool { return e.Data.Kind == status.Steered })
	for n, e := range events {
		if want := fmt.Sprint("act ", n); e.Data.Reason != want {
			t.Errorf("event %d is of %q, want %q", n, e.Data.Reason, want)
		}
	}
}

// A reload that changes the settings of a receiver keeps what waits for it: that
// is how a receiver is put right that takes nothing.
func TestOperateReloadChangesDeadReceiver(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	r := startReceiver(t)
	s := start(t, operated(notifying, www), sites.vars(), operateTokens(t), r.vars(t))
	s.log.await(t, 2, "unknown -> healthy")
	r.stop()
	s.operator(t).act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: "while it was dead"})
	s.reload(t, operated(strings.Replace(notifying, "timeout 1m", "timeout 9s", 1), www))
	reloaded := time.Now()
	await(t, func() string {
		if time.Since(reloaded) < 7*time.Second && len(s.log.find("could not be delivered before the end")) == 0 {
			return "the old settings may still be in use"
		}
		return ""
	})
	s.log.mustLog(t, 0, "could not be delivered before the end")
	if got := s.metric(t, "notifications_queued"); got != 2 {
		t.Errorf("%v events wait for the receiver, want 2", got)
	}
}
