package kubernetes_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// What is in deploy/kubernetes is applied to a cluster as kubeadm makes it, by the
// steps of its READMEs, and the servers that it describes serve: with those very
// Corefiles, as that user, with the rights of that service account.
func TestDeployed(t *testing.T) {
	t.Parallel()
	c := ownCluster(t, kubeadmServices)
	c.startPlane(t)
	c.kubectl(t, "create", "--field-manager=kubeadm", "-f", "testdata/kubeadm.yaml")
	n := &namespace{cluster: c, name: "default"}
	n.apply(t, "shop.yaml")
	example := sites{startService(t, n.clusterIP(t, "shop")), startBackendAt(t, "198.51.100.80")}
	t.Run("cluster-dns", func(t *testing.T) { deployClusterDNS(t, c, example) })
	t.Run("stub-domain", func(t *testing.T) { deployStubDomain(t, c, example) })
}

// sites are those of the Corefiles' example.
type sites struct{ shop, outside *backend }

// deployClusterDNS replaces the cluster's DNS, and goes the way back in the end.
func deployClusterDNS(t *testing.T, c *cluster, example sites) {
	before := c.kubectl(t, "-n", "kube-system", "get", "deployment/coredns", "service/kube-dns", "configmap/coredns",
		"-o", "yaml")
	deploymentBefore := c.kubectl(t, "-n", "kube-system", "get", "deployment", "coredns", "-o", "jsonpath={.spec}")
	c.kubectl(t, "-n", "kube-system", "create", "secret", "generic", "failover-tokens",
		"--from-literal=tokens=read "+readToken+"\n")

	c.deploy(t, "cluster-dns", "--server-side", "--force-conflicts")
	if got, want := c.kubectl(t, "-n", "kube-system", "get", "service", "kube-dns", "-o",
		`jsonpath={range .spec.ports[*]}{.port}/{.protocol} {end}`), "53/UDP 53/TCP 9153/TCP"; got != want {
		t.Errorf("the ports of kube-dns are %s, want %s", got, want)
	}
	c.mustBeRestricted(t, "coredns", "kube-system")
	c.mustReadOnly(t, "system:serviceaccount:kube-system:coredns")
	s := c.start(t, c.podOf(t, "coredns", "kube-system", kubeadmDNS))
	example.mustFailOver(t, s, c)
	mustOperate(t, s)

	c.kubectlWith(t, withoutServerFields(before), "replace", "-f", "-")
	deploymentAfter := c.kubectl(t, "-n", "kube-system", "get", "deployment", "coredns", "-o", "jsonpath={.spec}")
	if deploymentAfter != deploymentBefore {
		t.Errorf("the way back leads to\n%s\nwhich was\n%s", deploymentAfter, deploymentBefore)
	}
}

// deployStubDomain puts a server beside the cluster's, which forwards one domain
// to it, by the block of the README.
func deployStubDomain(t *testing.T, c *cluster, example sites) {
	// kubectl shows no difference for what is in a namespace that is not there.
	c.kubectl(t, "apply", "-f", deployed+"stub-domain/namespace.yaml")
	c.deploy(t, "stub-domain")
	c.mustBeRestricted(t, "failover-dns", "failover-dns")
	address := c.kubectl(t, "-n", "failover-dns", "get", "service", "failover-dns", "-o", "jsonpath={.spec.clusterIP}")
	n := c.namespace(t)
	n.set("ADDRESS", address)
	own := n.serveWith(t, fmt.Sprintf(clusterCorefile, "")+`
corp.example:53 {
    errors
    forward . ${ADDRESS}
}
`, kubeadmDNS)
	beside := c.start(t, c.podOf(t, "failover-dns", "failover-dns", address))
	beside.mustAnswer(t, "shop.corp.example", dns.TypeMX, "NODATA")
	beside.mustAnswer(t, "other.corp.example", dns.TypeA, "NXDOMAIN")
	beside.mustAnswer(t, "www.example.org", dns.TypeA, "REFUSED") // one domain is its own
	example.mustFailOver(t, own, c)
}

// readToken may read the API of the Deployment.
const readToken = "0123456789abcdef0123456789abcdef"

