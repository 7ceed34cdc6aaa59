package test_test

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// What invert makes healthy is noticed as well: a server that should not be there
// is gone.
func TestWatchInvert(t *testing.T) {
	t.Parallel()
	site := startTargets(t, 1, lasting)[0]
	const options = "; watch; invert; interval 10m; fast_interval 10m; threshold 1 3"
	s := start(t, watched(site.ip, "http", "port "+site.port+options))
	s.log.await(t, 1, "unknown -> unhealthy", "invert makes that a failure")
	awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)
	site.stop()
	s.log.await(t, 1, ": unhealthy -> healthy", "invert makes that a success")
	awaitAnswer(t, s, "www.example.org", dns.TypeA, site.ip)
	if got := s.log.transitions(); len(got) != 2 {
		t.Errorf("the transitions are %q, want two", got)
	}
}

// redirecting sends whoever asks to another server, and keeps the connection open.
func redirecting(to *target) behaviour {
	return func(t *target, conn net.Conn) {
		if t.readRequest(conn) {
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 302 Found\r\nLocation: http://%s/\r\nContent-Length: 0\r\n\r\n",
				net.JoinHostPort(to.ip, to.port))
			_, _ = io.Copy(io.Discard, conn)
		}
	}
}

// With follow_redirects it is the server of the target that is watched, and not the one
// that it redirects to.
func TestWatchFollowsRedirects(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, lasting)
	sites[0].behave(redirecting(sites[1]))
	s := start(t, watched(sites[0].ip, "http", "port "+sites[0].port+"; follow_redirects; import watching"))
	s.log.await(t, 1, "unknown -> healthy")
	for n := range 2 {
		sites[0].awaitOpen(t, 1)
		sites[1].awaitOpen(t, 0)
		dies(t, s, sites[0], n+1, sites[0].ip)
		returns(t, s, sites[0], n+1, sites[0].ip)
	}
	sites[1].stop() // nobody notices, but in time
	sites[0].stop()
	s.log.await(t, 3, ": healthy -> unhealthy")
}

// A threshold of 1 needs one probe that finds nobody. A connection that ends is no such
// probe.
func TestWatchThresholdOne(t *testing.T) {
	t.Parallel()
	site := startTargets(t, 1, lasting)[0]
	s := start(t, watched(site.ip, "http", "port "+site.port+"; watch; interval 10m; down_interval 100ms; threshold 1"))
	s.log.await(t, 1, "unknown -> healthy")
	for n := range 2 {
		dies(t, s, site, n+1, site.ip)
		returns(t, s, site, n+1, site.ip)
	}
}

// mustProbeCalmly waits for some probes that fail, of which there may be no more than
// the fast interval of the guard and the interval of a check give: what the check has
// found does not count. At the most it is about to look for the last time at an ending.
func (s *server) mustProbeCalmly(t testing.TB) {
	t.Helper()
	failures := func() float64 { return s.metric(t, "probes_total", `type="http"`, `result="failure"`) }
	began, before := time.Now(), failures()
	s.awaitProbed(t, 15, "failure")
	got := failures() - before
	took := time.Since(began)
	most := mostProbes(scheduled(took, 100*time.Millisecond)+scheduled(took, time.Second), 1)
	t.Logf("%v probes fail in %v, at most %.1f", got, took, most)
	if got > most {
		t.Errorf("there are %v probes that fail in %v, want at most %.1f", got, took, most)
	}
}

// While the guard fails, a death that is noticed changes nothing, and nobody probes in
// haste; with the guard back it counts.
func TestWatchGuard(t *testing.T) {
	t.Parallel()
	site := startTargets(t, 1, lasting)[0]
	uplink, guardVars := startGuard(t, "GUARD")
	options := "port " + site.port + "; watch; import fast"
	s := start(t, zone(guarded("GUARD")+watchedRecord("www", site.ip, "http", options)), guardVars)
	s.log.await(t, 1, "unknown -> healthy")
	s.awaitMetric(t, 1, "guard_state", `state="passing"`)
	for n := 1; n <= 2; n++ {
		uplink.stop()
		site.stop() // as if the cable had been pulled
		s.log.await(t, n, guardLost)
		s.mustProbeCalmly(t)
		mustAnswer(t, s, "www.example.org", dns.TypeA, site.ip)
		uplink.start(t)
		s.log.await(t, n+1, guardBack)
		awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)
		returns(t, s, site, n, site.ip)
	}
	if got := len(s.log.transitions()); got != 5 {
		t.Errorf("there are %d transitions, want 5: %q", got, s.log.transitions())
	}
}
