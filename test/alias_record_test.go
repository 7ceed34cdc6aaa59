package test_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// aliasRecord is a record with lines for its tiers, whose addresses are probed
// at the port that targets share.
func aliasRecord(name, lines string) string {
	return fmt.Sprintf(`
    failover %s {
%s
        probe 127.0.0.0/8 ::1/128
        check http {
            port {$TARGET_PORT}
            import fast
        }
    }
`, name, lines)
}

// aliasOfWeb is www.example.org, which stands for web.example.org.
var aliasOfWeb = aliasRecord("www.example.org", "primary web.example.org\nsecondary {$T1}")

// aliasBehind is the server block of aliasOfWeb in front of an origin.
var aliasBehind = zone("forward . {$ORIGIN} {\nmax_fails 0\n}\n" + aliasOfWeb)

// aliasA writes A records for a zone file.
func aliasA(name string, ips ...string) string {
	var lines strings.Builder
	for _, ip := range ips {
		fmt.Fprintf(&lines, "%s IN A %s\n", name, ip)
	}
	return lines.String()
}

// answerOf asks over UDP and returns what the answer section says, in words with
// the owners and TTLs.
func (s *server) answerOf(t testing.TB, name string, qtype uint16) string {
	t.Helper()
	return inLines(s.exchange(t, "udp", question(name, qtype)).Answer)
}

// inLines writes records as in a zone file, one on a line.
func inLines(rrs []dns.RR) string {
	var lines []string
	for _, rr := range rrs {
		lines = append(lines, strings.Join(strings.Fields(rr.String()), " "))
	}
	return strings.Join(lines, "\n")
}

// mustLog waits for n lines with all parts, and fails where there are more.
func (l *logged) mustLog(t testing.TB, n int, parts ...string) {
	t.Helper()
	if found := l.await(t, n, parts...); len(found) != n {
		t.Errorf("%d lines have %q, want %d: %q", len(found), parts, n, found)
	}
}

// neverAnswer asks until done says "", and fails where an answer is none of the
// allowed ones.
func neverAnswer(t testing.TB, s *server, name string, allowed []string, done func() string) {
	t.Helper()
	await(t, func() string {
		got := s.ask(t, name, dns.TypeA)
		if slices.Contains(allowed, got) {
			return done()
		}
		t.Fatalf("%s is answered with %s, want one of %q", name, got, allowed)
		return ""
	})
}

// rewriteFile puts another text in the place of a file that CoreDNS reads again
// and again.
func rewriteFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
