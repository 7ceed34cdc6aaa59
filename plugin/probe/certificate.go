package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// explanations put into words what crypto/tls finds wrong, each one thing, and
// return "" for any other error. The first that knows one has the word.
var explanations = []func(error) string{validity, wrongName, wrongAuthority, notAccepted, notTLS, alert}

func tlsWords(err error) string {
	for _, explain := range explanations {
		if words := explain(err); words != "" {
			return words
		}
	}
	return ""
}

func validity(err error) string {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	if !ok || invalid.Reason != x509.Expired {
		return ""
	}
	certificate, now := kind(invalid.Cert), time.Now()
	if early := invalid.Cert.NotBefore.Sub(now); early > 0 {
		return fmt.Sprintf("%s not valid for another %s", certificate, roughly(early))
	}
	return fmt.Sprintf("%s expired %s ago", certificate, roughly(now.Sub(invalid.Cert.NotAfter)))
}

// kind is what messages call a certificate. Of a chain, CAs have names.
func kind(certificate *x509.Certificate) string {
	if certificate.IsCA {
		return "CA certificate " + quote(certificate.Subject.CommonName)
	}
	return "certificate"
}

// roughly says a duration in the largest unit that it fills.
func roughly(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch n := d / unit.length; n {
		case 0:
		case 1:
			return "1 " + unit.name
		default:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "less than a minute"
}

func wrongName(err error) string {
	wrong, ok := errors.AsType[x509.HostnameError](err)
	if !ok {
		return ""
	}
	names := slices.Clone(wrong.Certificate.DNSNames)
	for _, ip := range wrong.Certificate.IPAddresses {
		names = append(names, ip.String())
	}
	switch len(names) {
	case 0:
		return fmt.Sprintf("certificate is for no name, not even %s", quote(wrong.Host))
	case 1:
		return fmt.Sprintf("certificate is for %s, not %s", quote(names[0]), quote(wrong.Host))
	default:
		return fmt.Sprintf("certificate is for %s and %d more, not %s", quote(names[0]), len(names)-1, quote(wrong.Host))
	}
}

func wrongAuthority(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		return ""
	}
	return "certificate signed by an unknown authority"
}

// notAccepted is for what is wrong with a certificate besides the above.
func notAccepted(err error) string {
	invalid, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok {
		return ""
	}
	return "certificate not accepted: " + printable(bare(invalid.Err))
}

func notTLS(err error) string {
	header, ok := errors.AsType[tls.RecordHeaderError](err)
	if !ok {
		return ""
	}
	return "not a TLS server: its answer starts with " + quote(string(header.RecordHeader[:]))
}

// alert is what the server says of us: often that it wants a client certificate.
func alert(err error) string {
	remote, ok := errors.AsType[*net.OpError](err)
	if !ok || remote.Op != "remote error" {
		return ""
	}
	return "the server refused TLS: " + bare(remote.Err)
}
