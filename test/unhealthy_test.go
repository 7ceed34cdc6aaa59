package test_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// tried is a check with a target of its own, in a record NAME.example.org whose
// secondary is the last resort.
type tried struct {
	name   string
	check  string // its type, and its options by lines
	target *target
	want   string // the end of the line that is logged, as an expression
}

// lastResort is the secondary of records that have no second target.
const lastResort = "192.0.2.1"

// record is the Corefile of one that is tried.
func (one tried) record() string {
	kind, options, _ := strings.Cut(one.check, "\n")
	if one.target.tls == nil && strings.HasPrefix(kind, "tcp") {
		kind += " " + one.target.port
	} else {
		options = "port " + one.target.port + "\n" + options
	}
	return fmt.Sprintf(`
    failover %s.example.org {
        primary %s
        secondary %s {
            check none
        }
        check %s {
            interval 4s
            fast_interval 100ms
            down_interval 500ms
            threshold 3 2
            %s
        }
    }
`, one.name, one.target.ip, lastResort, kind, options)
}

func records(all []tried) string {
	text := ""
	for _, one := range all {
		text += one.record()
	}
	return text
}

func targetsOf(all []tried) targets {
	var ts targets
	for _, one := range all {
		ts = append(ts, one.target)
	}
	return ts
}

// Whatever is wrong with a server, it becomes unhealthy, the log says why in
// words an operator understands, and CoreDNS stays as small as it was.
func TestWhatIsUnhealthy(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	trusting := "https\ntls " + ca.file
	web := func(b behaviour) *target { return startTargets(t, 1, b)[0] }
	secure := func(certificate tls.Certificate) *target {
		return startTLSTargets(t, 1, serving(certificate), ok)[0]
	}
	suspicious := serving(ca.issue(t, time.Hour, "nocert.example.org"))
	suspicious.ClientAuth, suspicious.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool()

	all := []tried{
		{"slow", "http\ntimeout 1s", web(delayed(time.Minute, ok)), "no answer within 1s"},
		{"status", "http", web(failing), "status 503, want 200-399"},
		{"redirect", "http\nstatus 200-299,401", web(answer(302, "")), "status 302, want 200-299,401"},
		{"body", "http\nbody fine", web(ok), `body lacks "fine" in its first 5120 bytes`},
		{"regexp", "http\nbody_regexp ^fine", web(ok), `body does not match "\^fine" in its first 5120 bytes`},
		{
			"beyond", "http\nbody fine", web(answer(200, strings.Repeat(" ", 5117)+"fine")),
			`body lacks "fine" in its first 5120 bytes`,
		},
		{
			"expired", trusting, secure(ca.issue(t, -25*time.Hour, "expired.example.org")),
			"certificate expired 1 day ago",
		},
		{
			"othername", trusting, secure(ca.issue(t, time.Hour, "www.example.net")),
			`certificate is for "www.example.net", not "othername.example.org"`,
		},
		{
			"unknownca", trusting, secure(stranger.issue(t, time.Hour, "unknownca.example.org")),
			"certificate signed by an unknown authority",
		},
		{
			"systemca", "https", secure(ca.issue(t, time.Hour, "systemca.example.org")),
			"certificate signed by an unknown authority",
		},
		{"nocert", trusting, startTLSTargets(t, 1, suspicious, ok)[0], "the server refused TLS: .*certificate required"},
		{"notls", trusting, web(says("220 mail.example.org ready\r\n")), "not a TLS server: .*"},
		{"reset", "http", web(breaksOff("HTTP/1.1 200 OK\r\nContent-Le")), "connection reset by the server"},
		{
			"resetbody", "http\nbody fine", web(breaksOff("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nsome")),
			"connection reset by the server",
		},
		{
			"endlessbody", "http\nbody fine", web(endless("HTTP/1.1 200 OK\r\n\r\n", "more ")),
			`body lacks "fine" in its first 5120 bytes`,
		},
		{
			"endlessheaders", "http", web(endless("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n")),
			"headers larger than 64 KiB",
		},
		{"endlessheader", "http", web(endless("HTTP/1.1 200 OK\r\nX-More: ", "more ")), "headers larger than 64 KiB"},
		{"endlessinterim", "http", web(endless("", "HTTP/1.1 100 Continue\r\n\r\n")), "headers larger than 64 KiB"},
		{"silent", "http\ntimeout 1s", web(silent), "no answer within 1s"},
		{"silenttls", trusting + "\ntimeout 1s", web(silent), "TLS handshake not finished within 1s"},
		{"silenttcp", "tcp\ntimeout 1s\nexpect +PONG", web(silent), "no answer within 1s"},
		{"closes", "http", web(func(*target, net.Conn) {}), "(connection closed without an answer|connection reset by the server)"},
		{"garbage", "http", web(says("\x00\x01\x02 garbage \xff\n")), "not an HTTP response: .*"},
		{"banner", "tcp\nexpect 220", web(says("554 go away\r\n")), `answer starts with "5(54)?", want "220"`},
	}
	s := start(t, zone(records(all)))
	for _, one := range all {
		s.log.await(t, 1, "record "+one.name+".example.org, tier 1", "unknown -> unhealthy")
		awaitAnswer(t, s, one.name+".example.org", dns.TypeA, lastResort)
	}
	for _, one := range all {
		t.Run(one.name, func(t *testing.T) {
			s.log.mustMatchOnce(t, "record "+one.name+`\.example\.org, tier 1, .*: unknown -> unhealthy \(was unknown for .*s\): `+one.want)
		})
	}
	s.mustStaySmall(t, all)
}

