package test_test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
	"google.golang.org/grpc/health/grpc_health_v1"
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
			const times = 3
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
			// A call, the first probe, and some for each verdict.
			if got := one.accepted.Load(); got > 2+2*times*8 {
				t.Errorf("the server has had %d connections", got)
			}
		})
	}
}
