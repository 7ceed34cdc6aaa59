package failover_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-failover/failover"
	"github.com/coredns-failover/failover/plugin/corefile"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // Plug in CoreDNS.

	"github.com/miekg/dns"
)

// Every Corefile of the README starts, and answers for each of its records.
func TestCorefilesOfReadme(t *testing.T) {
	corefiles := readmeCorefiles(t)
	if len(corefiles) < 8 {
		t.Fatalf("found only %d Corefiles in the README", len(corefiles))
	}
	r := newReplacements(t)
	t.Chdir(writeFiles(t))
	for place, text := range corefiles {
		t.Run(place, func(t *testing.T) { mustAnswerAll(t, r.in(text)) })
	}
}

// mustAnswerAll starts a Corefile and asks for each of its records. It returns
// the server's address.
func mustAnswerAll(t *testing.T, corefile string) string {
	t.Helper()
	server := start(t, corefile)
	records := readRecords(t, corefile)
	if len(records) == 0 {
		t.Error("it has no record")
	}
	for _, r := range records {
		r.mustAnswer(t, server)
	}
	return server
}

// readmeCorefiles returns the blocks of the README that say they are Corefiles,
// by the line they start at.
func readmeCorefiles(t *testing.T) map[string]string {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^(?:~~~|```) ?corefile\n(.*?)^(?:~~~|```)$")
	readme := read(t, "README.md")
	corefiles := map[string]string{}
	for _, at := range fence.FindAllStringSubmatchIndex(readme, -1) {
		line := 1 + strings.Count(readme[:at[0]], "\n")
		corefiles[fmt.Sprintf("README.md:%d", line)] = readme[at[2]:at[3]]
	}
	return corefiles
}

// replacements are what stands in, in a test, for what a Corefile names and the
// test does not have: an upstream, a database, an API server.
type replacements struct{ upstream, database string }

func newReplacements(t *testing.T) replacements {
	t.Helper()
	return replacements{startUpstream(t), testDatabase(t)}
}

// in returns a Corefile as a test runs it: it listens on loopback, at ports
// that the kernel gives, and what it probes is on loopback, since a test sends
// nothing elsewhere. The plugin loop asks the server at the port of the
// Corefile, where nobody listens then.
func (r replacements) in(corefile string) string {
	for _, change := range []struct{ pattern, with string }{
		{`(?m)^\s+bind .*\n`, ""},
		{`(?m)^\s+loop\n`, ""},
		{`(?m)^([^\s(#][^\s:]*)(:\d+)? {$`, "${1}:0 {\n    bind 127.0.0.1"},
		{`(?m)^(\s+)(health|ready)\b`, "$1$2 127.0.0.1:0"},
		{`(?m)^(\s+)prometheus\b.*$`, "${1}prometheus 127.0.0.1:0"},
		{`(?m)^(\s+forward \.) \S+`, "${1} " + r.upstream},
		{`(?m)^(\s+resolver) .*$`, "${1} " + r.upstream},
		{`(?m)^(\s+admin) \S+`, "${1} 127.0.0.1:0"},
		{`(?m)^(\s+notify) \S+`, "${1} http://127.0.0.1:9/"},
		{`(?m)^(\s+geoip) \S+`, "${1} " + r.database},
		// There is no API server: hosts has the service in place of kubernetes.
		{`(?ms)^    kubernetes .*?^    }$`, "    hosts {\n        127.0.96.10 " + service + "\n        fallthrough\n    }"},
	} {
		corefile = regexp.MustCompile(change.pattern).ReplaceAllString(corefile, change.with)
	}
	return onLoopback(corefile)
}

// service is the name in a cluster that the Corefiles ask for.
const service = "shop.default.svc.cluster.local"

