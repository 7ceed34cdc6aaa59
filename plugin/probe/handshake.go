package probe

import (
	"context"
	"crypto/tls"
)

// secure speaks TLS on opened, as a client that resumes nothing. What it returns
// is not to be closed, but opened is: a farewell (close_notify) could wait for
// the server.
func (p *plan) secure(ctx context.Context, opened *conn, config *tls.Config) (*tls.Conn, error) {
	encrypted := tls.Client(opened, config)
	//nolint:noctx // the connection ends with ctx, which is cheaper than a goroutine
	if err := encrypted.Handshake(); err != nil {
		return nil, p.failure(ctx, handshaking, err)
	}
	return encrypted, nil
}

// tlsConfig verifies the server as name, and offers it protocols (RFC 7301).
// Only where the server is the check's own does it get to see the check's client
// certificate.
func (p *plan) tlsConfig(name string, own bool, protocols ...string) (*tls.Config, error) {
	trust, err := p.files.current()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		ServerName:         name,
		RootCAs:            trust.roots,
		InsecureSkipVerify: p.check.TLS.InsecureSkipVerify, //nolint:gosec // the operator says so
		MinVersion:         tls.VersionTLS12,
		NextProtos:         protocols,
	}
	if own {
		config.Certificates = trust.client
	}
	return config, nil
}
