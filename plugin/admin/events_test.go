package admin_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/admin"
	"github.com/coredns-failover/failover/plugin/status"
)

// stream is an open stream of events.
type stream struct {
	t    testing.TB
	text *bufio.Reader
	body io.Closer
}

// listen opens a stream: once it returns, no transition is missed.
func (s *server) listen(options ...option) *stream {
	s.t.Helper()
	resp, err := s.client.Do(s.request("GET", "/v1/events", "", options...))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("%s %s", resp.Status, resp.Header)
	}
	st := &stream{s.t, bufio.NewReader(resp.Body), resp.Body}
	if first := st.next(); first != "retry: 3000" {
		s.t.Fatal(first)
	}
	return st
}

// next returns the lines up to an empty one.
func (st *stream) next() string {
	st.t.Helper()
	var lines []string
	for {
		line, err := st.text.ReadString('\n')
		if err != nil {
			st.t.Fatal(err)
		}
		if line == "\n" {
			return strings.Join(lines, "\n")
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
}

// rest reads until the stream ends.
func (st *stream) rest() {
	st.t.Helper()
	_, _ = io.Copy(io.Discard, st.text) // it may end in any way
}

func TestEventsComeInOrder(t *testing.T) {
	a := newAuthority(t)
	plain := start(t, local)
	encrypted := start(t, setup{web: a.config("", "")}) // and HTTP/2
	for _, s := range []*server{plain, a.as(encrypted)} {
		one, two := s.listen(), s.listen()
		for n := range 200 {
			s.Publish(transition(2*n), transition(2*n+1))
			for m := 2 * n; m <= 2*n+1; m++ {
				one.wants(m)
				two.wants(m)
			}
		}
	}
}

// wants reads a transition that is the n-th, and numbered so.
func (st *stream) wants(n int) {
	st.t.Helper()
	head := fmt.Sprintf("id: %d\nevent: transition\ndata: ", n+1)
	got := st.next()
	data, ok := strings.CutPrefix(got, head)
	if !ok {
		st.t.Fatalf("got %s, want %s", got, head)
	}
	var tr status.Transition
	if err := json.Unmarshal([]byte(data), &tr); err != nil || tr != transition(n) {
		st.t.Errorf("got %+v (%v)", tr, err)
	}
}

func TestSlowReaderIsCutOff(t *testing.T) {
	s := start(t, setup{limits: admin.Limits{Behind: 4, Event: 50 * time.Millisecond}})
	slow := s.listen()
	big := transition(1)
	big.Reason = strings.Repeat("x", 64<<10)
	eventually.True(t, "the reader is cut off", func() bool {
		s.Publish(big)
		return s.Streams() == 0
	})
	slow.rest()
	s.listen()
	if n := s.Streams(); n != 1 {
		t.Errorf("there are %d streams", n)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s := start(t, setup{limits: admin.Limits{Streams: 2}})
	one := s.listen()
	s.listen()
	got := s.get("/v1/events")
	if got.wants(t, 503, "there are 2 streams already"); got.header.Get("Retry-After") != "30" {
		t.Error(got.header)
	}
	one.body.Close()
	eventually.True(t, "the reader is gone", func() bool { return s.Streams() == 1 })
	s.listen()
}

func TestStreamIsKeptAlive(t *testing.T) {
	// It lives longer than a request may take to arrive.
	s := start(t, setup{limits: admin.Limits{KeepAlive: 20 * time.Millisecond, Read: time.Second}})
	st := s.listen()
	for range 60 {
		if got := st.next(); got != ": still here" {
			t.Fatal(got)
		}
	}
}

func TestStreamEndsWithItsToken(t *testing.T) {
	c := public.config(t, &source{}, &lines{})
	s := startWith(t, c, admin.Limits{KeepAlive: 10 * time.Millisecond, Stat: time.Nanosecond})
	st := s.listen(bearer(readToken))
	if got := st.next(); got != ": still here" {
		t.Fatal(got)
	}
	write(t, c.Settings.TokenFile, "all "+allToken)
	st.rest()
}

func TestCloseEndsStreamsAtOnce(t *testing.T) {
	s := start(t, setup{limits: admin.Limits{Close: time.Minute}})
	one, two := s.listen(), s.listen()
	s.Close()
	one.rest()
	two.rest()
	if n := s.Streams(); n != 0 {
		t.Errorf("there are %d streams", n)
	}
	s.Publish(transition(1))
}

func TestCloseWaitsForNobodyForLong(t *testing.T) {
	s := start(t, setup{limits: admin.Limits{Close: 20 * time.Millisecond}})
	begun, end := make(chan struct{}), make(chan struct{})
	s.Handle("GET /stuck", func(http.ResponseWriter, *http.Request) { close(begun); <-end })
	failed := make(chan error)
	go func() {
		resp, err := s.client.Get(s.url + "/stuck")
		if err == nil {
			resp.Body.Close()
		}
		failed <- err
	}()
	<-begun
	s.Close()
	close(end)
	if err := <-failed; err == nil {
		t.Error("the request went on")
	}
}

func TestPublishLogsWhatCanNotBeWritten(t *testing.T) {
	s := start(t, local)
	st := s.listen()
	never := transition(0)
	never.At = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.Publish(never, transition(0))
	st.wants(0)
	if got := s.logged.String(); !strings.Contains(got, "can not be written") {
		t.Errorf("logged: %s", got)
	}
}

func TestEventsTakeNoParameters(t *testing.T) {
	start(t, local).get("/v1/events?x=1").wants(t, 400)
}
