package notify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/model"
	. "github.com/coredns-failover/failover/plugin/notify"
	"github.com/coredns-failover/failover/plugin/status"
)

// delivery is a request that a receiver got.
type delivery struct {
	protocol string
	method   string
	path     string
	header   http.Header
	body     []byte
}

// server is a receiver that answers by a function, which gets the number of the
// request.
type server struct {
	*httptest.Server
	answer func(w http.ResponseWriter, n int)

	mu         sync.Mutex
	deliveries []delivery
}

func newServer(t *testing.T, answer func(w http.ResponseWriter, n int)) *server {
	s := &server{answer: answer}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it is to fail
	t.Cleanup(s.Close)
	return s
}

func accepts(http.ResponseWriter, int) {}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	n := len(s.deliveries)
	s.deliveries = append(s.deliveries, delivery{r.Proto, r.Method, r.URL.String(), r.Header, body})
	s.mu.Unlock()
	s.answer(w, n)
}

func (s *server) got() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivery(nil), s.deliveries...)
}

func settings(url string) model.Notify { return model.Notify{URL: url, Timeout: 5 * time.Second} }

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// reports collects what a Notifier reports.
type reports struct {
	mu  sync.Mutex
	all []string
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, fmt.Sprint(err))
}

func (r *reports) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.all, "\n")
}

// start starts a Notifier and returns how to close it, which must deliver all.
func start(t *testing.T, n model.Notify, report func(error)) (*Notifier, func()) {
	t.Helper()
	return startWith(t, Config{Settings: n, Report: report})
}

func startWith(t *testing.T, c Config) (*Notifier, func()) {
	t.Helper()
	c.Source = "//ns1.example.org/failover"
	notifier, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return notifier, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		notifier.Close(ctx)
	}
}

