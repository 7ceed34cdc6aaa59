package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/leak"
	"github.com/coredns-failover/failover/internal/virtual"
	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/notify"
	"github.com/coredns-failover/failover/plugin/status"
)

func TestMain(m *testing.M) { os.Exit(leak.Main(m)) }

var errRefused = errors.New("connection refused")

// attempt is one that a post was asked to make.
type attempt struct {
	at    time.Duration // since the test began
	id    string
	body  string
	ids   []string
	names []string
}

// post is a receiver of a test: it answers as it is told to, the last answer over
// and over.
type post struct {
	*Notifier
	began time.Time

	mu       sync.Mutex
	answers  []Reply
	hangs    bool // until the attempt is aborted
	attempts []attempt
	counts   map[Outcome]int
	reports  []string
}

// posted runs test with a post, and closes it.
func posted(t *testing.T, test func(t *testing.T, p *post)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &post{began: time.Now(), counts: map[Outcome]int{}}
		p.Notifier = NewWith(Config{Source: "//ns1/failover", Observe: p.observe, Report: p.report}, p.send)
		test(t, p)
		p.closeWithin(time.Hour)
	})
}

func (p *post) send(ctx context.Context, id string, body []byte) Reply {
	r, hangs := p.take(id, body)
	if hangs {
		<-ctx.Done()
		return Reply{Err: ctx.Err()}
	}
	return r
}

func (p *post) take(id string, body []byte) (Reply, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := attempt{at: time.Since(p.began), id: id, body: string(body)}
	for _, e := range decode(body) {
		a.ids, a.names = append(a.ids, e.ID), append(a.names, e.Data.Name)
	}
	p.attempts = append(p.attempts, a)
	var r Reply
	if len(p.answers) > 0 {
		r = p.answers[0]
	}
	if len(p.answers) > 1 {
		p.answers = p.answers[1:]
	}
	return r, p.hangs
}

func (p *post) observe(o Outcome, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[o] += n
}

func (p *post) report(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports = append(p.reports, fmt.Sprint(err))
}

func (p *post) is(hangs bool, answers ...Reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangs, p.answers = hangs, answers
}

func (p *post) closeWithin(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	p.Close(ctx)
}

// seen returns the attempts so far.
func (p *post) seen() []attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.attempts)
}

// expect compares the attempts, each as "1.5s: a b".
func (p *post) expect(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, a := range p.seen() {
		got = append(got, fmt.Sprintf("%v: %s", a.at, strings.Join(a.names, " ")))
	}
	if !slices.Equal(got, want) {
		t.Errorf("attempts %q\nwant     %q", got, want)
	}
}

func (p *post) expectCounts(t *testing.T, delivered, retried, dropped int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts[Delivered] != delivered || p.counts[Retried] != retried || p.counts[Dropped] != dropped {
		t.Errorf("counted %v, want %d delivered, %d retried, %d dropped", p.counts, delivered, retried, dropped)
	}
}

func (p *post) expectReports(t *testing.T, want ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.reports, want) {
		t.Errorf("reported %q\nwant     %q", p.reports, want)
	}
}

func (p *post) publish(names ...string) { p.Publish(transitions(names...)...) }

func transitions(names ...string) []status.Transition {
	var ts []status.Transition
	for _, name := range names {
		ts = append(ts, status.Transition{At: time.Unix(1e9, 0), Kind: status.RecordChanged, Name: name})
	}
	return ts
}

// numbered returns n names.
func numbered(from, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint(from+i))
	}
	return names
}

// received is an event as a receiver reads it.
type received struct {
	SpecVersion     string
	ID              string
	Source          string
	Type            string
	Subject         string
	Time            time.Time
	DataContentType string
	Data            status.Transition
}

func decode(body []byte) []received {
	var events []received
	if err := json.Unmarshal(body, &events); err != nil {
		panic(err)
	}
	return events
}

func TestEventsOfASecondGoTogether(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		virtual.Sleep(10 * time.Second)
		p.publish("a", "b")
		virtual.Sleep(900 * time.Millisecond)
		p.publish("c")
		if n := p.Queued(); n != 3 {
			t.Errorf("%d queued", n)
		}
		virtual.Sleep(200 * time.Millisecond)
		p.publish("d")
		virtual.Sleep(10 * time.Second)
		p.publish()
		virtual.Sleep(10 * time.Second)
		p.expect(t, "11s: a b c", "12.1s: d")
		p.expectCounts(t, 4, 0, 0)
		p.expectReports(t)
		if n := p.Queued(); n != 0 {
			t.Errorf("%d queued", n)
		}
	})
}

