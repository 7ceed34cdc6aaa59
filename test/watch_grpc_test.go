package test_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// A gRPC server that lives tells itself that it does not serve, and that it does
// again; nobody needs to ask.
func TestWatchGRPCTells(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"", "shop.Cart"} {
		t.Run(fmt.Sprintf("service %q", service), func(t *testing.T) {
			t.Parallel()
			one := startGRPC(t)
			tells := func(is grpc_health_v1.HealthCheckResponse_ServingStatus) { one.SetServingStatus(service, is) }
			tells(grpc_health_v1.HealthCheckResponse_SERVING)
			s := start(t, watched(one.ip, "grpc "+one.port+" "+service, "watch; interval 10m; fast_interval 10m"))
			s.log.await(t, 1, "unknown -> healthy")
			const times = 20
			for n := range times {
				tells(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
				awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)
				s.log.await(t, n+1, ": healthy -> unhealthy", " is NOT_SERVING")
				tells(grpc_health_v1.HealthCheckResponse_SERVING)
				awaitAnswer(t, s, "www.example.org", dns.TypeA, one.ip)
				s.log.await(t, n+1, ": unhealthy -> healthy")
			}
			if got := s.log.transitions(); len(got) != 1+2*times {
				t.Errorf("%d transitions are logged, want %d: %q", len(got), 1+2*times, got)
			}
			// The first probe and a call; then three probes for each verdict, as its
			// threshold has it, and a new call after those that failed.
			const most = 2 + times*(3+3+1)
			if got := one.accepted.Load(); got > most {
				t.Errorf("the server has had %d connections, want at most %d", got, most)
			}
		})
	}
}

// A server that does not know the call is watched like any other, by its connection.
func TestWatchGRPCWithoutCall(t *testing.T) {
	t.Parallel()
	one := startGRPC(t, grpc.StreamInterceptor(
		func(any, grpc.ServerStream, *grpc.StreamServerInfo, grpc.StreamHandler) error {
			return status.Error(codes.Unimplemented, "unknown")
		}))
	s := start(t, watched(one.ip, "grpc "+one.port, "import watching"))
	s.log.await(t, 1, "unknown -> healthy")
	for n := range 2 {
		dies(t, s, mortalGRPC{one}, n+1, one.ip)
		returns(t, s, mortalGRPC{one}, n+1, one.ip)
	}
	const most = 2 + 2*2 // a probe and a call at first, and at each return
	if got := one.accepted.Load(); got > most {
		t.Errorf("the server has had %d connections, want at most %d", got, most)
	}
}

// A server, or a proxy before it, may end a call and keep the connection: then it is
// called again, or nobody would hear what it has to tell.
func TestWatchGRPCCallsAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	one := startGRPC(t, grpc.StreamInterceptor(
		func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			if calls.Add(1) > 2 {
				return handle(server, stream)
			}
			well := &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}
			if err := stream.SendMsg(well); err != nil {
				return err
			}
			return status.Error(codes.Unavailable, "the call has lasted for too long")
		}))
	s := start(t, watched(one.ip, "grpc "+one.port, "watch; interval 500ms"))
	s.log.await(t, 1, "unknown -> healthy")
	await(t, func() string {
		if got := calls.Load(); got < 3 {
			return fmt.Sprintf("there have been %d calls, want 3", got)
		}
		return ""
	})
	s.mustKeepVerdicts(t)
}

// A connection whose server is gone without a word, as after a power failure, is not
// taken for one to the server that is back.
func TestWatchGRPCAfterSilence(t *testing.T) {
	t.Parallel()
	backend := startGRPC(t)
	var silenced atomic.Bool
	released := make(chan struct{})
	front := startTargets(t, 1, func(tg *target, conn net.Conn) {
		onward, err := net.Dial("tcp", net.JoinHostPort(backend.ip, backend.port))
		if err != nil {
			return
		}
		tg.running.Go(func() {
			defer onward.Close()
			_, _ = io.Copy(onward, conn)
		})
		_, _ = io.Copy(conn, onward)
		if silenced.Load() {
			<-released
		}
	})[0]
	t.Cleanup(func() { close(released) })
	s := start(t, watched(front.ip, "grpc "+front.port, "import watching"))
	s.log.await(t, 1, "unknown -> healthy")
	backend.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)

	silenced.Store(true)
	front.silence()
	backend.stop()
	failures := s.metric(t, "probes_total", `result="failure"`)
	await(t, func() string {
		if s.metric(t, "probes_total", `result="failure"`) < failures+3 {
			return "nobody looks"
		}
		return ""
	})
	silenced.Store(false)
	backend.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	backend.start(t)
	returns(t, s, front, 1, front.ip)
	backend.stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)
}

// A call lasts for as long as its server: what stands between must not forget it, or
// must be found out. So the kernel asks now and then whether the peer is there.
func TestWatchGRPCKeepsAlive(t *testing.T) {
	t.Parallel()
	const asks = "02:" // the timer that runs, as /proc/net/tcp writes it
	one := startGRPC(t)
	s := start(t, watched(one.ip, "grpc "+one.port, "import watching"))
	s.log.await(t, 1, "unknown -> healthy")
	to := net.JoinHostPort(one.ip, one.port)
	await(t, func() string {
		timers := make([]string, 0, 1)
		known := s.sockets(t, func(words []string) {
			if unhex(words[2]) == to {
				timers = append(timers, words[5])
			}
		})
		if known && (len(timers) != 1 || !strings.HasPrefix(timers[0], asks)) {
			return fmt.Sprintf("the timers of connections to the server are %q, want one that starts with %s", timers, asks)
		}
		return ""
	})
}
