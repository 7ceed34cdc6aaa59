package probe_test

import (
	"crypto/tls"
	"os"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// mutual is the configuration of a server that wants a certificate of a.
func mutual(a *authority) *tls.Config {
	config := with(system.issue(nil))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, a.pool()
	return config
}

// client writes a certificate of a and its key, and makes c use them.
func client(t *testing.T, a *authority, c *model.Check) {
	t.Helper()
	certificate := a.issue(nil)
	c.TLS.CertFile = write(t, "cert.pem", pemOf(certificate.Certificate[0]))
	c.TLS.KeyFile = write(t, "key.pem", keyOf(certificate))
}

func TestClientCertificates(t *testing.T) {
	wanted, other := newAuthority("Clients"), newAuthority("Others")
	old := mutual(wanted)
	old.MaxVersion = tls.VersionTLS12
	for name, test := range map[string]struct {
		config *tls.Config
		signer *authority
		want   string
	}{
		"right":        {mutual(wanted), wanted, healthy},
		"wrong":        {mutual(wanted), other, "the server refused TLS: certificate required"},
		"none":         {mutual(wanted), nil, "the server refused TLS: certificate required"},
		"none, TLS1.2": {old, nil, "the server refused TLS: handshake failure"},
		"not wanted":   {with(system.issue(nil)), other, healthy},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, overTLS(test.config, reply(fine)))
			check := httpsCheck(server)
			if test.signer != nil {
				client(t, test.signer, &check)
			}
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

func TestBrokenFiles(t *testing.T) {
	directory := t.TempDir()
	garbage := write(t, "garbage.pem", []byte("hello"))
	server := serve(t, silent)
	for name, test := range map[string]struct {
		change func(*model.Check)
		want   string
	}{
		"no CA":        {func(c *model.Check) { c.TLS.CAFile = "/no/ca" }, "/no/ca cannot be read: no such file or directory"},
		"CA directory": {func(c *model.Check) { c.TLS.CAFile = directory }, directory + " is not a regular file"},
		"CA garbage":   {func(c *model.Check) { c.TLS.CAFile = garbage }, garbage + " holds no certificate"},
		"no key":       {func(c *model.Check) { c.TLS.KeyFile = "/no/key" }, "/no/key cannot be read: no such file or directory"},
		"garbage": {
			func(c *model.Check) { c.TLS.CertFile, c.TLS.KeyFile = garbage, garbage },
			"certificate " + garbage + " and key " + garbage + ": failed to find any PEM data in certificate input",
		},
	} {
		t.Run(name, func(t *testing.T) {
			check := httpsCheck(server)
			client(t, system, &check)
			test.change(&check)
			err := run(t, check, server)
			wantResult(t, err, "cannot probe: "+test.want)
			if !isBroken(err) {
				t.Error("not broken")
			}
		})
	}
}

func TestFilesAreReadAgainWhenChanged(t *testing.T) {
	right, wrong := newAuthority("Right CA"), newAuthority("Wrong CA")
	server := serve(t, overTLS(with(right.issue(nil)), reply(fine)))
	check := httpsCheck(server)
	path := wrong.file(t)
	check.TLS.CAFile = path
	prober := prober(t, check, server)

	const untrusted = "certificate signed by an unknown authority"
	wantResult(t, execute(t, prober), untrusted)
	replace(t, path, right.pem())
	wantResult(t, execute(t, prober), healthy)
	replace(t, path, nil)
	wantResult(t, execute(t, prober), "cannot probe: "+path+" holds no certificate")
	replace(t, path, right.pem())
	wantResult(t, execute(t, prober), healthy)
	os.Remove(path)
	wantResult(t, execute(t, prober), "cannot probe: "+path+" cannot be read: no such file or directory")
	replace(t, path, wrong.pem())
	wantResult(t, execute(t, prober), untrusted)
}

// A file that looks the same is not read again: here it is not the same.
func TestFilesAreReadOnlyWhenChanged(t *testing.T) {
	right, wrong := newAuthority("Right CA"), newAuthority("Wrong CA")
	server := serve(t, overTLS(with(right.issue(nil)), reply(fine)))
	check := httpsCheck(server)
	size := max(len(right.pem()), len(wrong.pem()))
	path := write(t, "ca.pem", padded(right.pem(), size))
	check.TLS.CAFile = path
	prober := prober(t, check, server)
	then := time.Now().Add(-time.Hour)
	overwrite := func(a *authority, at time.Time) {
		t.Helper()
		if os.WriteFile(path, padded(a.pem(), size), 0o600) != nil || os.Chtimes(path, at, at) != nil {
			t.Fatal("cannot write", path)
		}
	}
	overwrite(right, then)
	wantResult(t, execute(t, prober), healthy)
	overwrite(wrong, then)
	wantResult(t, execute(t, prober), healthy)
	overwrite(wrong, then.Add(time.Second))
	wantResult(t, execute(t, prober), "certificate signed by an unknown authority")
}

func padded(text []byte, size int) []byte {
	for len(text) < size {
		text = append(text, '\n')
	}
	return text
}