func TestWhatIsPosted(t *testing.T) {
	s := newServer(t, accepts)
	s.Start()
	n := settings(s.URL + "/hook?token=1")
	n.Header = "Authorization: Bearer abc\r\nX-Two: 1\r\nX-Two: 2\r\nuser-agent: own\r\nContent-Type: text/plain\r\n"
	n.SecretFile = write(t, "secret", "\n sesame \n")
	notifier, done := start(t, n, func(err error) { t.Error(err) })
	at := time.Date(2026, 3, 1, 13, 0, 0, 5e8, time.FixedZone("", 3600))
	sent := []status.Transition{
		{At: at, Kind: status.RecordChanged, Record: "www.example.org@dns://:53@example.org.", Name: "www.example.org", Family: "IPv4", From: "normal, tier 1", To: "failed_over, tier 2", Reason: "<no answer>"},
		{At: at, Kind: status.TargetChanged, Name: "www.example.org", Tier: 1, Target: "192.0.2.1", From: "healthy", To: "unhealthy"},
		{At: at, Kind: status.Steered, Name: "www.example.org", To: "drained", By: "ops"},
	}
	notifier.Publish(sent...)
	done()
	got := s.got()
	if len(got) != 1 {
		t.Fatalf("got %v", got)
	}
	d := got[0]
	if d.method != "POST" || d.path != "/hook?token=1" || d.protocol != "HTTP/1.1" {
		t.Errorf("%s %s %s", d.method, d.path, d.protocol)
	}
	for name, want := range map[string]string{
		"Authorization": "[Bearer abc]", "X-Two": "[1 2]", "User-Agent": "[own]",
		"Content-Type": "[application/cloudevents-batch+json]", "Accept-Encoding": "[]",
	} {
		if got := fmt.Sprint(d.header[name]); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	expectSigned(t, d, []byte("sesame"))
	ids := map[string]bool{}
	for i, e := range decode(d.body) {
		want := sent[i]
		want.At = want.At.UTC()
		if e.Data != want || e.SpecVersion != "1.0" || e.Source != "//ns1.example.org/failover" || e.Subject != "www.example.org" ||
			e.DataContentType != "application/json" || !e.Time.Equal(at) ||
			e.Type != "io.github.coredns-failover."+[]string{"record", "target", "forced"}[i]+".changed" {
			t.Errorf("event %+v of %+v", e, want)
		}
		ids[e.ID] = true
	}
	if len(ids) != 3 || ids[""] {
		t.Errorf("ids %v", ids)
	}
	if !strings.Contains(string(d.body), `"time":"2026-03-01T12:00:00.5Z"`) {
		t.Errorf("body %s", d.body)
	}
}

// expectSigned computes the signature as the specification of Standard Webhooks
// has it.
func expectSigned(t *testing.T, d delivery, key []byte) {
	t.Helper()
	id, timestamp := d.header.Get("Webhook-Id"), d.header.Get("Webhook-Timestamp")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(d.body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if got := d.header.Get("Webhook-Signature"); got != want || id == "" {
		t.Errorf("signature %s of %q, want %s", got, id, want)
	}
	var seconds int64
	fmt.Sscan(timestamp, &seconds)
	if age := time.Since(time.Unix(seconds, 0)); age < 0 || age > time.Minute {
		t.Errorf("timestamp %s is %v old", timestamp, age)
	}
}

func TestSecrets(t *testing.T) {
	s := newServer(t, accepts)
	s.Start()
	n := settings(s.URL)
	n.SecretFile = filepath.Join(t.TempDir(), "secret")
	for _, test := range []struct {
		text string
		key  string
		err  string
	}{
		{text: "", err: " holds no secret"},
		{text: " \n", err: " holds no secret"},
		{text: "whsec_", err: " holds no secret"},
		{text: "whsec_%%%", err: ` has no base64 behind "whsec_"`},
		{text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", key: "\x31\xf2\x90\xf6\xbf\x06\x29\x8a\xab\x4f\x08\xd4\x3c\x3f\x08\x2c\xf6\x48\xa3\x62\xda\x2d\xa4\xb0"},
		{text: "open sesame\r\n", key: "open sesame"},
	} {
		if err := os.WriteFile(n.SecretFile, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := Send(t.Context(), n, "msg", []byte("[]"))
		if test.err != "" {
			if r.Err == nil || r.Err.Error() != n.SecretFile+test.err || r.Final {
				t.Errorf("%q: %+v, want %s", test.text, r, test.err)
			}
			continue
		}
		got := s.got()
		expectSigned(t, got[len(got)-1], []byte(test.key)) // read anew: the last secret is not kept
	}
}

// TestSignatureOfTheStandard has the values that the libraries of Standard Webhooks
// are tested with.
func TestSignatureOfTheStandard(t *testing.T) {
	secret := write(t, "secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	h, err := Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`), secret, time.Unix(1614265330, 0))
	if got := h.Get("Webhook-Signature"); err != nil || got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("signature %s, %v", got, err)
	}
}

func TestUnsigned(t *testing.T) {
	s := newServer(t, accepts)
	s.Start()
	if r := Send(t.Context(), settings(s.URL), "msg", []byte("[]")); r.Err != nil {
		t.Fatal(r.Err)
	}
	h := s.got()[0].header
	if h.Get("Webhook-Id") != "msg" || h.Get("Webhook-Timestamp") == "" || h.Values("Webhook-Signature") != nil {
		t.Errorf("header %v", h)
	}
	if h.Get("User-Agent") != "coredns-failover" {
		t.Errorf("header %v", h)
	}
}

func TestAnswers(t *testing.T) {
	other := newServer(t, accepts)
	other.Start()
	long := strings.Repeat("x", 200)
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter, n int)
		want   string
	}{
		"200": {accepts, "<nil> false 0s"},
		"202": {func(w http.ResponseWriter, _ int) { w.WriteHeader(202) }, "<nil> false 0s"},
		"200 that breaks off": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Content-Length", "10")
			w.Write([]byte("short"))
		}, "<nil> false 0s"},
		"200 without end": {func(w http.ResponseWriter, _ int) {
			for range 100 {
				w.Write(make([]byte, 64<<10))
			}
		}, "<nil> false 0s"},
		"302": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(302)
		}, "the receiver answers 302 true 0s"},
		"400": {func(w http.ResponseWriter, _ int) { http.Error(w, "bad\x1b[31m signature", 400) }, `the receiver answers 400: "bad\x1b[31m signature" true 0s`},
		"404": {func(w http.ResponseWriter, _ int) { http.Error(w, long, 404) }, `the receiver answers 404: "` + long[:100] + `" true 0s`},
		"408": {func(w http.ResponseWriter, _ int) { w.WriteHeader(408) }, "the receiver answers 408 false 0s"},
		"429": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(429)
		}, "the receiver answers 429 false 2m0s"},
		"500": {func(w http.ResponseWriter, _ int) { w.WriteHeader(500) }, "the receiver answers 500 false 0s"},
		"503": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Retry-After", "soon")
			w.WriteHeader(503)
		}, "the receiver answers 503 false 0s"},
		"nothing": {func(http.ResponseWriter, int) { panic(http.ErrAbortHandler) }, "EOF false 0s"},
		"too many headers": {func(w http.ResponseWriter, _ int) {
			for i := range 1000 {
				w.Header().Set(fmt.Sprint("X-", i), long)
			}
		}, "net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded 65536 bytes; aborted false 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, test.answer)
			s.Start()
			r := Send(t.Context(), settings(s.URL), "msg", []byte("[]"))
			if got := fmt.Sprintf("%v %v %v", r.Err, r.Final, r.After); got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
			if n := len(s.got()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	if n := len(other.got()); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"-7":                            0,
		"99999999999999999999":          0,
		"1.5":                           0,
		"Sun, 01 Mar 2026 12:01:30 GMT": 90 * time.Second,
		"Sun, 01 Mar 2026 11:59:00 GMT": -time.Minute,
	} {
		if got := RetryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// listen returns the address of a server that does with connections what serve
// does.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// says serves text once it has been spoken to, and nothing more until the client
// leaves.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		c.Read(make([]byte, 1))
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
	}
}

