package test_test

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/miekg/dns"
)

// grpcTarget is a gRPC server with the health service that comes with grpc-go. It
// can be stopped and started again where it was.
type grpcTarget struct {
	*health.Server
	ip, port string

	options  []grpc.ServerOption
	accepted atomic.Int64 // connections
	stop     func()
}

func startGRPC(t testing.TB, options ...grpc.ServerOption) *grpcTarget {
	t.Helper()
	g := &grpcTarget{Server: health.NewServer(), ip: newIP(t), port: "0", options: options}
	g.start(t)
	t.Cleanup(func() { g.stop() })
	return g
}

func (g *grpcTarget) start(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(g.ip, g.port))
	if err != nil {
		t.Fatal(err)
	}
	_, g.port, _ = net.SplitHostPort(listener.Addr().String())
	server, ended := grpc.NewServer(g.options...), make(chan struct{})
	grpc_health_v1.RegisterHealthServer(server, g.Server)
	go func() {
		defer close(ended)
		_ = server.Serve(tallied{listener, &g.accepted})
	}()
	g.stop = func() {
		server.Stop()
		<-ended
	}
}

// tallied counts the connections of a listener.
type tallied struct {
	net.Listener
	accepted *atomic.Int64
}

func (c tallied) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.accepted.Add(1)
	}
	return conn, err
}

// vars are the target for a Corefile.
func (g *grpcTarget) vars() vars { return vars{"GRPC": g.ip, "GRPC_PORT": g.port} }

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
