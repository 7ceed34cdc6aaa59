package failover_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // Plug in CoreDNS.

	"github.com/miekg/dns"
)

// Every Corefile of the README, and every one in examples, starts and answers
// for each of its records.
func TestCorefilesOfReadmeAndExamples(t *testing.T) {
	corefiles := readmeCorefiles(t)
	if len(corefiles) < 8 {
		t.Fatalf("found only %d Corefiles in the README", len(corefiles))
	}
	paths, err := filepath.Glob("examples/*/Corefile")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found no examples: %v", err)
	}
	for _, path := range paths {
		corefiles[path] = read(t, path)
	}

	upstream := startUpstream(t)
	t.Chdir(writeFiles(t))
	for place, text := range corefiles {
		t.Run(place, func(t *testing.T) {
			corefile := forTest(text, upstream)
			server := start(t, corefile)
			records := readRecords(t, corefile)
			if len(records) == 0 {
				t.Error("it has no record")
			}
			for _, r := range records {
				r.mustAnswer(t, server)
			}
		})
	}
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

// forTest is what is changed in a Corefile for a test: it listens on loopback,
// at ports that the kernel gives, it has an upstream of its own, and what it
// probes is on loopback, since a test sends nothing elsewhere. The plugin
// loop asks the server at the port of the Corefile, where nobody listens then.
func forTest(corefile, upstream string) string {
	for _, change := range []struct{ pattern, with string }{
		{`(?m)^\s+bind .*\n`, ""},
		{`(?m)^\s+loop\n`, ""},
		{`(?m)^([^\s(#][^\s:]*)(:\d+)? {$`, "${1}:0 {\n    bind 127.0.0.1"},
		{`(?m)^(\s+)(health|ready)\b`, "$1$2 127.0.0.1:0"},
		{`(?m)^(\s+)prometheus\b.*$`, "${1}prometheus 127.0.0.1:0"},
		{`/etc/resolv\.conf`, upstream},
		{`\b192\.0\.2\.`, "127.0.2."},
		{`\b198\.51\.100\.`, "127.51.100."},
		{`\b203\.0\.113\.`, "127.0.113."},
		{` 2001:db8:[0-9a-f:]*`, ""},
	} {
		corefile = regexp.MustCompile(change.pattern).ReplaceAllString(corefile, change.with)
	}
	return corefile
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
	client := dns.Client{Net: "tcp"}
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

// mustAnswer asks for the record: the answer is some of its targets.
func (r *exampleRecord) mustAnswer(t *testing.T, server string) {
	t.Helper()
	name := strings.Replace(r.name, "*", "some", 1)
	reply, err := dns.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), server)
	if err != nil {
		t.Fatal(err)
	}
	if reply.Rcode != dns.RcodeSuccess || len(reply.Answer) == 0 {
		t.Errorf("no answer for %s:\n%v", name, reply)
	}
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); !ok || !slices.Contains(r.targets, a.A.String()) {
			t.Errorf("%s is answered with %v, want one of %s", name, rr, r.targets)
		}
	}
}

// startUpstream runs a DNS server that knows no name, for forward.
func startUpstream(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		w.WriteMsg(new(dns.Msg).SetRcode(r, dns.RcodeNameError))
	})}
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
	return conn.LocalAddr().String()
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
			"ns 3600 IN A 192.0.2.53\n" +
			"www 3600 IN A 192.0.2.99\n",
		"Kexample.org.+013+45330.key": "example.org. IN DNSKEY 256 3 13 " +
			"eNMYFZYb6e0oJOV47IPo5f/UHy7wY9aBebotvcKakIYLyyGscBmXJQhbKLt/LhrMNDE2Q96hQnI5PdTBeOLzhQ==\n",
		"Kexample.org.+013+45330.private": "Private-key-format: v1.3\n" +
			"Algorithm: 13 (ECDSAP256SHA256)\n" +
			"PrivateKey: f03VplaIEA+KHI9uizlemUSbUJH86hPBPjmcUninPoM=\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