// onLoopback moves documentation's and private addresses to loopback: those of IPv4 to an
// address of their own, as Linux has them all; those of IPv6 are left out.
func onLoopback(text string) string {
	for _, move := range []struct{ pattern, with string }{
		{`\b192\.0\.2\.`, "127.0.2."},
		{`\b198\.51\.100\.`, "127.51.100."},
		{`\b203\.0\.113\.`, "127.0.113."},
		{`\b10\.(\d+)\.0\.`, "127.${1}.0."},
		{` 2001:db8:[0-9a-f:]*(/\d+)?`, ""},
	} {
		text = regexp.MustCompile(move.pattern).ReplaceAllString(text, move.with)
	}
	return text
}

// testDatabase returns the path of CoreDNS's own GeoIP database for tests. It
// knows one address.
func testDatabase(t *testing.T) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "plugin", "geoip", "testdata", "GeoLite2-City.mmdb")
}

// start runs a Corefile in this process, and returns the server's address.
func start(t *testing.T, corefile string) string {
	t.Helper()
	caddy.Quiet, dnsserver.Quiet = true, true
	instance, err := caddy.Start(caddy.CaddyfileInput{
		Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns",
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, corefile)
	}
	t.Cleanup(func() {
		instance.ShutdownCallbacks()
		instance.Stop()
	})
	server := instance.Servers()[0]
	mustListen(t, server.Addr())
	return server.LocalAddr().String()
}

// mustListen waits until the server answers over TCP: one that is stopped
// before it serves would go on forever.
func mustListen(t *testing.T, endpoint net.Addr) {
	t.Helper()
	client := dns.Client{Net: "tcp", Timeout: failover.Enough}
	if _, _, err := client.Exchange(new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA), endpoint.String()); err != nil {
		t.Fatal(err)
	}
}

// exampleRecord is what a Corefile says about a name.
type exampleRecord struct {
	name    string
	targets []string
}

// readRecords finds the records of a Corefile by their words alone.
func readRecords(t *testing.T, corefile string) []exampleRecord {
	t.Helper()
	var records []exampleRecord
	first := 0 // of the records of this directive
	for line := range strings.Lines(corefile) {
		words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(line), "{"))
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "failover":
			first = len(records)
			for _, name := range words[1:] {
				records = append(records, exampleRecord{name: dns.Fqdn(name)})
			}
		case "primary", "secondary", "tier":
			for i := first; i < len(records); i++ {
				records[i].targets = append(records[i].targets, words[1:]...)
			}
		}
	}
	return records
}

// mustAnswer asks for the record: the answer is some of its targets or, where
// those are no addresses, something on loopback, which is where all data of a
// test is.
func (r *exampleRecord) mustAnswer(t *testing.T, server string) {
	t.Helper()
	name := strings.Replace(r.name, "*", "some", 1)
	reply, err := failover.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), server)
	if err != nil {
		t.Fatal(err)
	}
	if reply.Rcode != dns.RcodeSuccess || len(reply.Answer) == 0 {
		t.Errorf("no answer for %s:\n%v", name, reply)
	}
	for _, rr := range reply.Answer {
		if !r.mayAnswer(rr) {
			t.Errorf("%s is answered with %v, want one of %s", name, rr, r.targets)
		}
	}
}

func (r *exampleRecord) mayAnswer(rr dns.RR) bool {
	switch rr := rr.(type) {
	case *dns.A:
		return slices.Contains(r.targets, rr.A.String()) ||
			slices.ContainsFunc(r.targets, isNoAddress) && rr.A.IsLoopback()
	case *dns.CNAME:
		return slices.Contains(r.targets, strings.TrimSuffix(rr.Target, "."))
	default:
		return false
	}
}

func isNoAddress(target string) bool { return net.ParseIP(target) == nil }

// startUpstream runs a DNS server for forward and resolver. It knows all names
// in example.net, and no other.
func startUpstream(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		w.WriteMsg(upstreamReply(r))
	})}
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
	return conn.LocalAddr().String()
}

func upstreamReply(r *dns.Msg) *dns.Msg {
	reply, q := new(dns.Msg).SetReply(r), r.Question[0]
	switch {
	case !dns.IsSubDomain("example.net.", strings.ToLower(q.Name)):
		reply.Rcode = dns.RcodeNameError
	case q.Qtype == dns.TypeA:
		hdr := dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}
		reply.Answer = []dns.RR{&dns.A{Hdr: hdr, A: net.IPv4(127, 0, 9, 9)}}
	default:
		soa, _ := dns.NewRR("example.net. 60 IN SOA ns.example.net. hostmaster.example.net. 1 7200 1800 86400 60")
		reply.Ns = []dns.RR{soa}
	}
	return reply
}

