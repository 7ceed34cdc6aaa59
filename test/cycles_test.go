package test_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"slices"
	"testing"

	_ "github.com/coredns-failover/failover" // Plug in failover.
	"github.com/coredns-failover/failover/internal/leak"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/core/plugin" // Plug in CoreDNS.

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

// The place of plugin.cfg.example, as in cmd/coredns.
func init() {
	behind := slices.Index(dnsserver.Directives, "acl") + 1
	dnsserver.Directives = slices.Insert(dnsserver.Directives, behind, "failover")
}

// CoreDNS starts and stops a thousand times in this process, with probes in
// flight, and leaves no goroutine behind.
func TestStartStopCycles(t *testing.T) {
	sites := startTargets(t, 3, ok)
	sites[1].behave(silent)
	sites[2].stop()
	corefile := caddy.CaddyfileInput{Filepath: "Corefile", ServerTypeName: "dns", Contents: fmt.Appendf(nil, `
example.org:0 {
    bind %[1]s
    failover www.example.org {
        primary %[2]s
        secondary %[3]s
        tier 3 %[4]s
        check http {
            port %[5]s
        }
        check tcp %[5]s
        require any
    }
}
`, newIP(t), sites[0].ip, sites[1].ip, sites[2].ip, sites[0].port)}
	caddy.Quiet, dnsserver.Quiet = true, true
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })

	cycle(t, corefile, sites) // what CoreDNS starts once and for all
	before := goleak.IgnoreCurrent()
	for range 1000 {
		cycle(t, corefile, sites)
	}
	if err := leak.Find(before); err != nil {
		t.Error(err)
	}
}

// cycle starts CoreDNS, waits until it probes and answers, and stops it as
// SIGTERM does.
func cycle(t *testing.T, corefile caddy.Input, sites targets) {
	t.Helper()
	first := sites[0].probes()
	instance, err := caddy.Start(corefile)
	if err != nil {
		t.Fatal(err)
	}
	await(t, func() string {
		if sites[0].probes() == first {
			return "there is no probe"
		}
		return ""
	})
	// A server that is stopped before it serves would go on forever.
	listening := instance.Servers()[0]
	for network, endpoint := range map[string]net.Addr{"udp": listening.LocalAddr(), "tcp": listening.Addr()} {
		client := dns.Client{Net: network, Timeout: patience}
		if _, _, err := client.Exchange(question("www.example.org", dns.TypeA), endpoint.String()); err != nil {
			t.Fatal(err)
		}
	}
	if errs := instance.ShutdownCallbacks(); len(errs) > 0 {
		t.Fatal(errs)
	}
	if err := instance.Stop(); err != nil {
		t.Fatal(err)
	}
	instance.Wait()
}
