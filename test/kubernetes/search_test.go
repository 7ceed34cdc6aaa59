package kubernetes_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// searching are records inside and outside of the cluster's zone. A wildcard over
// services is there as well: what does not exist below it still does not.
const searching = `
failover web.${NS}.svc.cluster.local db.${NS}.svc.cluster.local shop.corp.example {
    primary 192.0.2.30
    secondary 198.51.100.30
    check none
}
failover *.${NS}.svc.cluster.local {
    primary next
    secondary 198.51.100.31 {
        check none
    }
    check tcp 8080
    probe 10.244.0.0/16
}
`

// A pod's resolver tries the names of its search path one after the other, and
// goes on only after an NXDOMAIN: any other answer on the way would be taken for
// the one it wants, or make it give up.
func TestSearchPath(t *testing.T) {
	t.Parallel()
	n := sharedCluster(t).namespace(t)
	n.startWeb(t)
	n.apply(t, "standby.yaml")
	s := n.serve(t, searching)
	config, err := dns.ClientConfigFromReader(strings.NewReader(n.resolvConf(s)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range n.searches() {
		t.Run(c.name, func(t *testing.T) {
			var asked int
			for _, name := range config.NameList(c.name) {
				asked++
				got := s.ask(t, name, dns.TypeA)
				if got == c.want && got != "NXDOMAIN" {
					s.mustAnswer(t, name, dns.TypeAAAA, "NODATA")
					break
				}
				if got != "NXDOMAIN" {
					t.Fatalf("%s is answered with %s", name, got)
				}
				s.mustAnswer(t, name, dns.TypeAAAA, "NXDOMAIN")
			}
			if asked != c.asked {
				t.Errorf("it takes %d names, want %d", asked, c.asked)
			}
		})
	}
}

// The same as glibc does it.
func TestSearchPathOfGlibc(t *testing.T) {
	t.Parallel()
	n := sharedCluster(t).namespace(t)
	getent, err := exec.LookPath("getent")
	if err != nil {
		t.Skip("to test with a pod's resolver, install libc-bin (Debian) or glibc-common (Fedora)")
	}
	n.startWeb(t)
	n.apply(t, "standby.yaml")
	s := n.serve(t, searching)
	pod := &server{root: t.TempDir()}
	pod.writeFile(t, "/etc/resolv.conf", n.resolvConf(s))
	pod.writeFile(t, "/etc/nsswitch.conf", "hosts: files dns\n")
	for _, c := range n.searches() {
		out, err := pod.inRoot("", getent, "ahosts", c.name).CombinedOutput()
		got, _, _ := strings.Cut(string(out), " ")
		if err != nil {
			got = "NXDOMAIN" // it says no more than that it has not found the name
		}
		if got != c.want {
			t.Errorf("getent finds %s for %s, want %s (%v: %s)", got, c.name, c.want, err, out)
		}
	}
}

// resolvConf is what kubelet gives to a pod of the namespace.
func (n *namespace) resolvConf(s *server) string {
	return fmt.Sprintf(`
search %s.svc.cluster.local svc.cluster.local cluster.local corp.example
nameserver %s
options ndots:5
`, n.name, s.ip)
}

type search struct {
	name, want string
	asked      int // how many names that takes
}

func (n *namespace) searches() []search {
	const primary, upstream, none = "192.0.2.30", "192.0.2.80", "NXDOMAIN"
	return []search{
		{"web", primary, 1},
		{"web." + n.name, primary, 2},
		{"web." + n.name + ".svc", primary, 3},
		{"web." + n.name + ".svc.cluster.local", primary, 5},
		{"web." + n.name + ".svc.cluster.local.", primary, 1},
		{"db", primary, 1}, // no service has that name
		{"db." + n.name, primary, 2},
		{"standby", upstream, 1}, // a service below the wildcard
		{"standby." + n.name, upstream, 2},
		{"shop", primary, 4},
		{"shop.corp.example", primary, 5},
		{"shop.corp.example.", primary, 1},
		{"www.example.org", upstream, 5},
		{"www.example.org.", upstream, 1},
		{"missing", none, 5},
		{"missing." + n.name, none, 5},
		{"missing.corp.example", none, 5},
	}
}
