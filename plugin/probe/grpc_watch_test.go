package probe_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/coredns-failover/failover/plugin/model"
)

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

// The server tells of every change, which is looked at; the call goes on meanwhile.
func TestGRPCIsWatched(t *testing.T) {
	for name, test := range map[string]struct {
		options []grpc.ServerOption
		check   func(netip.AddrPort) model.Check
	}{
		"plain":    {nil, grpcCheck},
		"over TLS": {[]grpc.ServerOption{secureGRPC(with(system.issue(nil)))}, func(s netip.AddrPort) model.Check { return overTLSToo(grpcCheck(s)) }},
	} {
		t.Run(name, func(t *testing.T) {
			service := library()
			server := serveGRPC(t, service, test.options...)
			check := test.check(server)
			check.Request.Service = "good"
			w := watchFrom(t, check, server)
			w.probes(t)
			w.mustWatch(t, true)
			for range 300 { // more than a window of messages, were it not opened again
				service.SetServingStatus("good", notServing)
				w.mustRouse(t)
				service.SetServingStatus("good", serving)
				w.mustRouse(t)
			}
			w.probes(t)
			w.mustWatch(t, true)
			service.SetServingStatus("good", notServing)
			w.mustRouse(t)
			wantResult(t, w.execute(t), `service "good" is NOT_SERVING`)
			w.mustWatch(t, true)
		})
	}
}

// A server that is stopped, in order or not, is looked at.
func TestGRPCThatEndsIsLookedAt(t *testing.T) {
	for name, stop := range map[string]func(*grpc.Server){
		"stopped": (*grpc.Server).Stop, "in order": (*grpc.Server).GracefulStop,
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := grpc.NewServer()
			grpc_health_v1.RegisterHealthServer(server, library())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				server.Serve(listener)
			}()
			at := netip.MustParseAddrPort(listener.Addr().String())
			w := watchFrom(t, grpcCheck(at), at)
			w.probes(t)
			w.mustWatch(t, true)
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				stop(server)
			}()
			w.mustRouse(t)
			<-ended
			<-stopped
		})
	}
}

// Without the call there is a connection all the same.
func TestGRPCWithoutWatch(t *testing.T) {
	server := serveGRPC(t, answering(func(context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		return &grpc_health_v1.HealthCheckResponse{Status: serving}, nil
	}))
	w := watchFrom(t, grpcCheck(server), server)
	w.probes(t)
	w.probes(t)
	w.mustWatch(t, true)
	if len(w.roused) > 0 {
		t.Error("somebody is roused because the call is unknown")
	}
}

// Servers end connections on which their pings are not answered.
func TestGRPCAnswersPings(t *testing.T) {
	answered := make(chan [8]byte)
	w := watchFrames(t, func(framer *http2.Framer) {
		data := [8]byte{1, 2, 3}
		framer.WritePing(false, data)
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if ping, ok := frame.(*http2.PingFrame); ok && ping.IsAck() {
				answered <- ping.Data
			}
		}
	})
	w.probes(t)
	if got := <-answered; got != [8]byte{1, 2, 3} {
		t.Errorf("the ping is answered with %v", got)
	}
	w.mustWatch(t, true)
}

// What a strange server sends ends the line, and nothing else.
func TestGRPCStrangeFrames(t *testing.T) {
	for name, frames := range map[string]func(*http2.Framer){
		"GOAWAY":          func(f *http2.Framer) { f.WriteGoAway(0, http2.ErrCodeNo, nil) },
		"a large message": func(f *http2.Framer) { f.WriteData(1, false, []byte{0, 255, 0, 0, 0}) },
		"no message":      func(f *http2.Framer) { f.WriteData(1, false, []byte{0, 0, 0, 0, 2, 8, 255}) },
		"a large frame":   func(f *http2.Framer) { f.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 1<<15)) },
		"many pings": func(f *http2.Framer) {
			for range 10_000 {
				if f.WritePing(false, [8]byte{}) != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := watchFrames(t, frames)
			w.probes(t)
			w.mustRouse(t)
			w.mustWatch(t, false)
		})
	}
}

// watchFrames watches a server that is well, and sends frames to who watches it.
func watchFrames(t *testing.T, frames func(*http2.Framer)) *watching {
	t.Helper()
	probed := make(chan struct{}, 1)
	probed <- struct{}{}
	well := serveGRPC(t, library())
	server := serve(t, func(conn net.Conn) {
		select {
		case <-probed:
			relay(conn, well)
		default:
			io.CopyN(io.Discard, conn, int64(len(http2.ClientPreface)))
			framer := http2.NewFramer(conn, conn)
			framer.WriteSettings()
			frames(framer)
			await(conn)
		}
	})
	return watchFrom(t, grpcCheck(server), server)
}

// relay lets the client of conn speak with another server.
func relay(conn net.Conn, server netip.AddrPort) {
	there, err := net.Dial("tcp", server.String())
	if err != nil {
		return
	}
	defer there.Close()
	go func() {
		io.Copy(there, conn)
		there.Close()
	}()
	io.Copy(conn, there)
}