// mustStaySmall lets all targets be probed some more, and compares what the
// process holds with what it held before.
func (s *server) mustStaySmall(t *testing.T, all []tried) {
	t.Helper()
	before, known := s.usage()
	if !known {
		t.Log("this system does not say what a process holds")
		return
	}
	targetsOf(all).awaitProbes(t, 5)
	after, _ := s.usage()
	// A probe in flight has one descriptor.
	if most := before.descriptors + len(all); after.descriptors > most {
		t.Errorf("%d descriptors are open, more than %d", after.descriptors, most)
	}
	if most := before.memory + 64<<10; after.memory > most {
		t.Errorf("%d KiB of memory are in use, more than %d", after.memory, most)
	}
	t.Logf("before %+v, after %+v", before, after)
}

// What looks unusual, and is healthy all the same.
func TestWhatIsHealthy(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	trusting := "https\ntls " + ca.file
	web := func(b behaviour) *target { return startTargets(t, 1, b)[0] }
	secure := func(certificate tls.Certificate) *target {
		return startTLSTargets(t, 1, serving(certificate), ok)[0]
	}
	suspicious := serving(ca.issue(t, time.Hour, "clientcert.example.org"))
	suspicious.ClientAuth, suspicious.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool()
	certFile, keyFile := writeCertificate(t, ca.issue(t, time.Hour, "coredns"))

	all := []tried{
		{"redirect", "http", web(answer(302, "")), ""},
		{"status", "http\nstatus 200,503", web(failing), ""},
		{"endless", "http", web(endless("HTTP/1.1 200 OK\r\n\r\n", "more ")), ""},
		{"last", "http\nbody fine", web(answer(200, strings.Repeat(" ", 5116)+"fine")), ""},
		{"regexp", `http` + "\n" + `body_regexp "^[a-z]+$"`, web(ok), ""},
		{"old", "http", web(says("HTTP/1.0 200 OK\r\n\r\n")), ""},
		{"rightca", trusting, secure(ca.issue(t, time.Hour, "rightca.example.org")), ""},
		{"wildcard", trusting, secure(ca.issue(t, time.Hour, "*.example.org")), ""},
		{"servername", trusting + "\ntls_servername x.example.net", secure(ca.issue(t, time.Hour, "x.example.net")), ""},
		{"host", trusting + "\nhost x.example.net", secure(ca.issue(t, time.Hour, "x.example.net")), ""},
		{"insecure", "https\ninsecure_skip_verify", secure(stranger.issue(t, -time.Hour, "x.example.net")), ""},
		{
			"clientcert", "https\ntls " + certFile + " " + keyFile + " " + ca.file,
			startTLSTargets(t, 1, suspicious, ok)[0], "",
		},
		{"banner", "tcp\nexpect 220", web(says("220 welcome\r\n")), ""},
		{"redis", "tcp\nsend \"PING\\r\\n\"\nexpect +PONG", web(replies("PING\r\n", "+PONG\r\n")), ""},
	}
	s := start(t, zone(records(all)))
	for _, one := range all {
		s.log.await(t, 1, "record "+one.name+".example.org, tier 1", "unknown -> healthy")
	}
	targetsOf(all).awaitProbes(t, 4)
	for _, one := range all {
		mustAnswer(t, s, one.name+".example.org", dns.TypeA, one.target.ip)
	}
	if got := s.log.find("-> unhealthy"); len(got) > 0 {
		t.Errorf("not all are healthy: %q", got)
	}
}

// Certificate files are read when they have changed, without a reload.
func TestRenewedAuthority(t *testing.T) {
	t.Parallel()
	ca, next := newAuthority(t), newAuthority(t)
	one := tried{
		"www", "https\ntls " + ca.file,
		startTLSTargets(t, 1, serving(next.issue(t, time.Hour, "www.example.org")), ok)[0], "",
	}
	s := start(t, zone(one.record()))
	awaitAnswer(t, s, "www.example.org", dns.TypeA, lastResort)
	text, err := os.ReadFile(next.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ca.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	awaitAnswer(t, s, "www.example.org", dns.TypeA, one.target.ip)
}

// A certificate that can not be read is the fault of this machine, not of the
// target: the check is broken, and the target stays as it is.
func TestBrokenCheck(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	one := tried{
		"www", "https\ntls {$MISSING}",
		startTLSTargets(t, 1, serving(ca.issue(t, time.Hour, "www.example.org")), ok)[0], "",
	}
	missing := t.TempDir() + "/ca.pem"
	s := start(t, zone(one.record()), vars{"MISSING": missing})
	s.log.await(t, 1, "[ERROR] plugin/failover: record www.example.org", "broken", missing)
	s.awaitMetric(t, 1, "checks_broken")
	mustAnswer(t, s, "www.example.org", dns.TypeA, one.target.ip)

	text, err := os.ReadFile(ca.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(missing, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.log.await(t, 1, "record www.example.org", "runs again")
	s.awaitMetric(t, 0, "checks_broken")
	s.log.await(t, 1, "unknown -> healthy")
	if n := len(s.log.find("broken")); n != 1 {
		t.Errorf("%d lines say that the check is broken, want one", n)
	}
}
