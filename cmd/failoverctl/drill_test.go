package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/status"
)

// site is an admin API and a DNS server in one, whose answer changes some time
// after what is asked for.
type site struct {
	mu      sync.Mutex
	acted   []string
	answer  string
	lag     time.Duration
	refuses map[string]error // by verb
	silent  bool             // gives no answer while it changes
	stuck   bool             // never changes
}

func (s *site) Act(_ context.Context, _, verb string, a status.Action) (status.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuses[verb]; err != nil {
		return status.Record{}, err
	}
	s.acted = append(s.acted, strings.TrimSpace(verb+" "+a.Target+" "+a.ExpiresIn))
	switch {
	case s.stuck:
	case verb == status.Force:
		s.change("192.0.2.20")
	case verb == status.Clear:
		s.change("192.0.2.10")
	}
	return status.Record{}, nil
}

// change lets the answer be another one after a while.
func (s *site) change(to string) {
	if s.silent {
		s.answer = ""
	}
	time.AfterFunc(s.lag, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answer = to
	})
}

func (s *site) ask(context.Context) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer == "" {
		return answer{problem: "it has no data"}
	}
	return answer{words: []string{s.answer}}
}

// drillOf is a drill of ten seconds for one record of these sites.
func drillOf(out *output, sites ...*site) *drill {
	d := &drill{
		lasts: 10 * time.Second, timeout: time.Second, qtype: "A", question: new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA),
		tell: func(format string, args ...any) { line(out, format, args...) },
	}
	for i, s := range sites {
		r := sampleRecord("www.example.org")
		if s.answer == "" {
			s.answer = "192.0.2.10"
		}
		name := fmt.Sprintf("site-%d", i+1)
		d.servers = append(d.servers, &steered{
			name: name, server: s, record: &r, targets: []string{"192.0.2.10"}, addresses: []string{"192.0.2.10"},
		})
		d.responders = append(d.responders, &responder{name: name, ask: s.ask})
	}
	return d
}

func TestDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, s := newOutput(), &site{lag: 120 * time.Millisecond}
		reports, err := drillOf(out, s).run(t.Context())
		want := []drillReport{{
			Server: "site-1", Switched: true, SwitchedAfter: 0.15, Restored: true, RestoredAfter: 0.15,
			Asked: reports[0].Asked, Meanwhile: []string{"192.0.2.20"},
		}}
		if err != nil || !reflect.DeepEqual(reports, want) {
			t.Errorf("got %+v, %v\nwant %+v", reports, err, want)
		}
		if want := "force 192.0.2.10 20s; clear 192.0.2.10"; strings.Join(s.acted, "; ") != want {
			t.Errorf("did %q, want %s", s.acted, want)
		}
		if text := out.String(); !strings.Contains(text, "   0.15s  site-1: it answers 192.0.2.20\n") ||
			!strings.Contains(text, "  10.15s  site-1: it answers 192.0.2.10\n") {
			t.Errorf("told\n%s", text)
		}
		// About 40 times in the first two seconds, and then twice a second.
		if asked := reports[0].Asked; asked < 50 || asked > 75 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestDrillWithAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports, err := drillOf(newOutput(), &site{lag: 220 * time.Millisecond, silent: true}).run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r := reports[0]; !r.Switched || !r.Restored || r.Unanswered < 8 || r.Problems[0] != "it has no data" {
			t.Errorf("got %+v", r)
		}
	})
}

func TestDrillThatDoesNotSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		reports, err := drillOf(w.stdout, &site{}, &site{stuck: true}).run(t.Context())
		if err != nil || !reports[0].Switched || reports[1].Switched || !reports[1].Restored {
			t.Fatalf("got %+v, %v", reports, err)
		}
		if err := w.report(reports); err == nil || err.Error() != "site-2: the answer did not change" {
			t.Errorf("got %v", err)
		}
		_, table, _ := strings.Cut(w.stdout.String(), "\n\n")
		if !strings.Contains(table, "site-2      never ") {
			t.Errorf("got\n%s", table)
		}
	})
}

// Whoever ends the drill restores.
func TestDrillInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &site{}
		time.AfterFunc(3*time.Second, cancel)
		reports, err := drillOf(newOutput(), s).run(ctx)
		if reports != nil || err == nil || err.Error() != "the drill was interrupted" {
			t.Errorf("got %+v, %v", reports, err)
		}
		if want := "force 192.0.2.10 20s; clear 192.0.2.10"; strings.Join(s.acted, "; ") != want {
			t.Errorf("did %q, want %s", s.acted, want)
		}
	})
}

