package probe_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/coredns-failover/failover/plugin/model"
)

// grpcCheck is a check as package corefile makes it of "check grpc PORT".
func grpcCheck(server netip.AddrPort) model.Check {
	return model.Check{
		Type:     model.GRPC,
		Port:     server.Port(),
		Host:     "www.example.org",
		Schedule: model.Schedule{Timeout: patience},
	}
}

// overTLSToo makes the check speak TLS, as the option "tls" does.
func overTLSToo(check model.Check) model.Check {
	check.TLS.Enabled, check.TLS.ServerName = true, "www.example.org"
	return check
}

// serveGRPC runs a server of grpc-go, with the health service that there is.
func serveGRPC(t testing.TB, service grpc_health_v1.HealthServer, options ...grpc.ServerOption) netip.AddrPort {
	t.Helper()
	return serveGRPCOn(t, "127.0.0.1:0", service, options...)
}

func serveGRPCOn(t testing.TB, address string, service grpc_health_v1.HealthServer, options ...grpc.ServerOption) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip(err)
	}
	server := grpc.NewServer(options...)
	if service != nil {
		grpc_health_v1.RegisterHealthServer(server, service)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-ended
	})
	return netip.MustParseAddrPort(listener.Addr().String())
}

// library is the health service of grpc-go: one service of each status.
func library() *health.Server {
	server := health.NewServer()
	server.SetServingStatus("good", grpc_health_v1.HealthCheckResponse_SERVING)
	server.SetServingStatus("bad", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	server.SetServingStatus("young", grpc_health_v1.HealthCheckResponse_UNKNOWN)
	server.SetServingStatus("odd", 77)
	return server
}

func TestGRPCServices(t *testing.T) {
	server := serveGRPC(t, library())
	for service, want := range map[string]string{
		"":      healthy,
		"good":  healthy,
		"bad":   `service "bad" is NOT_SERVING`,
		"young": `service "young" is UNKNOWN`,
		"odd":   `service "odd" is 77`,
		"none":  `unknown service "none"`,
	} {
		t.Run(service, func(t *testing.T) {
			check := grpcCheck(server)
			check.Request.Service = service
			wantResult(t, run(t, check, server), want)
		})
	}
}

// answering is a health service that says whatever the test wants.
type answering func(context.Context) (*grpc_health_v1.HealthCheckResponse, error)

func (a answering) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return a(ctx)
}

func (answering) List(context.Context, *grpc_health_v1.HealthListRequest) (*grpc_health_v1.HealthListResponse, error) {
	return nil, status.Error(codes.Unimplemented, "")
}

func (answering) Watch(*grpc_health_v1.HealthCheckRequest, grpc_health_v1.Health_WatchServer) error {
	return status.Error(codes.Unimplemented, "")
}

func failing(code codes.Code, message string) answering {
	return func(context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		return nil, status.Error(code, message)
	}
}

