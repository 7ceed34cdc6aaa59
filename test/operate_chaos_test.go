package test_test

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coredns-failover/failover/plugin/status"

	"github.com/miekg/dns"
)

// from sends a message over a network from another address of this machine.
func (s *server) from(t testing.TB, ip, network string, m *dns.Msg) *dns.Msg {
	t.Helper()
	dialer := &net.Dialer{Timeout: patience}
	if dialer.LocalAddr = net.Addr(&net.UDPAddr{IP: net.ParseIP(ip)}); network == "tcp" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(ip)}
	}
	client := dns.Client{Net: network, Timeout: patience, Dialer: dialer}
	reply, _, err := client.Exchange(m, s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// chaos is a question for the status of a name.
func chaos(name string) *dns.Msg {
	m := question(name, dns.TypeTXT)
	m.Question[0].Qclass = dns.ClassCHAOS
	return m
}

// inErrors returns the Extended DNS Errors of a reply, in words.
func inErrors(reply *dns.Msg) string {
	var words []string
	if opt := reply.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if ede, ok := option.(*dns.EDNS0_EDE); ok {
				words = append(words, fmt.Sprintf("%d: %s", ede.InfoCode, ede.ExtraText))
			}
		}
	}
	return strings.Join(words, "; ")
}

// dig runs dig, and returns what it prints.
func (s *server) dig(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command(findProgram(t, "dig", "dnsutils"),
		append([]string{"@" + s.ip, "-p", s.port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("dig %v: %v: %s", args, err, out)
	}
	return string(out)
}

// mustMatchLines fails unless each line matches its expression.
func mustMatchLines(t testing.TB, text string, expressions ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != len(expressions) {
		t.Errorf("got %q, want %d lines", lines, len(expressions))
		return
	}
	for i, expression := range expressions {
		if !regexp.MustCompile("^" + expression + "$").MatchString(lines[i]) {
			t.Errorf("line %d is %s, want %s", i+1, lines[i], expression)
		}
	}
}

// The real dig shows the status of a record, and beside an answer that is not the
// primary's why.
func TestOperateStatusByDig(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, zone(strings.Replace(www, "primary", "types A\nprimary", 1)), sites.vars())
	s.log.await(t, 2, "unknown -> healthy")
	const lasts = ` for [0-9.]+m?s`
	mustMatchLines(t, s.dig(t, "+short", "CH", "TXT", "www.example.org"),
		`"IPv4: normal, tier 1 answers: `+sites[0].ip+`"`,
		`"tier 1, target `+sites[0].ip+`: healthy`+lasts+`"`, `"tier 2, target `+sites[1].ip+`: healthy`+lasts+`"`)
	if text := s.dig(t, "www.example.org"); strings.Contains(text, "EDE") || !strings.Contains(text, sites[0].ip) {
		t.Errorf("while the primary answers dig shows %s", text)
	}
	sites[0].stop()
	awaitAnswer(t, s, "www.example.org", dns.TypeA, sites[1].ip)
	why := "check http :" + sites[0].port + "/healthz: connection refused"
	for _, network := range []string{"+notcp", "+tcp"} {
		mustMatchLines(t, s.dig(t, network, "+short", "CH", "TXT", "WWW.example.org"),
			`"IPv4: failed_over, tier 2 answers: `+sites[1].ip+`"`,
			`"tier 1, target `+sites[0].ip+`: unhealthy`+lasts+": "+why+`"`, `"tier 2, target `+sites[1].ip+`: healthy`+lasts+`"`)
		want := "; EDE: 0 (Other): (failed_over, tier 2 answers; target " + sites[0].ip + ": " + why + ")"
		if text := s.dig(t, network, "www.example.org"); !strings.Contains(text, want) || !strings.Contains(text, sites[1].ip) {
			t.Errorf("while the primary is down dig shows %s, want %s", text, want)
		}
	}
}

// Only who asks from a network of status_to gets the status; to others the class
// CHAOS is refused as it is without failover, and an answer says nothing more.
func TestOperateStatusForOthers(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	me, stranger := newIP(t), newIP(t)
	s := start(t, operated("status_to {$ME}/32 2001:db8::/32", www), sites.vars(), vars{"ME": me})
	s.log.await(t, 2, "unknown -> healthy")
	edns := func() *dns.Msg { return question("www.example.org", dns.TypeA).SetEdns0(1232, false) }
	for _, network := range []string{"udp", "tcp"} {
		if got := inErrors(s.from(t, me, network, edns())); got != "" {
			t.Errorf("over %s, an answer of the primary comes with %q", network, got)
		}
	}
	sites[0].stop()
	s.log.await(t, 1, "IPv4: failed_over")
	for _, network := range []string{"udp", "tcp"} {
		reply := s.from(t, me, network, chaos("www.example.org"))
		if reply.Rcode != dns.RcodeSuccess || len(reply.Answer) != 4 || reply.Answer[0].Header().Class != dns.ClassCHAOS {
			t.Errorf("over %s, the status is %v", network, reply)
		}
		if got := s.from(t, stranger, network, chaos("www.example.org")); got.Rcode != dns.RcodeRefused || len(got.Answer) > 0 {
			t.Errorf("over %s, a stranger gets the status %v", network, got)
		}
		for _, name := range []string{"version.bind", "none.example.org", "example.org", "www.example.net"} {
			for _, who := range []string{me, stranger} {
				if got := s.from(t, who, network, chaos(name)); got.Rcode != dns.RcodeRefused || len(got.Answer) > 0 {
					t.Errorf("over %s, the status of %s is %v", network, name, got)
				}
			}
		}
		told, untold := s.from(t, me, network, edns()), s.from(t, stranger, network, edns())
		if got := inErrors(told); !strings.HasPrefix(got, "0: failed_over, tier 2 answers; target "+sites[0].ip+": ") {
			t.Errorf("over %s, the answer comes with %q", network, got)
		}
		if got := inErrors(untold); got != "" {
			t.Errorf("over %s, a stranger gets an answer with %q", network, got)
		}
		if plain := s.from(t, me, network, question("www.example.org", dns.TypeA)); plain.IsEdns0() != nil {
			t.Errorf("over %s, a question without EDNS is answered with %v", network, plain.IsEdns0())
		}
		for _, reply := range []*dns.Msg{told, untold} {
			if got := inWords(reply); got != sites[1].ip {
				t.Errorf("over %s, the answer is %s, want %s", network, got, sites[1].ip)
			}
		}
	}
}

// What the plugin chaos answers, it answers as without failover.
func TestOperateStatusBesideChaos(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, strings.Replace(operated("status_to 192.0.2.0/24", "chaos failover-test hostmaster@example.org\n"+www), "example.org:{$PORT} {", ".:{$PORT} {", 1), sites.vars())
	reply := s.exchange(t, "udp", chaos("version.bind"))
	if len(reply.Answer) != 1 || !strings.Contains(reply.Answer[0].String(), "failover-test") {
		t.Errorf("version.bind is answered with %v", reply)
	}
	if got := s.exchange(t, "udp", chaos("www.example.org")); len(got.Answer) > 0 {
		t.Errorf("a stranger gets the status %v", got)
	}
}