// Where one server refuses, the others are restored.
func TestDrillRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &site{}
		two := &site{refuses: map[string]error{status.Force: errors.New("no")}}
		reports, err := drillOf(newOutput(), one, two).run(t.Context())
		if reports != nil || err == nil || err.Error() != "site-2: no" {
			t.Errorf("got %+v, %v", reports, err)
		}
		if want := "force 192.0.2.10 20s; clear 192.0.2.10"; strings.Join(one.acted, "; ") != want {
			t.Errorf("did %q, want %s", one.acted, want)
		}
	})
}

func TestDrillThatCanNotRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := drillOf(newOutput(), &site{refuses: map[string]error{status.Clear: errors.New("no")}}).run(t.Context())
		if err == nil || err.Error() != "site-1: no\nwhat is still forced ends by itself in 20s at most" {
			t.Errorf("got %v", err)
		}
	})
}

// Where failing back waits, the drill does not leave the secondary behind.
func TestDrillFailsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{}
		d := drillOf(newOutput(), s)
		d.servers[0].record.Failback = "manual"
		if _, err := d.run(t.Context()); err != nil || s.acted[len(s.acted)-1] != "failback" {
			t.Errorf("did %q, %v", s.acted, err)
		}
	})
}

func TestDrillBeginsWithThePrimary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{answer: "203.0.113.1"}
		_, err := drillOf(newOutput(), s).run(t.Context())
		if err == nil || err.Error() != "site-1: it answers 203.0.113.1, which is not of 192.0.2.10; nothing was done" || s.acted != nil {
			t.Errorf("got %v, did %q", err, s.acted)
		}
		// What the API does not show of a target may be that.
		d := drillOf(newOutput(), &site{answer: "203.0.113.1"})
		d.servers[0].hidden = true
		if _, err := d.run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A policy that chooses by chance shows others before: only what stays counts.
func TestSettledAfter(t *testing.T) {
	at := func(s int, kind string) sample {
		problem := ""
		if kind == "none" {
			problem = "no reply"
		}
		return sample{now.Add(time.Duration(s) * time.Second), answer{problem: problem}, kind == "before"}
	}
	tests := []struct {
		samples []sample
		after   float64
		settled bool
	}{
		{nil, 0, false},
		{[]sample{at(1, "before")}, 0, false},
		{[]sample{at(1, "none")}, 0, false},
		{[]sample{at(1, "before"), at(2, "other"), at(3, "before"), at(4, "other"), at(5, "other")}, 4, true},
		{[]sample{at(1, "before"), at(2, "none"), at(3, "other"), at(4, "none")}, 3, true},
		{[]sample{at(1, "other"), at(2, "before")}, 0, false},
	}
	for i, tt := range tests {
		if after, settled := settledAfter(tt.samples, now, false); after != tt.after || settled != tt.settled {
			t.Errorf("%d: got %v, %v", i, after, settled)
		}
	}
}

// startDNS answers all questions with an address that may change.
func startDNS(t *testing.T, address func() string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(address()),
		}}
		w.WriteMsg(m)
	})}
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
	return conn.LocalAddr().String()
}

// The whole of it, on sockets, with a person who says yes.
func TestDrillCommand(t *testing.T) {
	var mu sync.Mutex
	answer := "192.0.2.10"
	f := newFake(t, "127.0.0.1:0", sampleRecord("*.example.org"))
	f.did = func(a status.Action) {
		mu.Lock()
		defer mu.Unlock()
		answer = map[bool]string{true: "192.0.2.20", false: "192.0.2.10"}[a.State == status.ForcedUnhealthy]
	}
	at := startDNS(t, func() string {
		mu.Lock()
		defer mu.Unlock()
		return answer
	})
	w := newWorld()
	w.answers, w.in = true, strings.NewReader("yes\n")
	exit := w.run(t.Context(), "test", "*.example.org", "--for", "4s", "--dns", at, "-s", f.address())
	out := w.stdout.String()
	for _, want := range []string{
		"Fire drill for 4s\n", "forces 192.0.2.10 unhealthy in *.example.org", "expects tier 2: 192.0.2.20",
		"is asked for fire-drill.example.org A", "it answers 192.0.2.20", "\nDNS SERVER ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if exit != 0 || t.Failed() {
		t.Errorf("status %d\n%s%s", exit, out, w.stderr)
	}
	want := "force {Target:192.0.2.10 State:unhealthy Reason:fire drill ExpiresIn:14s Override:false}; " +
		"clear {Target:192.0.2.10 State: Reason:fire drill is over ExpiresIn: Override:false}"
	if got := strings.Join(f.actions(), "; "); got != want {
		t.Errorf("did %s", got)
	}
}

