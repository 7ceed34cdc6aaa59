package probe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority is a CA of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(name string) *authority {
	return must(newAuthorityUntil(name, time.Now().Add(1000*time.Hour)))
}

func newAuthorityUntil(name string, end time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return authorityOf(key, name, end)
}

func authorityOf(key *ecdsa.PrivateKey, name string, end time.Time) (*authority, error) {
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-1000 * time.Hour),
		NotAfter:              end,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate, key}, err
}

// issue returns a certificate for www.example.org, or for what change makes it.
func (a *authority) issue(change func(*x509.Certificate)) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{"www.example.org"},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := must(x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pem() []byte { return pemOf(a.certificate.Raw) }

// file writes the authority's certificate for a check to read.
func (a *authority) file(t testing.TB) string { return write(t, "ca.pem", a.pem()) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyOf(certificate tls.Certificate) []byte {
	der := must(x509.MarshalPKCS8PrivateKey(certificate.PrivateKey))
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// write makes a file of a directory of the test's own.
func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	replace(t, path, content)
	return path
}

// replace puts another file in the place of path, as a careful tool does.
func replace(t testing.TB, path string, content []byte) {
	t.Helper()
	fresh := path + ".new"
	if err := os.WriteFile(fresh, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
}

// overTLS makes a handler speak TLS.
func overTLS(config *tls.Config, handle func(net.Conn)) func(net.Conn) {
	return func(raw net.Conn) {
		conn := tls.Server(raw, config)
		if conn.Handshake() == nil {
			handle(conn)
			conn.CloseWrite()
		}
	}
}

func with(certificate tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate}}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
