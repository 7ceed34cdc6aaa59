package kubernetes_test

import (
	"testing"

	"github.com/miekg/dns"
)

// A headless service has no address when none of its pods is ready. That is its
// health, without any probe.
func TestEvaluateHeadlessService(t *testing.T) {
	t.Parallel()
	n := sharedCluster(t).namespace(t)
	pods := n.startWeb(t)
	s := n.serve(t, `
failover shop.corp.example {
    primary web.${NS}.svc.cluster.local
    secondary 198.51.100.80 {
        check none
    }
    evaluate_target_health
    ttl 1s
}
`)
	const name = "shop.corp.example"
	s.mustAnswer(t, name, dns.TypeA, sorted(pods[0].ip, pods[1].ip, pods[2].ip))
	pods[0].stop() // nobody looks
	for i := range 2 {
		n.ready(t, "web-1", i, false)
	}
	s.awaitAnswer(t, name, pods[2].ip)
	n.ready(t, "web-1", 2, false)
	s.awaitAnswer(t, name, "198.51.100.80")
	s.mustAnswer(t, name, dns.TypeAAAA, "NODATA")

	n.ready(t, "web-1", 1, true)
	s.awaitAnswer(t, name, pods[1].ip)
	n.ready(t, "web-1", 0, true)
	s.awaitAnswer(t, name, pods[0].ip, pods[1].ip)
	if got := pods[0].probes.Load() + pods[1].probes.Load() + pods[2].probes.Load(); got != 0 {
		t.Errorf("the pods are probed %d times, without a check", got)
	}
}

// Each address family has slices of its own. While the service has addresses of
// one, nobody is sent to the standby for the other.
func TestEvaluateFamilies(t *testing.T) {
	t.Parallel()
	n := sharedCluster(t).namespace(t)
	pods := n.startWeb(t)
	n.apply(t, "web-ipv6.yaml")
	s := n.serve(t, `
failover shop.corp.example {
    primary web.${NS}.svc.cluster.local
    secondary 198.51.100.80 2001:db8::80 {
        check none
    }
    evaluate_target_health
    ttl 1s
}
`)
	const name = "shop.corp.example"
	s.mustAnswer(t, name, dns.TypeA, sorted(pods[0].ip, pods[1].ip, pods[2].ip))
	s.mustAnswer(t, name, dns.TypeAAAA, "fd00:10:244::1 fd00:10:244::2")
	for i := range 2 {
		n.ready(t, "web-ipv6", i, false)
	}
	s.awaitAnswerOf(t, name, dns.TypeAAAA, "NODATA")
	s.mustAnswer(t, name, dns.TypeA, sorted(pods[0].ip, pods[1].ip, pods[2].ip))
	for i := range 3 {
		n.ready(t, "web-1", i, false)
	}
	s.awaitAnswer(t, name, "198.51.100.80")
	s.awaitAnswerOf(t, name, dns.TypeAAAA, "2001:db8::80")
	n.ready(t, "web-ipv6", 1, true)
	s.awaitAnswerOf(t, name, dns.TypeAAAA, "fd00:10:244::2")
	s.awaitAnswer(t, name, "NODATA")
}

// A check sees what readiness does not say.
func TestCheckHeadlessService(t *testing.T) {
	t.Parallel()
	n := sharedCluster(t).namespace(t)
	pods := n.startWeb(t)
	s := n.serve(t, `
failover shop.corp.example {
    primary web.${NS}.svc.cluster.local
    secondary 198.51.100.80 {
        check none
    }
    check http / {
        port 8080
        interval 1s
        fast_interval 100ms
        threshold 2
    }
    ttl 1s
}
`)
	const name = "shop.corp.example"
	s.mustAnswer(t, name, dns.TypeA, sorted(pods[0].ip, pods[1].ip, pods[2].ip))
	s.log.await(t, 3, "record "+name, "unknown -> healthy")
	pods[0].stop()
	s.awaitAnswer(t, name, pods[1].ip, pods[2].ip)
	pods[1].stop()
	s.awaitAnswer(t, name, pods[2].ip)
	n.ready(t, "web-1", 2, false) // the one that is healthy
	// A name that has addresses, if unhealthy ones, leaves the others to the tiers.
	s.awaitAnswer(t, name, "198.51.100.80")

	pods[0].start(t)
	s.awaitAnswer(t, name, pods[0].ip)
	pods[1].start(t)
	n.ready(t, "web-1", 2, true)
	s.awaitAnswer(t, name, pods[0].ip, pods[1].ip, pods[2].ip)
}