func TestReceiversThatMisbehave(t *testing.T) {
	silent, closed := listen(t, says("")), listen(t, func(net.Conn) {})
	talks := listen(t, says("SSH-2.0-OpenSSH "+strings.Repeat("\xff", 500)+"\r\n"))
	stalls := listen(t, says("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"))
	unused := listen(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that nobody listens on
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	const brief = 200 * time.Millisecond
	for url, want := range map[string]string{
		"http://" + silent:            "no answer within 200ms",
		"https://" + silent:           "no answer within 200ms",
		"http://" + stalls:            "<nil>",
		"http://" + closed:            "",
		"http://" + talks:             `net/http: HTTP/1.x transport connection broken: malformed HTTP status code "\xff\xff`,
		"https://" + talks:            "tls: first record does not look like a TLS handshake",
		"http://" + l.Addr().String(): "dial tcp " + l.Addr().String() + ": connect: connection refused",
		"ftp://" + unused:             "a receiver needs a URL of http or https",
	} {
		n := settings(url)
		if strings.Contains(want, brief.String()) {
			n.Timeout = brief // others are given time to speak
		}
		r := Send(t.Context(), n, "msg", []byte("[]"))
		if got := fmt.Sprint(r.Err); !strings.HasPrefix(got, want) || len(got) > 310 || want != "<nil>" && r.Err == nil || r.Final {
			t.Errorf("%s: %+v, want %s", url, r, want)
		}
	}
}

func TestAttemptIsAborted(t *testing.T) {
	for _, scheme := range []string{"http://", "https://"} {
		reached := make(chan bool, 1)
		n := settings(scheme + listen(t, func(c net.Conn) {
			c.Read(make([]byte, 1))
			reached <- true
			io.Copy(io.Discard, c)
		}))
		n.Timeout = time.Minute
		notifier, err := New(Config{Settings: n, Source: "//ns1"})
		if err != nil {
			t.Fatal(err)
		}
		notifier.Publish(transitions("a")...)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-reached
			cancel()
		}()
		closed := time.Now()
		notifier.Close(ctx)
		if took := time.Since(closed); took > n.Timeout/2 {
			t.Errorf("%s: the attempt goes on for %v", scheme, took)
		}
	}
}

// TestUnsettledReceiver is one that fails in several ways before it works.
func TestUnsettledReceiver(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, n int) {
		switch n {
		case 0:
			panic(http.ErrAbortHandler)
		case 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
		}
	})
	s.Start()
	var told reports
	n := settings(s.URL)
	n.SecretFile = write(t, "secret", "sesame")
	notifier, done := start(t, n, told.add)
	notifier.Publish(transitions("a", "b")...)
	eventually.True(t, "the second attempt", func() bool { return len(s.got()) >= 2 })
	notifier.Publish(transitions("c")...)
	eventually.True(t, "the second event", func() bool { return len(s.got()) >= 4 })
	done()
	got := s.got()
	for i, d := range got {
		expectSigned(t, d, []byte("sesame"))
		if again := i > 0 && i < 3; again && (string(d.body) != string(got[0].body) || d.header.Get("Webhook-Id") != got[0].header.Get("Webhook-Id")) {
			t.Errorf("attempt %d is another: %s", i, d.body)
		}
	}
	if last := decode(got[3].body); len(got) != 4 || last[0].Data.Name != "c" {
		t.Errorf("got %d, last %v", len(got), last)
	}
	if told.String() != "EOF\n<nil>" {
		t.Errorf("reported %s", &told)
	}
}

