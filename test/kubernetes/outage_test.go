package kubernetes_test

import (
	"testing"

	"github.com/miekg/dns"
)

const outage = `
failover shop.corp.example {
    primary web.${NS}.svc.cluster.local
    secondary ${OUTSIDE}
    check http / {
        port 8080
        interval 1s
        fast_interval 100ms
        threshold 2
    }
    ttl 1s
}
failover web.${NS}.svc.cluster.local {
    primary next
    secondary ${OUTSIDE}
    check http / {
        port 8080
        interval 1s
        fast_interval 100ms
        threshold 2
    }
}
`

// Without its API server the cluster stays as it is known, and failover goes on.
// What has changed comes through when it is back.
func TestAPIServerDownAndBack(t *testing.T) {
	t.Parallel()
	c := ownCluster(t, newServices())
	c.startPlane(t)
	n := c.namespace(t)
	pods, outside := n.startWeb(t), startBackend(t)
	n.set("OUTSIDE", outside.ip)
	s := n.serve(t, outage)
	all := []string{pods[0].ip, pods[1].ip, pods[2].ip}
	names := []string{"shop.corp.example", "web." + n.name + ".svc.cluster.local"}
	awaitAll := func(want ...string) {
		t.Helper()
		for _, name := range names {
			s.awaitAnswer(t, name, want...)
		}
	}
	awaitAll(all...)

	c.killPlane(t)
	for _, name := range names {
		s.mustAnswer(t, name, dns.TypeA, sorted(all...))
	}
	pods[0].stop()
	awaitAll(pods[1].ip, pods[2].ip)
	pods[1].stop()
	pods[2].stop()
	awaitAll(outside.ip)
	pods[1].start(t)
	awaitAll(pods[1].ip)
	pods[0].start(t)
	pods[2].start(t)
	awaitAll(all...)

	// After a reload the plugin kubernetes knows nothing. What a name had stays,
	// and next is nothing that could stay.
	s.reload(t)
	s.mustAnswer(t, names[0], dns.TypeA, sorted(all...))
	s.awaitAnswer(t, names[1], outside.ip)
	pods[2].stop()
	s.awaitAnswer(t, names[0], pods[0].ip, pods[1].ip)
	pods[2].start(t)
	s.awaitAnswer(t, names[0], all...)

	c.startPlane(t)
	awaitAll(all...)
	n.ready(t, "web-1", 0, false)
	awaitAll(pods[1].ip, pods[2].ip)
	n.ready(t, "web-1", 1, false)
	n.ready(t, "web-1", 2, false)
	awaitAll(outside.ip)
}

// A server that starts while there is no API server knows nothing of the
// cluster: the standby answers, until the API server is there.
func TestStartWithoutAPIServer(t *testing.T) {
	t.Parallel()
	c := ownCluster(t, newServices())
	c.startPlane(t)
	n := c.namespace(t)
	pods, outside := n.startWeb(t), startBackend(t)
	n.set("OUTSIDE", outside.ip)
	n.token(t)
	c.killPlane(t)

	s := n.serve(t, outage)
	names := []string{"shop.corp.example", "web." + n.name + ".svc.cluster.local"}
	for _, name := range names {
		s.mustAnswer(t, name, dns.TypeA, outside.ip)
	}
	s.mustAnswer(t, "www.example.org", dns.TypeA, "192.0.2.80")
	s.mustAnswer(t, "other."+n.name+".svc.cluster.local", dns.TypeA, "SERVFAIL")

	c.startPlane(t)
	for _, name := range names {
		s.awaitAnswer(t, name, pods[0].ip, pods[1].ip, pods[2].ip)
	}
	s.mustAnswer(t, "other."+n.name+".svc.cluster.local", dns.TypeA, "NXDOMAIN")
}