// writeFiles writes the files that the README's Corefiles name into a directory
// and returns it. The key is the one of CoreDNS's own README test.
func writeFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"db.example.org": "$ORIGIN example.org.\n" +
			"@ 3600 IN SOA ns hostmaster 1 7200 3600 1209600 3600\n" +
			"@ 3600 IN NS ns\n" +
			"ns 3600 IN A 127.0.2.53\n" +
			"www 3600 IN A 127.0.2.99\n" +
			"*.apps 3600 IN A 127.0.2.98\n",
		"Kexample.org.+013+45330.key": "example.org. IN DNSKEY 256 3 13 " +
			"eNMYFZYb6e0oJOV47IPo5f/UHy7wY9aBebotvcKakIYLyyGscBmXJQhbKLt/LhrMNDE2Q96hQnI5PdTBeOLzhQ==\n",
		"Kexample.org.+013+45330.private": "Private-key-format: v1.3\n" +
			"Algorithm: 13 (ECDSAP256SHA256)\n" +
			"PrivateKey: f03VplaIEA+KHI9uizlemUSbUJH86hPBPjmcUninPoM=\n",
		"failover.tokens": "all 0123456789abcdef tester\n",
		"hook.secret":     "whsec_dGVzdGVk\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What the README's table gives for what Route 53 has is right in the block that
// it names.
func TestRoute53OfReadme(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "README.md"), "\n### From Route 53\n")
	section, _, _ = strings.Cut(section, "\n#")
	tried := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(line, " | ")
		if len(cells) < 4 || strings.TrimSpace(cells[2]) == "" {
			continue
		}
		var words []string
		for _, found := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			words = append(words, found[1])
		}
		for place := range strings.SplitSeq(cells[2], " or ") {
			if corefile, ok := fragmentIn(place, words); ok {
				tried++
				mustParse(t, line, corefile)
			}
		}
	}
	if tried < 30 {
		t.Errorf("tried only %d fragments", tried)
	}
}

// fragmentIn returns a server block with these lines in a block of a kind. It
// has whatever else any of them may need.
func fragmentIn(place string, lines []string) (corefile string, ok bool) {
	has := func(word string) bool {
		return slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, word) })
	}
	unless := func(word, line string) string {
		if len(lines) == 0 || has(word) {
			return ""
		}
		return line + "\n"
	}
	fragment := strings.Join(lines, "\n") + "\n"
	inProcess, inRecord, inTarget, inCheck := "", "", "", ""
	switch strings.TrimPrefix(place, "a ") {
	case "the process":
		inProcess = "failover {\n" + fragment + "}\n"
	case "record":
		inRecord = fragment
	case "target":
		inTarget = fragment
	case "check":
		inCheck = fragment
	default:
		return "", false
	}
	return "example.org {\n" + inProcess + "failover www.example.org {\n" +
		"primary web.example.net {\n" + inTarget + unless("clients", "clients *") + unless("location", "location 0 0") + "}\n" +
		"secondary 192.0.2.250 {\ncheck icmp\nclients *\nlocation 0 0\n}\n" +
		inRecord + unless("check", "check https {\n"+inCheck+"}") + "}\n}\n", len(lines) > 0
}

// mustParse reads a Corefile of one server block as setup does.
func mustParse(t *testing.T, what, text string) {
	t.Helper()
	servers, err := caddyfile.Parse("Corefile", strings.NewReader(text), nil)
	if err != nil {
		t.Fatalf("%s%v\n%s", what, err, text)
	}
	if _, err := corefile.Parse(slices.Values(servers[0].Tokens["failover"]), []string{"example.org."}); err != nil {
		t.Errorf("%s%v\n%s", what, err, text)
	}
}