// Nothing is forced without a yes, in a record that is in use otherwise, or
// where nothing else would answer.
func TestDrillDoesNotBegin(t *testing.T) {
	alone := sampleRecord("www.example.org")
	alone.Tiers[1].Targets[0].Eligible = false
	observed := sampleRecord("www.example.org")
	observed.Observed = true
	secure := sampleRecord("www.example.org")
	secure.Server = "tls://:853"
	forced := sampleRecord("www.example.org")
	forced.Forced = 1
	tests := []struct {
		name   string
		record status.Record
		flags  string
		input  string
		want   string
	}{
		{"nobody", sampleRecord("www.example.org"), "", "", "nobody is there to be asked; --yes goes on without"},
		{"no", sampleRecord("www.example.org"), "", "no\n", "nothing was done"},
		{"end", sampleRecord("www.example.org"), "", "y", "nothing was done"},
		{"failed over", failedOver("www.example.org"), "--yes", "", "www.example.org is failed_over, not normal"},
		{"forced", forced, "--yes", "", "www.example.org has a forced state already; clear it first"},
		{"observed", observed, "--yes", "", "www.example.org is only observed"},
		{"alone", alone, "--yes", "", "with 192.0.2.10 down nothing would answer A questions: www.example.org would be fail_open"},
		{"secondary", sampleRecord("www.example.org"), "--yes --target 192.0.2.20", "", `the primary has no target "192.0.2.20"`},
		{"secure", secure, "--yes", "", "the record is served on tls://:853, not by plain DNS; give --dns"},
		{"none", sampleRecord("other.example.org"), "--yes", "", `there is no record "www.example.org"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, "127.0.0.1:0", tt.record)
			w := newWorld()
			w.answers, w.in = tt.input != "", strings.NewReader(tt.input)
			exit := w.run(t.Context(), append([]string{"test", "www.example.org", "-s", f.address()}, strings.Fields(tt.flags)...)...)
			if exit != statusFailed || !strings.Contains(w.stderr.String(), tt.want) || len(f.actions()) > 0 {
				t.Errorf("status %d, did %q\n%s", exit, f.actions(), w.stderr)
			}
		})
	}
}

func TestDNSAddress(t *testing.T) {
	for listens, want := range map[string]string{
		"dns://:53":              "dns1.example:53",
		"tls://:853,dns://:1053": "dns1.example:1053",
		"dns://127.0.0.1:1053":   "127.0.0.1:1053",
		"dns://[::]:53":          "dns1.example:53",
		"dns://[2001:db8::53]:53,dns://10.0.0.1:53": "[2001:db8::53]:53",
	} {
		if got, err := dnsAddress(listens, "dns1.example"); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", listens, got, err, want)
		}
	}
	for given, want := range map[string]string{
		"192.0.2.53": "192.0.2.53:53", "192.0.2.53:1053": "192.0.2.53:1053",
		"2001:db8::53": "[2001:db8::53]:53", "[2001:db8::53]": "[2001:db8::53]:53", "[::1]:1053": "[::1]:1053",
	} {
		if got := withPort(given); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	rr := func(text string) dns.RR {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		return rr
	}
	m := new(dns.Msg)
	m.Answer = []dns.RR{rr("www.example.org. CNAME CDN.example.net."), rr("cdn.example.net. A 192.0.2.2"), rr("cdn.example.net. AAAA 2001:db8::1")}
	if got := answerOf(m).String(); got != "it answers 192.0.2.2 2001:db8::1 cdn.example.net" {
		t.Error(got)
	}
	if got := answerOf(new(dns.Msg)).String(); got != "it has no data" {
		t.Error(got)
	}
	if got := answerOf(new(dns.Msg).SetRcode(new(dns.Msg), dns.RcodeServerFailure)).String(); got != "it replies SERVFAIL" {
		t.Error(got)
	}
	if got := noReply(&net.OpError{Op: "read", Err: errors.New("refused")}); got != "no reply: refused" {
		t.Error(got)
	}
	if got := noReply(context.DeadlineExceeded); got != "no reply in 1s" {
		t.Error(got)
	}
}

var _ http.Handler = (*fake)(nil)
