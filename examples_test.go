package failover_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-failover/failover"
	"github.com/coredns-failover/failover/internal/eventually"

	"github.com/miekg/dns"
)

// Every example starts, answers for each of its records, and has its README.
func TestExamples(t *testing.T) {
	r := newReplacements(t)
	examples, err := filepath.Glob("examples/*/Corefile")
	if err != nil || len(examples) < 7 {
		t.Fatalf("found the examples %s: %v", examples, err)
	}
	for _, path := range examples {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if !strings.HasPrefix(read(t, filepath.Join(dir, "README.md")), "# ") {
				t.Error("its README.md has no title")
			}
			corefile := r.in(read(t, path))
			t.Chdir(copyOnLoopback(t, dir))
			mustAnswerAll(t, corefile)
		})
	}
}

// copyOnLoopback copies the data of an example, with what it has on loopback.
func copyOnLoopback(t *testing.T, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "db.*"))
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	for _, path := range paths {
		text := onLoopback(read(t, path))
		if err := os.WriteFile(filepath.Join(copied, filepath.Base(path)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

// The example of three sites tells clients apart: the test database has one
// address in it, which is in Great Britain.
func TestThreeSitesByClient(t *testing.T) {
	server := start(t, newReplacements(t).in(read(t, "examples/three-sites/Corefile")))
	europe, anywhere := []string{"127.0.2.10", "127.51.100.10"}, "127.0.113.10"

	for range 20 {
		reply := askFrom(t, server, "www.example.org.", net.IPv4(81, 2, 69, 142))
		if got := addressesOf(reply); len(got) != 1 || !slices.Contains(europe, got[0]) {
			t.Fatalf("a client in Europe gets %s, want one of %s", got, europe)
		}
		if scope := scopeOf(reply); scope != 32 {
			t.Fatalf("the answer is good for /%d, want /32, all that is known of the client", scope)
		}
	}
	if got := addressesOf(askFrom(t, server, "www.example.org.", net.IPv4(192, 0, 2, 1))); !slices.Contains(got, anywhere) {
		t.Errorf("a client of nowhere gets %s, want %s among them", got, anywhere)
	}
}

// askFrom asks on behalf of a client, as a resolver does (RFC 7871).
func askFrom(t *testing.T, server, name string, client net.IP) *dns.Msg {
	t.Helper()
	query := new(dns.Msg).SetQuestion(name, dns.TypeA)
	query.SetEdns0(1232, false)
	query.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{
		Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 32, Address: client,
	}}
	reply, err := failover.Exchange(query, server)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func addressesOf(m *dns.Msg) []string {
	var addresses []string
	for _, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			addresses = append(addresses, a.A.String())
		}
	}
	return addresses
}

// scopeOf returns for how many bits of the client's address a reply is good, or
// -1 where it does not say.
func scopeOf(m *dns.Msg) int {
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if subnet, ok := option.(*dns.EDNS0_SUBNET); ok {
				return int(subnet.SourceScope)
			}
		}
	}
	return -1
}

// What the zone file of an example does not have to fail over is answered by
// file, and what it has of other types too.
func TestApexAliasLeavesTheRestToTheZone(t *testing.T) {
	corefile := newReplacements(t).in(read(t, "examples/apex-alias/Corefile"))
	t.Chdir(copyOnLoopback(t, "examples/apex-alias"))
	server := start(t, corefile)

	for question, want := range map[string]string{
		"example.org. A":      "127.0.9.9",
		"example.org. MX":     "mail.example.org.",
		"mail.example.org. A": "127.0.2.25",
	} {
		mustComeTo(t, server, question, want)
	}
}

// mustComeTo asks until the answer is one record that ends in want: an alias may
// not be resolved yet.
func mustComeTo(t *testing.T, server, question, want string) {
	t.Helper()
	qname, qtype, _ := strings.Cut(question, " ")
	eventually.True(t, fmt.Sprintf("%s to be %s", question, want), func() bool {
		reply, err := failover.Exchange(new(dns.Msg).SetQuestion(qname, dns.StringToType[qtype]), server)
		if err != nil {
			t.Fatal(err)
		}
		return len(reply.Answer) == 1 && strings.HasSuffix(reply.Answer[0].String(), want)
	})
}
