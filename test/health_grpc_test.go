package test_test

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/miekg/dns"
)

// grpcTarget is a gRPC server with the health service that comes with grpc-go.
type grpcTarget struct {
	*health.Server
	ip, port string
}

func startGRPC(t testing.TB, options ...grpc.ServerOption) grpcTarget {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(newIP(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server, status := grpc.NewServer(options...), health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, status)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-ended
	})
	ip, port, _ := net.SplitHostPort(listener.Addr().String())
	return grpcTarget{status, ip, port}
}

// vars are the target for a Corefile.
func (g grpcTarget) vars() vars { return vars{"GRPC": g.ip, "GRPC_PORT": g.port} }

// grpcRecord is a record whose primary is a gRPC server.
func grpcRecord(arguments, options string) string {
	return `
    failover www.example.org {
        primary {$GRPC}
        secondary ` + lastResort + ` {
            check none
        }
        check grpc {$GRPC_PORT} ` + arguments + ` {
            ` + options + `
            import fast
        }
    }
`
}

// A server that reports NOT_SERVING is unhealthy, whatever else it does, until it
// reports SERVING again; with TLS and without.
func TestHealthGRPC(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	overTLS := serving(ca.issue(t, time.Hour, "www.example.org"))
	overTLS.NextProtos = []string{"h2"}
	for name, one := range map[string]struct {
		service, option string
		server          []grpc.ServerOption
	}{
		"server":  {"", "", nil},
		"service": {"shop.Cart", "", nil},
		"tls":     {"shop.Cart", "tls " + ca.file, []grpc.ServerOption{grpc.Creds(credentials.NewTLS(overTLS))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := startGRPC(t, one.server...)
			target.SetServingStatus(one.service, grpc_health_v1.HealthCheckResponse_SERVING)
			s := start(t, zone(grpcRecord(one.service, one.option)), target.vars())
			s.log.await(t, 1, target.ip, "check grpc", "unknown -> healthy")
			mustAnswer(t, s, "www.example.org", dns.TypeA, target.ip)

			target.SetServingStatus(one.service, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
			awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)
			s.log.await(t, 1, "healthy -> unhealthy", " is NOT_SERVING")
			target.SetServingStatus(one.service, grpc_health_v1.HealthCheckResponse_SERVING)
			awaitAnswer(t, s, "www.example.org", dns.TypeA, target.ip)
		})
	}
}

// What is wrong with a gRPC server is told in words.
func TestHealthGRPCReasons(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	encrypted := grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, time.Hour, "www.example.net")}, NextProtos: []string{"h2"},
	}))
	for name, one := range map[string]struct {
		service, option, reason string
		server                  []grpc.ServerOption
	}{
		"unknown service":  {"shop.Cart", "", `unknown service "shop.Cart"`, nil},
		"other name":       {"", "tls " + ca.file, `certificate is for "www.example.net", not "www.example.org"`, []grpc.ServerOption{encrypted}},
		"server lacks TLS": {"", "tls " + ca.file, "not a TLS server: ", nil},
		"client lacks TLS": {"", "", "connection ", []grpc.ServerOption{encrypted}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := startGRPC(t, one.server...)
			s := start(t, zone(grpcRecord(one.service, one.option)), target.vars())
			s.log.await(t, 1, target.ip, "unknown -> unhealthy", one.reason)
			awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)
		})
	}
}