// Whatever an operator gives as a reason can be read by DNS: as it was written
// where it is told in full, and as a text in UTF-8 where it is cut.
func TestOperateStatusOfOddReasons(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	s := start(t, operated(steerable, www), sites.vars(), operateTokens(t))
	s.log.await(t, 2, "unknown -> healthy")
	o := s.operator(t)
	for _, reason := range []string{
		`"quoted", and a \ too`, "Wartungsarbeiten für Müller", strings.Repeat("ü", 200), "x" + strings.Repeat("ü", 200),
		strings.Repeat(`\`, 300), "x" + strings.Repeat(`\`, 300), `\009`,
	} {
		o.act(t, status.Drain, status.Action{Target: sites[0].ip, Reason: reason})
		for _, rr := range s.exchange(t, "tcp", chaos("www.example.org")).Answer[2:3] {
			want := "tier 1, target " + sites[0].ip + ": forced drained by oncall: " + reason
			if got := unescaped(strings.Join(rr.(*dns.TXT).Txt, "")); got != want {
				t.Errorf("the status says\n%q, want\n%q", got, want)
			}
		}
		reply := s.exchange(t, "udp", question("www.example.org", dns.TypeA).SetEdns0(1232, false))
		told := inErrors(reply)
		if !utf8.ValidString(told) || !strings.HasPrefix(told, "0: failed_over, tier 2 answers; target "+sites[0].ip+": drained by oncall: ") {
			t.Errorf("the error says %q", told)
		}
	}
}

// unescaped returns a character string as it is on the wire: the library has
// backslashes in front of some.
func unescaped(text string) string {
	var plain []byte
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
			if n, err := strconv.ParseUint(text[i:min(i+3, len(text))], 10, 8); err == nil && i+3 <= len(text) {
				plain = append(plain, byte(n))
				i += 2
				continue
			}
		}
		plain = append(plain, text[i])
	}
	return string(plain)
}
