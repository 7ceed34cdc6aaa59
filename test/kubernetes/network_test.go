package kubernetes_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// becomeCluster makes the namespace's network that of a node. All addresses of
// 10.244.0.0/16, the pods that the tests themselves play, and of 198.51.100.0/24,
// what is outside of the cluster, are then there to listen on, as those of
// 127.0.0.0/8 always are. But to the API server they are no loopback addresses.
func becomeCluster() error {
	for _, command := range []string{
		"link set lo up",
		"address add 10.244.0.1/16 dev lo",
		"address add 198.51.100.1/24 dev lo",
	} {
		if err := ip(command); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
}

// ip runs the program of that name, of iproute2.
func ip(command string) error {
	out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w %s", command, err, out)
	}
	return nil
}

func mustIP(t testing.TB, command string) {
	t.Helper()
	if err := ip(command); err != nil {
		t.Fatal(err)
	}
}

// leadHere makes the address of a service lead to the test, as kube-proxy makes it
// lead to a pod.
func leadHere(t testing.TB, address string) {
	t.Helper()
	mustIP(t, "address add "+address+"/32 dev lo")
	t.Cleanup(func() { mustIP(t, "address del "+address+"/32 dev lo") })
}

// pods counts the addresses that newIP returns, links the pods of CoreDNS.
var pods, links atomic.Uint32

// newIP returns an address that no other pod of this process has, among those of
// the node.
func newIP() string {
	n := pods.Add(1)
	return fmt.Sprintf("10.244.%d.%d", n/250, 2+n%250)
}

// link is what a pod with a network of its own is connected to the node by.
type link struct {
	name     string
	node, ip string
	// services are addresses of services that lead to the pod.
	services []string
}

func newLink(services []string) link {
	n := links.Add(1)
	network := fmt.Sprintf("10.245.%d.", n/64)
	return link{
		name: fmt.Sprint("pod", n),
		node: network + fmt.Sprint(n%64*4+1), ip: network + fmt.Sprint(n%64*4+2),
		services: services,
	}
}

// connect connects the network of a process, which has come to the end of
// connecting. The link ends with that process.
func (l link) connect(t testing.TB, process int) {
	t.Helper()
	mustIP(t, fmt.Sprintf("link add %s type veth peer name eth0 netns %d", l.name, process))
	mustIP(t, "address add "+l.node+"/30 dev "+l.name)
	mustIP(t, "link set "+l.name+" up")
	for _, service := range l.services {
		mustIP(t, "route add "+service+"/32 via "+l.ip)
	}
}

// connecting is the same at the other end: the script of a process that waits
// until it is connected, by a line of its standard input.
const connecting = `
read -r connected
ip link set lo up
ip address add "$IP/30" dev eth0
ip link set eth0 up
ip route add default via "$NODE"
for service in $SERVICES; do
	ip address add "$service/32" dev lo
done
`

// environment is what the script needs.
func (l link) environment() []string {
	return []string{"IP=" + l.ip, "NODE=" + l.node, "SERVICES=" + strings.Join(l.services, " ")}
}
