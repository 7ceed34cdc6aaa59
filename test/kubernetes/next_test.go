package kubernetes_test

import (
	"testing"

	"github.com/miekg/dns"
)

// startWeb starts the three pods of the service "web".
func (n *namespace) startWeb(t testing.TB) (pods [3]*backend) {
	t.Helper()
	for i, name := range []string{"POD1", "POD2", "POD3"} {
		pods[i] = startBackend(t)
		n.set(name, pods[i].ip)
	}
	n.apply(t, "web.yaml")
	return pods
}

// A record takes the name of a service over: who asks for that gets its pods that
// are ready for Kubernetes and healthy for failover, and the standby outside when
// there is none.
func TestNextOverService(t *testing.T) {
	t.Parallel()
	n := sharedCluster(t).namespace(t)
	pods := n.startWeb(t)
	s := n.serve(t, `
failover web.${NS}.svc.cluster.local {
    primary next
    secondary 198.51.100.80 {
        check none
    }
    check http / {
        port 8080
        interval 1s
        fast_interval 100ms
        threshold 2
    }
}
`)
	name := "web." + n.name + ".svc.cluster.local"
	s.awaitAnswer(t, name, pods[0].ip, pods[1].ip, pods[2].ip)

	n.ready(t, "web-1", 0, false)
	s.awaitAnswer(t, name, pods[1].ip, pods[2].ip)
	pods[1].stop() // but its kubelet has not noticed
	s.awaitAnswer(t, name, pods[2].ip)
	n.ready(t, "web-1", 2, false)
	s.awaitAnswer(t, name, "198.51.100.80")
	n.ready(t, "web-1", 1, false)
	s.log.await(t, 1, "record "+name, "IPv4: failed_over, tier 2 answers")
	s.mustAnswer(t, name, dns.TypeA, "198.51.100.80")
	s.mustAnswer(t, name, dns.TypeAAAA, "NODATA")
	s.mustAnswer(t, name, dns.TypeMX, "NODATA")
	s.mustAnswer(t, "db."+n.name+".svc.cluster.local", dns.TypeA, "NXDOMAIN")

	n.ready(t, "web-1", 2, true)
	s.awaitAnswer(t, name, pods[2].ip)
	pods[1].start(t)
	n.ready(t, "web-1", 0, true)
	n.ready(t, "web-1", 1, true)
	s.awaitAnswer(t, name, pods[0].ip, pods[1].ip, pods[2].ip)

	n.kubectl(t, "delete", "service", "web", "-n", n.name)
	s.awaitAnswer(t, name, "198.51.100.80")
	n.apply(t, "web.yaml")
	s.awaitAnswer(t, name, pods[0].ip, pods[1].ip, pods[2].ip)
}