func TestFullBatchDoesNotWait(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		p.publish(numbered(0, MaxBatch-1)...)
		synctest.Wait()
		p.expect(t)
		virtual.Sleep(time.Millisecond)
		p.publish(numbered(MaxBatch-1, MaxBatch+2)...)
		virtual.Sleep(10 * time.Second)
		first, second := strings.Join(numbered(0, MaxBatch), " "), strings.Join(numbered(MaxBatch, MaxBatch), " ")
		p.expect(t, "1ms: "+first, "1ms: "+second, fmt.Sprint("1.001s: ", 2*MaxBatch))
		p.expectCounts(t, 2*MaxBatch+1, 0, 0)
	})
}

func TestAttemptsBackOff(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		p.is(false, Reply{Err: errRefused})
		p.publish("a")
		virtual.Sleep(10 * time.Minute)
		p.publish("b")
		p.is(false, Reply{})
		virtual.Sleep(time.Minute)
		attempts := p.seen()
		last := attempts[0].at
		if last != time.Second {
			t.Errorf("first attempt at %v", last)
		}
		for i, a := range attempts[1 : len(attempts)-1] {
			want := min(500*time.Millisecond<<i, 30*time.Second)
			if wait := a.at - last; wait < want*8/10 || wait > want*12/10 {
				t.Errorf("attempt %d waited for %v, want about %v", i+2, wait, want)
			}
			if a.id != attempts[0].id || a.body != attempts[0].body {
				t.Errorf("attempt %d is another: %v\nwant %v", i+2, a, attempts[0])
			}
			last = a.at
		}
		next := attempts[len(attempts)-1]
		if !slices.Equal(next.names, []string{"b"}) || next.at != max(last, 601*time.Second) || next.id == attempts[0].id {
			t.Errorf("at last %v, after %v", next, last)
		}
		p.expectCounts(t, 2, len(attempts)-2, 0)
		p.expectReports(t, "connection refused", "<nil>")
	})
}

func TestReceiverAsksForPeace(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		busy := errors.New("busy")
		p.is(false, Reply{Err: busy, After: 7 * time.Second}, Reply{Err: busy, After: time.Hour}, Reply{})
		p.publish("a")
		virtual.Sleep(time.Hour)
		p.expect(t, "1s: a", "8s: a", "5m8s: a")
		p.expectCounts(t, 1, 2, 0)
		p.expectReports(t, "busy", "<nil>")
	})
}

func TestWhatCannotBeDeliveredIsDropped(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		gone := Reply{Err: errors.New("the receiver answers 410"), Final: true}
		p.is(false, gone, gone, Reply{})
		for _, name := range []string{"a", "b", "c"} {
			p.publish(name)
			virtual.Sleep(10 * time.Second)
		}
		p.expect(t, "1s: a", "11s: b", "21s: c")
		p.expectCounts(t, 1, 0, 2)
		p.expectReports(t, "the receiver answers 410", "<nil>")
	})
}

func TestEventWithoutWords(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		p.Publish(status.Transition{At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)})
		virtual.Sleep(2 * time.Second)
		p.expect(t)
		p.expectCounts(t, 0, 0, 1)
		if len(p.reports) != 1 || !strings.HasPrefix(p.reports[0], "json: ") {
			t.Errorf("reported %q", p.reports)
		}
	})
}

// TestDeadReceiverDelaysNobody would end in a deadlock of the bubble if Publish
// waited for anything.
func TestDeadReceiverDelaysNobody(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		p.is(true)
		p.publish("first")
		virtual.Sleep(time.Hour)
		began := time.Now()
		for i := range 3 * MaxQueued {
			p.publish(fmt.Sprint(i))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("took %v", took)
		}
		if n := p.Queued(); n != MaxQueued {
			t.Errorf("%d queued", n)
		}
		p.expectCounts(t, 0, 0, 2*MaxQueued+1)
		p.closeWithin(time.Minute)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("closing took %v", took)
		}
		p.expect(t, "1s: first")
		p.expectCounts(t, 0, 0, 3*MaxQueued+1)
		p.expectReports(t, "events that could not be delivered before the end: 10000")
		if n := p.Queued(); n != 0 {
			t.Errorf("%d queued", n)
		}
	})
}

