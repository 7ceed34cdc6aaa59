package admin_test

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
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/admin"
)

// fakePassword is the bcrypt hash of "fakepassword".
const fakePassword = `"$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"`

// authority signs the certificates of the tests.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	signed := a.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, Subject: pkix.Name{CommonName: "ca"}})
	a.key = signed.PrivateKey.(*ecdsa.PrivateKey)
	a.cert = signed.Leaf
	a.write("ca.pem", "CERTIFICATE", a.cert.Raw)
	a.equip()
	return a
}

// sign makes a certificate; the first one by itself.
func (a *authority) sign(c *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(0xabc)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	parent, signer := c, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// issue makes a client's certificate.
func (a *authority) issue(name string) tls.Certificate {
	return a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}})
}

// equip makes the server's certificate, and its files.
func (a *authority) equip() {
	a.t.Helper()
	c := a.sign(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write("server.pem", "CERTIFICATE", c.Certificate[0])
	a.write("server.key", "PRIVATE KEY", key)
}

func (a *authority) write(name, kind string, raw []byte) {
	write(a.t, filepath.Join(a.dir, name), string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})))
}

// config writes a web config: paths in it are relative to it.
func (a *authority) config(clients, rest string) string {
	return write(a.t, filepath.Join(a.dir, "web.yml"), "tls_server_config:\n  cert_file: server.pem\n"+
		"  key_file: server.key\n"+clients+rest)
}

const (
	required = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
	given    = "  client_ca_file: ca.pem\n  client_auth_type: VerifyClientCertIfGiven\n"
	anyone   = "  client_auth_type: RequireAnyClientCert\n"
)

// as returns the server as a client with these certificates has it.
func (a *authority) as(s *server, certs ...tls.Certificate) *server {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	other := *s
	other.url = strings.Replace(s.url, "http:", "https:", 1)
	other.client = newClient(a.t, &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: certs, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	})
	return &other
}

func TestClientCertificateMayDoEverything(t *testing.T) {
	a := newAuthority(t)
	s := start(t, setup{addr: "0.0.0.0:0", web: a.config(required, "")})
	joe := a.as(s, a.issue("joe"))
	joe.get("/v1/status").wants(t, 200)
	joe.post("/v1/records/www.example.org/failback", because).wants(t, 200)
	if got := s.logged.String(); got != `joe: failback www.example.org: "disks"` {
		t.Errorf("logged: %s", got)
	}
	joe.get("/v1/events").wants(t, 200)
	a.as(s, a.issue("")).post("/v1/records/www.example.org/clear", because).wants(t, 200)
	if got := s.source.lastAct(); !strings.Contains(got, `by "certificate abc"`) {
		t.Error(got)
	}

	if _, err := a.as(s).client.Get(a.as(s).url + "/v1/status"); err == nil {
		t.Error("no certificate was needed")
	}
}

func TestOtherCertificatesDoNot(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	s := start(t, setup{addr: "0.0.0.0:0", tokens: tokenText, web: a.config(anyone, "")})
	mallory := a.as(s, stranger.issue("joe"))
	mallory.get("/v1/status").wants(t, 401)
	mallory.get("/v1/status", bearer(readToken)).wants(t, 200)
}

func TestCertificateOrToken(t *testing.T) {
	a := newAuthority(t)
	s := start(t, setup{addr: "0.0.0.0:0", web: a.config(given, "")})
	a.as(s).get("/v1/status").wants(t, 401, "client certificate")
	a.as(s, a.issue("joe")).get("/v1/status").wants(t, 200)

	// Who no longer asks for certificates trusts none.
	a.config("", "")
	a.as(s, a.issue("joe")).get("/v1/status").wants(t, 401)
}

// TestAuthorityIsNamed: Go would take any that the machine trusts, and with it
// half of the world.
func TestAuthorityIsNamed(t *testing.T) {
	const unnamed = "  client_auth_type: VerifyClientCertIfGiven\n"
	a := newAuthority(t)
	s := start(t, setup{addr: "0.0.0.0:0", web: a.config(given, "")})
	joe := a.as(s, a.issue("joe"))
	joe.get("/v1/status").wants(t, 200)
	web := a.config(unnamed, "")
	joe.get("/v1/status").wants(t, 401) // over the same connection

	_, err := admin.Listen(setup{addr: "0.0.0.0:0", tokens: tokenText, web: web}.config(t, &source{}, &lines{}))
	if err == nil || !strings.Contains(err.Error(), "web.yml: without client_ca_file, whoever has a certificate") {
		t.Error(err)
	}
}

func TestCookieIsSecureUnderTLS(t *testing.T) {
	a := newAuthority(t)
	s := a.as(start(t, setup{addr: "0.0.0.0:0", tokens: tokenText, web: a.config("", "")}))
	got := s.post("/session", "token="+readToken, form)
	if !strings.Contains(got.header.Get("Set-Cookie"), "; Secure") {
		t.Error(got.header)
	}
	if strings.Contains(s.logged.String(), "for all to read") {
		t.Error(s.logged)
	}
}

func TestUsersMayRead(t *testing.T) {
	web := filepath.Join(t.TempDir(), "web.yml")
	write(t, web, "basic_auth_users:\n  alice: "+fakePassword+"\n")
	s := start(t, setup{addr: "0.0.0.0:0", tokens: tokenText, web: web})
	alice := func(r *http.Request) { r.SetBasicAuth("alice", "fakepassword") }
	wrong := func(r *http.Request) { r.SetBasicAuth("alice", "guessed") }
	both := func(r *http.Request) { alice(r); cookie(drainToken)(r) }

	s.get("/v1/status", alice).wants(t, 200)
	s.post("/v1/records/www.example.org/drain", because, alice).wants(t, 403, `role \"read\" of alice`)
	s.post("/v1/records/www.example.org/drain", because, both).wants(t, 200)
	if got := s.source.lastAct(); !strings.Contains(got, "by deployer") {
		t.Error(got)
	}

	checked := s.client.Transport
	s.client.Transport = checked.(described).next // the toolkit answers by itself
	s.get("/v1/status", wrong).wants(t, 401)
	s.get("/v1/status", bearer(readToken)).wants(t, 401)
	s.client.Transport = checked

	// Without users the toolkit lets all pass.
	write(t, web, "")
	s.get("/v1/status", alice).wants(t, 401)
	s.get("/v1/status", wrong).wants(t, 401)
	s.get("/v1/status", bearer(readToken)).wants(t, 200)
}
