package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// probeTLS is healthy when the handshake succeeds, and the certificate will
// still be valid in expires_in. No protocol is offered by ALPN (RFC 7301): a
// server of any must accept that.
//
// The connection is closed in order, as by probeTCP: a server that is reset
// before it has read the end of the handshake would log an error. One on which
// leave was taken already, because of a client certificate, is not left open.
func probeTLS(ctx context.Context, e *execution) error {
	config, err := e.tlsConfig(e.serverName(), true)
	if err != nil {
		return err
	}
	var asked bool
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = request.Version >= tls.VersionTLS13
		return suitable(config.Certificates, request), nil
	}
	opened, err := e.dial(ctx, e.endpoint())
	if err != nil {
		return err
	}
	defer e.end(opened)
	encrypted, err := e.secure(ctx, opened, config)
	if err != nil {
		return err
	}
	if asked {
		if err := e.accepted(ctx, encrypted); err != nil {
			return err
		}
	} else {
		e.spare(opened)
	}
	return lasts(encrypted.ConnectionState(), e.check.Expect.ExpiresIn)
}

// suitable is the certificate that crypto/tls itself would choose. One without
// content says that there is none.
func suitable(own []tls.Certificate, request *tls.CertificateRequestInfo) *tls.Certificate {
	for i := range own {
		if request.SupportsCertificate(&own[i]) == nil {
			return &own[i]
		}
	}
	return &tls.Certificate{}
}

// accepted fails where the server refuses the client certificate that it asked
// for. In TLS 1.3 it says so when the client is done already (RFC 8446, 2): so
// the client takes its leave (close_notify), and hears whether the server
// does likewise. One that does anything but refuse has accepted.
func (p *plan) accepted(ctx context.Context, encrypted *tls.Conn) error {
	_ = encrypted.CloseWrite() // what fails here fails in Read, which says why
	_, err := encrypted.Read(make([]byte, 1))
	if alert(err) != "" || errors.Is(ctx.Err(), context.Canceled) {
		return p.failure(ctx, handshaking, err)
	}
	return nil
}

// lasts fails where the certificate of a connection ends sooner than in want. A
// chain ends with its first certificate that does, and of several chains the
// longest counts. Of an unverified server only its own certificate is looked at:
// the others prove nothing.
func lasts(state tls.ConnectionState, want time.Duration) error {
	if want == 0 {
		return nil // verified just now, or not to be
	}
	ends := []*x509.Certificate{state.PeerCertificates[0]}
	if len(state.VerifiedChains) > 0 {
		ends = ends[:0]
		for _, chain := range state.VerifiedChains {
			ends = append(ends, slices.MinFunc(chain, byEnd))
		}
	}
	return endsIn(slices.MaxFunc(ends, byEnd), want)
}

func byEnd(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }

func endsIn(certificate *x509.Certificate, want time.Duration) error {
	left := time.Until(certificate.NotAfter)
	if left <= 0 {
		return fmt.Errorf("%s expired %s ago", kind(certificate), roughly(-left))
	}
	if left >= want {
		return nil
	}
	is, least := roughly(left), roughly(want)
	if is == least {
		is, least = left.Truncate(time.Second).String(), want.String()
	}
	return fmt.Errorf("%s expires in %s, want at least %s", kind(certificate), is, least)
}
