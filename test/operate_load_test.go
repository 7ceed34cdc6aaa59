package test_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"
)

// crowded lets n clients ask an admin for all it has, until stop.
type crowded struct {
	done    chan struct{}
	clients sync.WaitGroup

	mu    sync.Mutex
	codes map[int]int // how often each status came
	wrong []string
}

// ask asks once, and keeps what must not be.
func (c *crowded) ask(o operator, method, path string, body any) {
	got, err := o.attempt(method, path, body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.codes[got.code]++
	if err != nil || got.code >= 500 || got.code == 0 {
		c.wrong = append(c.wrong, fmt.Sprintf("%s %s: %d %s %v", method, path, got.code, got.body, err))
	}
}

// asked is how many requests have had an answer.
func (c *crowded) asked() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, times := range c.codes {
		n += times
	}
	return n
}

// client asks for one thing after the other; some also steer.
func (c *crowded) client(o operator, n int, targets []string) {
	const record = "/v1/records/www.example.org"
	target := targets[n%len(targets)]
	for i := n; ; i++ {
		select {
		case <-c.done:
			return
		default:
		}
		switch i % 9 {
		case 0:
			c.ask(o, http.MethodGet, "/v1/status", nil)
		case 1:
			c.ask(o, http.MethodGet, "/v1/records?limit=2&search=example", nil)
		case 2:
			c.ask(o, http.MethodGet, record, nil)
		case 3:
			c.ask(o, http.MethodGet, record+"/explain?down="+target+"&client=192.0.2.1", nil)
		case 4:
			c.ask(o, http.MethodGet, "/", nil)
		case 5:
			c.ask(o, http.MethodGet, "/v1/records/none.example.org", nil)
		case 6:
			c.ask(o, http.MethodPost, record+"/drain", status.Action{Target: target, Reason: "one of many", ExpiresIn: "1s"})
		case 7:
			c.ask(o, http.MethodPost, record+"/clear", status.Action{Target: target, Reason: "one of many"})
		case 8:
			c.ask(o, http.MethodPost, "/v1/heartbeat/batch", nil)
		}
	}
}

// A hundred clients see and steer at once, while the configuration is replaced and
// questions are asked: none of them meets an error of the server, and each
// question is answered with a target.
func TestOperateHundredClients(t *testing.T) {
	t.Parallel()
	const clients, each = 100, 10
	sites := startTargets(t, 2, ok)
	version := func(n int) string {
		return operated(steerable, www+beating+[]string{"", "loadbalance\n", extraHold}[n%3])
	}
	s := start(t, version(0), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)
	f := startFlood(t, s, "www.example.org", 200)
	c := &crowded{done: make(chan struct{}), codes: make(map[int]int)}
	for n := range clients {
		c.clients.Go(func() { c.client(o, n, []string{sites[0].ip, sites[1].ip}) })
	}
	stop := sync.OnceFunc(func() {
		close(c.done)
		c.clients.Wait()
	})
	t.Cleanup(stop)
	for n := range 10 {
		enough := c.asked() + clients*each/10
		await(t, func() string {
			if c.asked() < enough {
				return "the clients get no answers"
			}
			return ""
		})
		s.reload(t, version(n+1))
	}
	stop()
	for answer, n := range f.stop(t) {
		if !strings.Contains(sites[0].ip+" "+sites[1].ip, answer) {
			t.Errorf("%d questions are answered with %s", n, answer)
		}
	}
	if len(c.wrong) > 0 {
		t.Errorf("%d of %d requests go wrong, first %q", len(c.wrong), c.asked(), c.wrong[:min(len(c.wrong), 5)])
	}
	t.Logf("%d requests: %v", c.asked(), c.codes)
	if s.admins()[0] != o.base || len(s.admins()) != 1 {
		t.Errorf("the admin has listened at %v", s.admins())
	}
	s.log.mustLog(t, 0, "[ERROR]")
}