func TestGRPCStatuses(t *testing.T) {
	large := new(grpc_health_v1.HealthCheckResponse)
	large.ProtoReflect().SetUnknown(append([]byte{0x7a, 0x80, 0x40}, make([]byte, 1<<13)...))
	shut := library()
	shut.Shutdown()
	for name, test := range map[string]struct {
		service grpc_health_v1.HealthServer
		want    string
	}{
		"shut down":      {shut, "the server is NOT_SERVING"},
		"no such health": {nil, "no health service at this server (Unimplemented)"},
		"unavailable":    {failing(codes.Unavailable, "draining\n"), `gRPC status Unavailable: "draining\n"`},
		"long":           {failing(codes.Internal, strings.Repeat("x", 99)), `gRPC status Internal: "` + strings.Repeat("x", 64) + `"...`},
		"own deadline":   {failing(codes.DeadlineExceeded, "mine"), "no answer within 10s"},
		"cancelled":      {failing(codes.Canceled, "mine"), `gRPC status Canceled: "mine"`},
		"large": {
			answering(func(context.Context) (*grpc_health_v1.HealthCheckResponse, error) { return large, nil }),
			`gRPC status ResourceExhausted: "grpc: received message larger than max (8195 vs. 4096)"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveGRPC(t, test.service)
			wantResult(t, run(t, grpcCheck(server), server), test.want)
		})
	}
}

func TestGRPCRequest(t *testing.T) {
	got := make(chan metadata.MD, 1)
	service := answering(func(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		heads, _ := metadata.FromIncomingContext(ctx)
		got <- heads
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
	})
	server := serveGRPC(t, service)
	for host, want := range map[string]string{
		"www.example.org": "www.example.org", "2001:db8::1": "[2001:db8::1]", "": server.String(),
	} {
		check := grpcCheck(server)
		check.Host = host
		wantResult(t, run(t, check, server), healthy)
		heads := <-got
		if authority := heads.Get(":authority"); len(authority) != 1 || authority[0] != want {
			t.Errorf("authority %q, want %q", authority, want)
		}
		if agent := heads.Get("user-agent"); len(agent) != 1 || !strings.HasPrefix(agent[0], "coredns-failover ") {
			t.Errorf("user agent %q", agent)
		}
	}
}

func secureGRPC(config *tls.Config) grpc.ServerOption { return grpc.Creds(credentials.NewTLS(config)) }

func TestGRPCOverTLS(t *testing.T) {
	wanted, other := newAuthority("Clients"), newAuthority("Others")
	for name, test := range map[string]struct {
		config *tls.Config
		change func(*model.Check)
		want   string
	}{
		"good":           {with(system.issue(nil)), nil, healthy},
		"wrong name":     {with(system.issue(names("a.example"))), nil, `certificate is for "a.example", not "www.example.org"`},
		"unknown":        {with(other.issue(nil)), nil, "certificate signed by an unknown authority"},
		"not verified":   {with(other.issue(nil)), func(c *model.Check) { c.TLS.InsecureSkipVerify = true }, healthy},
		"other CA":       {with(other.issue(nil)), func(c *model.Check) { c.TLS.CAFile = other.file(t) }, healthy},
		"no CA":          {with(other.issue(nil)), func(c *model.Check) { c.TLS.CAFile = "/no/ca" }, "cannot probe: /no/ca cannot be read: no such file or directory"},
		"client":         {mutual(wanted), func(c *model.Check) { client(t, wanted, c) }, healthy},
		"wrong client":   {mutual(wanted), func(c *model.Check) { client(t, other, c) }, "the server refused TLS: certificate required"},
		"no client":      {mutual(wanted), nil, "the server refused TLS: certificate required"},
		"other protocol": {&tls.Config{Certificates: with(system.issue(nil)).Certificates}, nil, healthy},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveGRPC(t, library(), secureGRPC(test.config))
			check := overTLSToo(grpcCheck(server))
			if test.change != nil {
				test.change(&check)
			}
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

// A TLS server hangs up on who does not speak it, some of them with a reset.
func TestGRPCWithoutTLS(t *testing.T) {
	server := serveGRPC(t, library(), secureGRPC(with(system.issue(nil))))
	err := run(t, grpcCheck(server), server)
	if err == nil || !strings.HasPrefix(err.Error(), "connection ") && !strings.HasPrefix(err.Error(), "not a gRPC server: ") {
		t.Errorf("got %v", err)
	}
}

// The scheme must be that of the connection, which it is not by itself.
func TestGRPCScheme(t *testing.T) {
	schemes := make(chan string, 1)
	handle := func(conn net.Conn) {
		defer close(schemes)
		io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
		framer := http2.NewFramer(conn, conn)
		framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		framer.WriteSettings()
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if heads, ok := frame.(*http2.MetaHeadersFrame); ok {
				schemes <- heads.PseudoValue("scheme")
				return
			}
		}
	}
	config := with(system.issue(nil))
	config.NextProtos = []string{"h2"}
	server := serve(t, overTLS(config, handle))
	run(t, overTLSToo(grpcCheck(server)), server)
	if scheme := <-schemes; scheme != "https" {
		t.Errorf("scheme %q", scheme)
	}
}

// settings is an empty SETTINGS frame, and pings one that says nothing.
const (
	settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	pings    = "\x00\x00\x08\x06\x01\x00\x00\x00\x0012345678"
)

func TestGRPCOfOthers(t *testing.T) {
	h1 := with(system.issue(nil))
	h1.NextProtos = []string{"http/1.1"}
	hello := `not a gRPC server: its answer starts with `
	for name, test := range map[string]struct {
		handle func(net.Conn)
		tls    bool
		want   string
	}{
		"HTTP/1":          {say("HTTP/1.1 400 Bad Request\r\n\r\n"), false, hello + `"HTTP/1.1 400 Bad Request\r\n\r\n"`},
		"mail":            {say("220 ready\r\n"), false, hello + `"220 ready\r\n"`},
		"long":            {say(strings.Repeat("z", 1<<17)), false, hello + `"` + strings.Repeat("z", 64) + `"...`},
		"other frame":     {say(pings), false, hello + `"\x00\x00\b\x06\x01\x00\x00\x00\x0012345678"`},
		"HTTP/1 only":     {overTLS(h1, silent), true, "the server refused TLS: no application protocol"},
		"TLS HTTP/1":      {overTLS(with(system.issue(nil)), say("HTTP/1.1 400 Bad\r\n\r\n")), true, hello + `"HTTP/1.1 400 Bad\r\n\r\n"`},
		"no TLS":          {say("HTTP/1.1 400 Bad\r\n\r\n"), true, `not a TLS server: its answer starts with "HTTP/"`},
		"closed":          {func(c net.Conn) { c.Read(make([]byte, 4096)) }, false, "connection closed without an answer"},
		"closed later":    {func(c net.Conn) { io.WriteString(c, settings); io.ReadFull(c, make([]byte, 60)) }, false, "connection closed without an answer"},
		"few bytes":       {func(c net.Conn) { io.WriteString(c, settings[:4]); c.Read(make([]byte, 4096)) }, false, "connection closed without an answer"},
		"other few bytes": {func(c net.Conn) { io.WriteString(c, "hi"); c.Read(make([]byte, 4096)) }, false, hello + `"hi"`},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, drained(test.handle))
			check := grpcCheck(server)
			if test.tls {
				check = overTLSToo(check)
			}
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

// drained makes the end of a connection no reset: it leaves nothing unread.
func drained(handle func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		handle(conn)
		conn.(*net.TCPConn).CloseWrite()
		await(conn)
	}
}

// An HTTP/2 server that knows nothing of gRPC.
func TestGRPCOfHTTP2(t *testing.T) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.NotFoundHandler(), Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	address := netip.MustParseAddrPort(listener.Addr().String())
	wantResult(t, run(t, grpcCheck(address), address), "bad answer: unexpected HTTP status code received from server: "+
		`404 (Not Found); transport: received unexpected content-type "text/plain; char...`)
}

// The library limits each frame, but not how many of them it reads.
func TestGRPCEndlessAnswers(t *testing.T) {
	for name, first := range map[string]string{"pings": settings, "settings": settings + settings} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			server := serve(t, func(conn net.Conn) {
				conn.(*net.TCPConn).SetWriteBuffer(4096)
				_, err := io.WriteString(conn, first)
				for err == nil {
					var n int
					n, err = io.WriteString(conn, strings.Repeat(pings, 64))
					sent.Add(int64(n))
				}
			})
			wantResult(t, run(t, grpcCheck(server), server), "answer larger than 72 KiB")
			if n := sent.Load(); n > 64<<10+1<<20 {
				t.Errorf("the server could send %d bytes", n)
			}
		})
	}
}

func TestGRPCTimeouts(t *testing.T) {
	t.Parallel()
	stuck := answering(func(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	for name, server := range map[string]netip.AddrPort{
		"silent": serve(t, silent), "settings": serve(t, say(settings)),
		"deaf": serve(t, func(conn net.Conn) { io.WriteString(conn, settings); <-t.Context().Done() }), "stuck": serveGRPC(t, stuck),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantTimeout(t, grpcCheck(server), server, "no answer within 500ms")
		})
	}
	t.Run("handshake", func(t *testing.T) {
		t.Parallel()
		server := serve(t, silent)
		wantTimeout(t, overTLSToo(grpcCheck(server)), server, "TLS handshake not finished within 500ms")
	})
}

func TestGRPCOverIPv6(t *testing.T) {
	server := serveGRPCOn(t, "[::1]:0", library())
	wantResult(t, run(t, grpcCheck(server), server), healthy)
}

func TestGRPCProxyOfEnvironmentIsNotUsed(t *testing.T) {
	t.Setenv("https_proxy", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	server := serveGRPC(t, library())
	wantResult(t, run(t, grpcCheck(server), server), healthy)
}