func TestOldestAreDropped(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		p.is(false, Reply{Err: errRefused})
		p.publish("under way")
		virtual.Sleep(time.Minute)
		p.publish(numbered(0, MaxQueued+4)...)
		p.expectCounts(t, 0, len(p.seen()), 5)
		p.is(false, Reply{})
		virtual.Sleep(time.Minute)
		var names, ids []string
		for _, a := range p.seen() {
			if a.names[0] != "under way" {
				names, ids = append(names, a.names...), append(ids, a.ids...)
			}
		}
		if !slices.Equal(names, numbered(5, MaxQueued-1)) {
			t.Errorf("%d delivered, from %s to %s", len(names), names[0], names[len(names)-1])
		}
		slices.Sort(ids)
		if n := len(slices.Compact(ids)); n != MaxQueued-1 {
			t.Errorf("%d different ids", n)
		}
	})
}

func TestManyPublishAtOnce(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				for j := range 100 {
					p.publish(fmt.Sprintf("%d-%d", i, j))
					virtual.Sleep(time.Duration(i+1) * 10 * time.Millisecond)
				}
			})
		}
		all.Wait()
		virtual.Sleep(2 * time.Second)
		p.expectCounts(t, 2000, 0, 0)
		next := map[string]int{}
		for _, a := range p.seen() {
			for _, name := range a.names {
				who, number, _ := strings.Cut(name, "-")
				if number != fmt.Sprint(next[who]) {
					t.Fatalf("%s is out of order, want %d", name, next[who])
				}
				next[who]++
			}
		}
	})
}

func TestCloseDeliversAtOnce(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		p.publish(numbered(0, MaxBatch-1)...)
		p.publish("a", "b")
		virtual.Sleep(100 * time.Millisecond)
		p.closeWithin(time.Minute)
		first := strings.Join(numbered(0, MaxBatch-1), " ")
		p.expect(t, "0s: "+first+" a", "100ms: b")
		p.publish("late")
		virtual.Sleep(time.Minute)
		p.expectCounts(t, MaxBatch+1, 0, 1)
		p.closeWithin(time.Minute) // once more does nothing
		p.expectReports(t)
	})
}

func TestCloseWhileItBacksOff(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		p.is(false, Reply{Err: errRefused, After: 5 * time.Minute})
		p.publish("a")
		virtual.Sleep(10 * time.Second)
		p.publish("b")
		p.is(false, Reply{Err: errRefused}, Reply{})
		p.closeWithin(5 * time.Second)
		seen := p.seen()
		if len(seen) != 4 || seen[1].at != 10*time.Second || seen[2].at > 10600*time.Millisecond || seen[3].names[0] != "b" {
			t.Errorf("attempts %v", seen)
		}
		p.expectCounts(t, 2, 2, 0)
		p.expectReports(t, "connection refused", "<nil>")
	})
}

func TestCloseGivesUp(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		p.is(false, Reply{Err: errRefused})
		p.publish("a", "b")
		virtual.Sleep(1100 * time.Millisecond)
		p.publish("c")
		p.closeWithin(2 * time.Second)
		if took := time.Since(p.began); took != 3100*time.Millisecond {
			t.Errorf("took %v", took)
		}
		for _, a := range p.seen() {
			if a.at >= 3100*time.Millisecond {
				t.Errorf("attempt after the end: %v", a)
			}
		}
		p.expectCounts(t, 0, 2*len(p.seen()), 3)
		p.expectReports(t, "connection refused", "events that could not be delivered before the end: 3")
	})
}

func TestCloseWithoutTime(t *testing.T) {
	posted(t, func(t *testing.T, p *post) {
		p.is(true)
		p.publish("a")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p.Close(ctx)
		p.expectCounts(t, 0, 0, 1)
		p.expectReports(t, "events that could not be delivered before the end: 1")
	})
}

func TestNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewWith(Config{}, func(context.Context, string, []byte) Reply { return Reply{Err: errRefused, Final: true} })
		n.Publish(transitions("a")...)
		n.Close(t.Context())
	})
}

func TestConfiguration(t *testing.T) {
	for _, test := range []struct{ url, source, want string }{
		{"ftp://hooks.example.net/secret", "//ns1", "a receiver needs a URL of http or https"},
		{"https:///secret", "//ns1", "a receiver needs a URL of http or https"},
		{"https://%", "//ns1", "a receiver needs a URL of http or https"},
		{"https://hooks.example.net/", "", `the source "" is no URI reference`},
		{"https://hooks.example.net/", "%zz", `the source "%zz" is no URI reference`},
	} {
		_, err := New(Config{Settings: model.Notify{URL: test.url}, Source: test.source})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s %s: %v, want %s", test.url, test.source, err, test.want)
		}
	}
}

func TestOutcomesAreWords(t *testing.T) {
	if got := fmt.Sprint(Delivered, Retried, Dropped); got != "delivered retried dropped" {
		t.Error(got)
	}
}
