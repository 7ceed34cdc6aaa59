package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// probeGRPC is healthy when grpc.health.v1.Health/Check says SERVING (the gRPC
// Health Checking Protocol). The library gets a connection that is open and
// secured already, so that what goes wrong before is told in this package's
// words.
//
// The connection is closed in order, as by probeTCP, after a GOAWAY. Whatever
// the library runs for it has been told to end when the probe returns.
func probeGRPC(ctx context.Context, e *execution) error {
	opened, secured, err := e.dialGRPC(ctx)
	if err != nil {
		return err
	}
	defer opened.Close()
	return e.callHealth(ctx, newWire(secured, opened))
}

// dialGRPC connects, and secures the connection where the check says so.
func (e *execution) dialGRPC(ctx context.Context) (opened *conn, secured net.Conn, err error) {
	var config *tls.Config
	if e.check.TLS.Enabled {
		if config, err = e.tlsConfig(e.serverName(), true, "h2"); err != nil {
			return nil, nil, err
		}
	}
	if opened, err = e.dial(ctx, e.endpoint()); err != nil {
		return nil, nil, err
	}
	if config == nil {
		return opened, opened, nil
	}
	if secured, err = e.secure(ctx, opened, config); err != nil {
		_ = opened.Close()
		return nil, nil, err
	}
	return opened, secured, nil
}

func (e *execution) callHealth(ctx context.Context, server *wire) error {
	// The name means nothing: server.once takes any.
	client, err := grpc.NewClient("passthrough:///server", e.clientOptions(server)...)
	if err != nil {
		return errors.New("cannot call: " + printable(err.Error()))
	}
	defer client.Close()
	var header, trailer metadata.MD
	answer, err := grpc_health_v1.NewHealthClient(client).Check(ctx,
		&grpc_health_v1.HealthCheckRequest{Service: e.check.Request.Service},
		grpc.Header(&header), grpc.Trailer(&trailer))
	if err == nil {
		return e.judgeHealth(answer.GetStatus())
	}
	answered := len(header)+len(trailer) > 0 // at least content-type
	if err := e.callFailure(ctx, server, answered); err != nil {
		return err
	}
	return e.statusFailure(ctx, status.Convert(err), answered)
}

// clientOptions make a client of one call on one connection: nothing is looked
// up, retried, kept or measured.
func (e *execution) clientOptions(server *wire) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(secured{insecure.NewCredentials(), e.check.TLS.Enabled}),
		grpc.WithContextDialer(server.once),
		grpc.WithAuthority(cmp.Or(bracketed(e.check.Host), e.endpoint())),
		grpc.WithUserAgent("coredns-failover"),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableHealthCheck(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithReadBufferSize(maxMessage),
		grpc.WithWriteBufferSize(maxMessage),
		grpc.WithMaxHeaderListSize(maxHeaders),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	}
}

// maxMessage bounds the answer of a health service, which has two bytes.
const maxMessage = 4 << 10

// secured are the credentials of a connection that needs no handshake any more.
// They tell the scheme: without it a server behind TLS would see ":scheme: http".
type secured struct {
	credentials.TransportCredentials
	tls bool
}

func (s secured) Info() credentials.ProtocolInfo {
	if s.tls {
		return credentials.ProtocolInfo{SecurityProtocol: "tls"}
	}
	return s.TransportCredentials.Info()
}

func (s secured) Clone() credentials.TransportCredentials { return s }

func (e *execution) judgeHealth(is grpc_health_v1.HealthCheckResponse_ServingStatus) error {
	if is == grpc_health_v1.HealthCheckResponse_SERVING {
		return nil
	}
	if e.check.Request.Service == "" {
		return fmt.Errorf("the server is %s", is)
	}
	return fmt.Errorf("service %s is %s", quote(e.check.Request.Service), is)
}

// callFailure is what ended the call where the server did not: the context or
// the connection. It is nil if neither did.
func (e *execution) callFailure(ctx context.Context, server *wire, answered bool) error {
	if err := ctx.Err(); err != nil {
		return e.failure(ctx, waiting, err)
	}
	if answered {
		return nil
	}
	start, err := server.seen()
	if !isSettings(start) {
		return errors.New("not a gRPC server: its answer starts with " + quote(string(start)))
	}
	if err != nil {
		return e.failure(ctx, waiting, err)
	}
	return nil
}

// statusFailure says what a status other than OK means here.
func (e *execution) statusFailure(ctx context.Context, is *status.Status, answered bool) error {
	switch {
	case is.Code() == codes.DeadlineExceeded:
		return e.failure(ctx, waiting, context.DeadlineExceeded)
	case !answered:
		return errors.New("bad answer: " + printable(is.Message()))
	case is.Code() == codes.NotFound:
		return fmt.Errorf("unknown service %s", quote(e.check.Request.Service))
	case is.Code() == codes.Unimplemented:
		return errors.New("no health service at this server (Unimplemented)")
	default:
		return fmt.Errorf("gRPC status %s: %s", is.Code(), quote(is.Message()))
	}
}
