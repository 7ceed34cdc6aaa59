package notify

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/coredns-failover/failover/plugin/model"
)

// maxFile bounds what is read of a file: as much as a Kubernetes secret holds.
const maxFile = 1 << 20

// trust returns how a receiver named host is verified, and how the client names
// itself, by what the files hold now.
func trust(o model.TLSOptions, host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.InsecureSkipVerify} //nolint:gosec // by request
	if o.ServerName != host {
		c.ServerName = o.ServerName // else a proxy that is spoken to by TLS would have to have it too
	}
	if o.CAFile != "" {
		text, err := readFile(o.CAFile)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", o.CAFile)
		}
	}
	if o.CertFile != "" {
		certificate, err := readCertificate(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{certificate}
	}
	return c, nil
}

func readCertificate(certFile, keyFile string) (tls.Certificate, error) {
	certificate, err := readFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s and key %s: %w", certFile, keyFile, err)
	}
	return pair, nil
}

func readFile(path string) ([]byte, error) {
	text, err := readRegular(path)
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrapped.Err // which names the path once more
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	return text, nil
}

func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // reading a pipe could take forever
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}
