package test_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// watching is a snippet for checks that learn of a death by watch or, in a test's
// time, not at all; of a return they learn soon.
const watching = `
(watching) {
    watch
    interval 10m
    fast_interval 10m
    down_interval 100ms
    threshold 3 1
}
`

// watched is a zone with a record whose primary has a check, and a secondary that
// is always there.
func watched(primary, check, options string) string {
	return watching + zone(watchedRecord("www", primary, check, options))
}

func watchedRecord(name, primary, check, options string) string {
	return `
    failover ` + name + `.example.org {
        primary ` + primary + `
        secondary ` + lastResort + ` {
            check none
        }
        check ` + check + ` {
            ` + strings.ReplaceAll(options, "; ", "\n            ") + `
        }
    }
`
}

// mortal is a server that dies and comes back where it was.
type mortal interface {
	stop()
	start(t testing.TB)
}

// mortalGRPC is one.
type mortalGRPC struct{ *grpcTarget }

func (m mortalGRPC) stop() { m.grpcTarget.stop() }

// dies waits until the death of a server is noticed, for the n-th time, and tells
// how long that took.
func dies(t *testing.T, s *server, one mortal, n int, ip string) {
	t.Helper()
	transitions := len(s.log.transitions())
	mustAnswer(t, s, "www.example.org", dns.TypeA, ip)
	died := time.Now()
	one.stop()
	for s.ask(t, "www.example.org", dns.TypeA) != lastResort {
		if time.Since(died) > patience {
			t.Fatal("nobody notices")
		}
	}
	t.Logf("switched after %v", time.Since(died).Round(100*time.Microsecond))
	s.log.await(t, n, "target "+ip, ": healthy -> unhealthy", "): connection refused")
	if got := s.log.transitions(); len(got) != transitions+1 {
		t.Errorf("a death makes the transitions %q, want one", got[transitions:])
	}
}

// returns waits until a server is answered again that has died.
func returns(t *testing.T, s *server, one mortal, n int, ip string) {
	t.Helper()
	one.start(t)
	s.log.await(t, n, "target "+ip, ": unhealthy -> healthy")
	awaitAnswer(t, s, "www.example.org", dns.TypeA, ip)
}

// A server that dies is noticed long before its check is due, and so it is when
// it has come back; whatever the type of the check.
func TestWatchDeath(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	secure := func() *tls.Config { return serving(ca.issue(t, time.Hour, "www.example.org")) }
	h2 := secure()
	h2.NextProtos = []string{"h2"}
	ordinary := func(config *tls.Config, b behaviour) func(t *testing.T) (mortal, string, string) {
		return func(t *testing.T) (mortal, string, string) {
			one := startTLSTargets(t, 1, config, b)[0]
			return one, one.ip, one.port
		}
	}
	overGRPC := func(options ...grpc.ServerOption) func(t *testing.T) (mortal, string, string) {
		return func(t *testing.T) (mortal, string, string) {
			one := startGRPC(t, options...)
			return mortalGRPC{one}, one.ip, one.port
		}
	}
	for name, kind := range map[string]struct {
		start          func(t *testing.T) (one mortal, ip, port string)
		check, options string
	}{
		"http":     {ordinary(nil, lasting), "http /healthz", "port $PORT"},
		"https":    {ordinary(secure(), lasting), "https /healthz", "port $PORT; tls " + ca.file},
		"tcp":      {ordinary(nil, silent), "tcp $PORT", ""},
		"greeting": {ordinary(nil, says("220 hello\r\n")), "tcp $PORT", `expect "220"`},
		"tls":      {ordinary(secure(), silent), "tls $PORT", "tls " + ca.file + "; host www.example.org"},
		"grpc":     {overGRPC(), "grpc $PORT", ""},
		"grpc tls": {overGRPC(grpc.Creds(credentials.NewTLS(h2))), "grpc $PORT", "tls " + ca.file},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, ip, port := kind.start(t)
			at := strings.NewReplacer("$PORT", port)
			s := start(t, watched(ip, at.Replace(kind.check), at.Replace(kind.options)+"; import watching"))
			s.log.await(t, 1, "target "+ip, "unknown -> healthy")
			for n := range 3 {
				dies(t, s, one, n+1, ip)
				returns(t, s, one, n+1, ip)
			}
		})
	}
}

// keepAsking asks for names all the time, in the background: none may ever have
// another answer than it has now.
func keepAsking(t *testing.T, s *server, want map[string]string) (awaitMore func(n int64)) {
	t.Helper()
	client := dns.Client{Timeout: patience}
	pace := time.NewTicker(5 * time.Millisecond) // the machine has other things to do
	t.Cleanup(pace.Stop)
	return watch(t, func() error {
		for name, ip := range want {
			reply, _, err := client.Exchange(question(name, dns.TypeA), s.endpoint())
			if err != nil {
				return err
			}
			if got := inWords(reply); got != ip {
				return fmt.Errorf("%s is answered with %s, want %s", name, got, ip)
			}
		}
		<-pace.C
		return nil
	})
}

// mustKeepVerdicts fails where a verdict has changed but for the first ones.
func (s *server) mustKeepVerdicts(t testing.TB) {
	t.Helper()
	for _, line := range s.log.transitions() {
		if !strings.Contains(line, "unknown -> healthy") {
			t.Errorf("a verdict changes: %s", line)
		}
	}
}
