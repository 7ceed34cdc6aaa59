package kubernetes_test

import (
	"testing"

	"github.com/miekg/dns"
)

// The address of a service says nothing of its pods: a check finds out, and the
// standby outside takes over. The service may also go and come back.
func TestOutsideStandby(t *testing.T) {
	t.Parallel()
	n := sharedCluster(t).namespace(t)
	n.apply(t, "shop.yaml")
	n.apply(t, "standby.yaml")
	shop, outside := startService(t, n.clusterIP(t, "shop")), startBackend(t)
	n.set("OUTSIDE", outside.ip)
	s := n.serve(t, `
failover shop.corp.example {
    primary shop.${NS}.svc.cluster.local
    secondary ${OUTSIDE}
    tier 3 standby.${NS}.svc.cluster.local {
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
	s.mustAnswer(t, name, dns.TypeA, shop.ip)
	s.log.await(t, 2, "record "+name, "unknown -> healthy")
	shop.stop()
	s.awaitAnswer(t, name, outside.ip)
	outside.stop()
	s.awaitAnswer(t, name, "192.0.2.80") // what the node's name server knows the ExternalName by
	outside.start(t)
	s.awaitAnswer(t, name, outside.ip)
	shop.start(t)
	s.awaitAnswer(t, name, shop.ip)

	n.kubectl(t, "delete", "service", "shop", "-n", n.name)
	s.awaitAnswer(t, name, outside.ip)
	n.apply(t, "shop.yaml")
	again := startService(t, n.clusterIP(t, "shop"))
	s.awaitAnswer(t, name, again.ip)
}

// clusterIP returns the address that the API server has given to a service.
func (n *namespace) clusterIP(t testing.TB, service string) string {
	t.Helper()
	return n.kubectl(t, "get", "service", service, "-n", n.name, "-o", "jsonpath={.spec.clusterIP}")
}