// deploy applies a directory of deploy/kubernetes as an administrator does: after
// a look at the difference. Then there is none, and to do it again changes nothing.
func (c *cluster) deploy(t testing.TB, directory string, options ...string) {
	t.Helper()
	options = append([]string{"-k", filepath.Join(deployed, directory)}, options...)
	diff := append([]string{"diff"}, options...)
	apply := append([]string{"apply", "--validate=strict", "--warnings-as-errors"}, options...)
	var exit *exec.ExitError
	if _, err := c.tryKubectl("", diff...); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("kubectl diff shows no difference before %s is applied: %v", directory, err)
	}
	c.kubectl(t, apply...)
	c.kubectl(t, diff...)
	versions := c.versions(t, directory)
	c.kubectl(t, apply...)
	if again := c.versions(t, directory); again != versions {
		t.Errorf("to apply %s again changes something:\n%s\nwas\n%s", directory, again, versions)
	}
}

// versions is what the objects of a directory are, and which version of each.
func (c *cluster) versions(t testing.TB, directory string) string {
	t.Helper()
	return c.kubectl(t, "get", "-k", filepath.Join(deployed, directory), "-o",
		`jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}{"\n"}{end}`)
}

// mustReadOnly fails if a user may do more than a DNS server needs.
func (c *cluster) mustReadOnly(t testing.TB, user string) {
	t.Helper()
	may := func(verb, resource string) bool {
		_, err := c.tryKubectl("", "auth", "can-i", verb, resource, "-A", "--as="+user)
		return err == nil
	}
	if !may("watch", "endpointslices") {
		t.Errorf("%s may not watch endpointslices", user)
	}
	for _, action := range []string{"get secrets", "list secrets", "update configmaps", "patch services", "create pods"} {
		if verb, resource, _ := strings.Cut(action, " "); may(verb, resource) {
			t.Errorf("%s may %s", user, action)
		}
	}
}

// withoutServerFields leaves out what the README leaves out of a backup.
func withoutServerFields(yaml string) string {
	var kept []string
	for line := range strings.Lines(yaml) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "resourceVersion", "uid", "creationTimestamp", "generation":
		default:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// mustFailOver lets the service of the example fail and come back. s is who pods
// ask, at the address that is in their resolv.conf.
func (e sites) mustFailOver(t testing.TB, s *server, c *cluster) {
	t.Helper()
	asked := &server{process: s.process, ip: kubeadmDNS}
	asked.mustAnswer(t, "kubernetes.default.svc.cluster.local", dns.TypeA, c.ip)
	asked.mustAnswer(t, "missing.default.svc.cluster.local", dns.TypeA, "NXDOMAIN")
	asked.mustAnswer(t, "www.example.org", dns.TypeA, "192.0.2.80")
	asked.awaitAnswer(t, "shop.corp.example", e.shop.ip)
	e.shop.awaitProbe(t)
	e.outside.awaitProbe(t)
	e.shop.stop()
	asked.awaitAnswer(t, "shop.corp.example", e.outside.ip)
	e.shop.start(t)
	asked.awaitAnswer(t, "shop.corp.example", e.shop.ip)
}

// mustOperate looks at what the Deployment's ports and volumes are for.
func mustOperate(t testing.TB, s *server) {
	t.Helper()
	for _, c := range []struct {
		port, path, token string
		want              int
	}{
		{"8080", "/health", "", http.StatusOK},
		{"8181", "/ready", "", http.StatusOK},
		{"9153", "/metrics", "", http.StatusOK},
		{"9191", "/v1/status", "", http.StatusUnauthorized},
		{"9191", "/v1/status", readToken, http.StatusOK},
	} {
		request, err := http.NewRequest(http.MethodGet, "http://"+s.ip+":"+c.port+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.token != "" {
			request.Header.Set("Authorization", "Bearer "+c.token)
		}
		client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
		await(t, func() string { // ready is asked again after a switch
			response, err := client.Do(request)
			if err != nil {
				return err.Error()
			}
			defer response.Body.Close()
			if response.StatusCode != c.want {
				return request.URL.String() + " says " + response.Status
			}
			return ""
		})
	}
	state := filepath.Join(s.root, "var/lib/failover/state")
	await(t, func() string {
		if _, err := os.Stat(state); err != nil {
			return "there is no state file: " + err.Error()
		}
		return ""
	})
}