// TestFilesThatAreNotThereYet starts before its files are mounted.
func TestFilesThatAreNotThereYet(t *testing.T) {
	s := newServer(t, accepts)
	s.Start()
	var told reports
	n := settings(s.URL)
	n.SecretFile = filepath.Join(t.TempDir(), "secret")
	var retried atomic.Int64
	observe := func(o Outcome, n int) {
		if o == Retried {
			retried.Add(int64(n))
		}
	}
	notifier, done := startWith(t, Config{Settings: n, Report: told.add, Observe: observe})
	if want := n.SecretFile + " cannot be read: no such file or directory"; told.String() != want {
		t.Errorf("reported %s, want %s", &told, want)
	}
	notifier.Publish(transitions("a")...)
	eventually.True(t, "an attempt without the secret", func() bool { return retried.Load() > 0 })
	if err := os.WriteFile(n.SecretFile, []byte("sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	done()
	expectSigned(t, s.got()[0], []byte("sesame"))
	if !strings.HasSuffix(told.String(), "\n<nil>") || len(told.all) != 2 {
		t.Errorf("reported %s", &told)
	}
}

// issue returns a self-signed certificate for clients, and its key.
func issue(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", der8)
}

func TestTLS(t *testing.T) {
	certificate, key := issue(t)
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(certificate))
	s := newServer(t, accepts)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	s.StartTLS()
	ca := write(t, "ca.pem", pemOf("CERTIFICATE", s.Certificate().Raw))
	certFile, keyFile := write(t, "cert.pem", certificate), write(t, "key.pem", key)
	good := model.TLSOptions{Enabled: true, ServerName: "127.0.0.1", CAFile: ca, CertFile: certFile, KeyFile: keyFile}
	for name, test := range map[string]struct {
		change func(o *model.TLSOptions)
		want   string
	}{
		"good":          {func(*model.TLSOptions) {}, "<nil>"},
		"another name":  {func(o *model.TLSOptions) { o.ServerName = "example.com" }, "<nil>"},
		"a wrong name":  {func(o *model.TLSOptions) { o.ServerName = "example.org" }, "tls: failed to verify certificate: x509: certificate is valid for "},
		"not verified":  {func(o *model.TLSOptions) { o.ServerName, o.CAFile, o.InsecureSkipVerify = "example.org", "", true }, "<nil>"},
		"a wrong CA":    {func(o *model.TLSOptions) { o.CAFile = certFile }, "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		"no client":     {func(o *model.TLSOptions) { o.CertFile, o.KeyFile = "", "" }, ""}, // its refusal can come after the end
		"a bad CA":      {func(o *model.TLSOptions) { o.CAFile = keyFile }, keyFile + " holds no certificate"},
		"a missing CA":  {func(o *model.TLSOptions) { o.CAFile += "1" }, ca + "1 cannot be read: no such file or directory"},
		"a missing one": {func(o *model.TLSOptions) { o.CertFile += "1" }, certFile + "1 cannot be read: no such file or directory"},
		"a missing key": {func(o *model.TLSOptions) { o.KeyFile += "1" }, keyFile + "1 cannot be read: no such file or directory"},
		"a directory":   {func(o *model.TLSOptions) { o.KeyFile = filepath.Dir(keyFile) }, filepath.Dir(keyFile) + " cannot be read: it is not a regular file"},
		"a wrong key":   {func(o *model.TLSOptions) { o.KeyFile = ca }, "certificate " + certFile + " and key " + ca + ": tls: "},
	} {
		t.Run(name, func(t *testing.T) {
			n := settings(s.URL)
			n.TLS = good
			test.change(&n.TLS)
			r := Send(t.Context(), n, "msg", []byte("[]"))
			if !strings.HasPrefix(fmt.Sprint(r.Err), test.want) || r.Final || r.Err == nil && test.want != "<nil>" {
				t.Errorf("got %v\nwant %s", r, test.want)
			}
		})
	}
	if d := s.got()[0]; d.protocol != "HTTP/2.0" {
		t.Errorf("by %s", d.protocol)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	s := newServer(t, accepts)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	s.StartTLS()
	n := settings(s.URL)
	n.TLS.InsecureSkipVerify = true
	if r := Send(t.Context(), n, "msg", []byte("[]")); r.Err == nil || !strings.Contains(r.Err.Error(), "protocol version") {
		t.Errorf("got %v", r.Err)
	}
}

// TestReceiverThatIsRepaired takes what waits with other settings: what it wants
// for a token was wrong.
func TestReceiverThatIsRepaired(t *testing.T) {
	var s *server
	s = newServer(t, func(w http.ResponseWriter, n int) {
		if s.got()[n].header.Get("Authorization") != "Bearer right" {
			w.Header().Set("Retry-After", "300")
			w.WriteHeader(503)
		}
	})
	s.Start()
	n := settings(s.URL)
	n.Header = "Authorization: Bearer wrong\r\n"
	notifier, done := start(t, n, func(error) {})
	notifier.Publish(transitions("a")...)
	eventually.True(t, "an attempt", func() bool { return len(s.got()) > 0 })
	notifier.Configure(n) // nothing new
	n.Header = "Authorization: Bearer right\r\n"
	notifier.Configure(n)
	eventually.True(t, "the delivery", func() bool { return notifier.Queued() == 0 })
	done()
	if got := s.got(); len(got) != 2 || string(got[0].body) != string(got[1].body) {
		t.Errorf("%d attempts", len(got))
	}
}
