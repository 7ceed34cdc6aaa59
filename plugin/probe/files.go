package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/coredns-failover/failover/plugin/model"
)

// files are the certificate, key and CA file of checks, and what they held when
// they last changed.
type files struct {
	options model.TLSOptions // read-only, without server name

	mu     sync.Mutex
	stamps []fs.FileInfo // of the files that trust was read from
	trust  *trust        // nil until it has been read
}

// trust is whom a probe believes, and how it names itself. It is read-only.
type trust struct {
	roots  *x509.CertPool    // nil: the system's
	client []tls.Certificate // empty: none
}

// current returns what the files hold now. They are looked at for every probe,
// but read only when they have changed. An error is a *Broken, and is not
// remembered: not every cure changes a file's time.
func (f *files) current() (*trust, error) {
	stamps, err := f.stat()
	if err != nil {
		return nil, &Broken{err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.trust != nil && slices.EqualFunc(stamps, f.stamps, unchanged) {
		return f.trust, nil
	}
	// The stamps are older than what is read now: a change in between is seen
	// next time.
	trust, err := read(f.options)
	if err != nil {
		return nil, &Broken{err}
	}
	f.stamps, f.trust = stamps, trust
	return trust, nil
}

func (f *files) stat() ([]fs.FileInfo, error) {
	var stamps []fs.FileInfo
	for _, path := range []string{f.options.CertFile, f.options.KeyFile, f.options.CAFile} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, unreadable(path, err)
		}
		if !info.Mode().IsRegular() { // reading a pipe could take forever
			return nil, fmt.Errorf("%s is not a regular file", path)
		}
		stamps = append(stamps, info)
	}
	return stamps, nil
}

// unchanged also sees a file that another has taken the place of, as Kubernetes
// does with mounted secrets.
func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func read(options model.TLSOptions) (*trust, error) {
	roots, err := readRoots(options)
	if err != nil {
		return nil, err
	}
	if options.CertFile == "" {
		return &trust{roots: roots}, nil
	}
	certificate, err := readClient(options.CertFile, options.KeyFile)
	if err != nil {
		return nil, err
	}
	return &trust{roots: roots, client: []tls.Certificate{certificate}}, nil
}

func readRoots(options model.TLSOptions) (*x509.CertPool, error) {
	if options.CAFile == "" {
		return nil, systemRoots(options.InsecureSkipVerify)
	}
	text, err := os.ReadFile(options.CAFile)
	if err != nil {
		return nil, unreadable(options.CAFile, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", options.CAFile)
	}
	return roots, nil
}

// systemRoots fails where this machine has no root certificates, as in a
// container made from scratch: there every server would seem untrusted.
func systemRoots(needless bool) error {
	if needless {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil || roots.Equal(x509.NewCertPool()) {
		return errors.New("this machine has no root certificates")
	}
	return nil
}

func readClient(certFile, keyFile string) (tls.Certificate, error) {
	certificate, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, unreadable(certFile, err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, unreadable(keyFile, err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s and key %s: %s", certFile, keyFile, bare(err))
	}
	return pair, nil
}

// unreadable names the path once, and not the system call.
func unreadable(path string, err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrapped.Err
	}
	return fmt.Errorf("%s cannot be read: %w", path, err)
}

// bare takes the package name off a message of crypto/tls, crypto/x509 or
// miekg/dns.
func bare(err error) string {
	message := err.Error()
	for _, name := range []string{"tls: ", "x509: ", "dns: "} {
		message = strings.TrimPrefix(message, name)
	}
	return message
}
