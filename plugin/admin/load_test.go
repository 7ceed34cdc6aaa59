package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/admin"
)

// TestHundredClients has them read, steer, fail and follow all at once, while
// tokens change and transitions happen.
func TestHundredClients(t *testing.T) {
	logged, from := &lines{}, &source{}
	c := public.config(t, from, logged)
	s := startWith(t, c, admin.Limits{Stat: time.Millisecond, KeepAlive: 10 * time.Millisecond})
	s.source, s.logged = from, logged
	// Answers are compared with the description elsewhere: that takes long.
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport}

	stop := make(chan struct{})
	var background, clients sync.WaitGroup
	background.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				s.Publish(transition(n))
				write(t, c.Settings.TokenFile, tokenText+strings.Repeat("#\n", n%7))
			}
		}
	})
	for n := range 100 {
		clients.Go(func() { s.useAll(n) })
	}
	clients.Wait()
	close(stop)
	background.Wait()

	if got, want := from.done(), 100*5; got != want {
		t.Errorf("%d things were done, want %d", got, want)
	}
	if got, want := strings.Count(logged.String(), "jane: "), 100*4; got != want {
		t.Errorf("%d lines were logged, want %d", got, want)
	}
}

// useAll has one client use every endpoint with every credential.
func (s *server) useAll(n int) {
	stream := s.listen(bearer(readToken))
	for _, e := range endpoints {
		if e.path == "/v1/events" || e.path == "/nothing" {
			continue
		}
		body := strings.Replace(e.body, "disks", fmt.Sprintf("disks of %d", n), 1)
		s.do(e.method, e.path, body).wants(s.t, 401)
		s.do(e.method, e.path, body, bearer(wrongToken)).wants(s.t, 401)
		s.do(e.method, e.path, body, bearer(allToken)).wants(s.t, e.code)
	}
	stream.next()
	stream.body.Close()
}
