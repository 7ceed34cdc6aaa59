package kubernetes_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cluster is a control plane, and what is needed to be its administrator. The API
// server listens at the address that the service "kubernetes" has in its cluster.
type cluster struct {
	*process
	directory string
	services  string // the network of its services
	ip        string // of the API server, at port 443

	// token is that of the service account that CoreDNS has.
	token func(t testing.TB) string
}

// adminToken makes who has it the administrator: a word, since nobody else is here.
const adminToken = "administrator"

// clusters counts the clusters: each has a network for its services, inside of
// what is the default of kubeadm, 10.96.0.0/12. The first is for the cluster whose
// DNS is at the address that kubeadm gives it.
var clusters atomic.Int32

const (
	kubeadmServices = "10.96.0.0/16"
	kubeadmDNS      = "10.96.0.10"
)

func newServices() string { return fmt.Sprintf("10.%d.0.0/16", 96+clusters.Add(1)) }

var shared struct {
	sync.Once
	*cluster
}

// sharedCluster returns the cluster for tests that leave its control plane alone. It
// ends with the test process.
func sharedCluster(t testing.TB) *cluster {
	t.Helper()
	needCluster(t)
	shared.Do(func() {
		directory, err := os.MkdirTemp("", "cluster-") //nolint:usetesting // it outlives the test
		if err != nil {
			t.Fatal(err)
		}
		c := newCluster(t, directory, newServices())
		mustIP(t, "address add "+c.ip+"/32 dev lo") // until the end
		c.startPlane(t)
		shared.cluster = c
	})
	if shared.cluster == nil {
		t.Fatal("the control plane has not started, as another test says")
	}
	return shared.cluster
}

// ownCluster returns a cluster for one test, whose control plane has not started.
func ownCluster(t testing.TB, services string) *cluster {
	t.Helper()
	needCluster(t)
	c := newCluster(t, t.TempDir(), services)
	leadHere(t, c.ip)
	t.Cleanup(func() {
		if c.process != nil {
			c.killPlane(t)
		}
	})
	return c
}

func newCluster(t testing.TB, directory, services string) *cluster {
	t.Helper()
	first, _, _ := strings.Cut(services, "0/")
	c := &cluster{directory: directory, services: services, ip: first + "1"}
	c.token = onceOf(func(t testing.TB) string {
		c.kubectl(t, "apply", "-f", deployed+"cluster-dns/serviceaccount.yaml", "-f", deployed+"cluster-dns/rbac.yaml")
		return c.kubectl(t, "create", "token", "coredns", "-n", "kube-system", "--duration", "1h")
	})
	c.write(t, "tokens.csv", adminToken+",administrator,administrator,system:masters\n")
	c.write(t, "accounts.pem", newKey(t))
	c.write(t, "kubeconfig", fmt.Sprintf(`
apiVersion: v1
kind: Config
clusters:
- {name: here, cluster: {server: "https://%s", certificate-authority: %s}}
users:
- {name: administrator, user: {token: %s}}
contexts:
- {name: here, context: {cluster: here, user: administrator}}
current-context: here
`, c.ip, c.certificate(), adminToken))
	return c
}

// deployed is where the manifests are that people apply.
const deployed = "../../deploy/kubernetes/"

// onceOf returns f, which is called once.
func onceOf(f func(testing.TB) string) func(testing.TB) string {
	var once sync.Once
	var result string
	return func(t testing.TB) string {
		t.Helper()
		once.Do(func() { result = f(t) })
		return result
	}
}

// path returns the path of a file of the cluster.
func (c *cluster) path(name string) string { return filepath.Join(c.directory, name) }

// certificate is the path of the API server's certificate, which it makes itself.
func (c *cluster) certificate() string { return c.path("certificates/apiserver.crt") }

func (c *cluster) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(c.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newKey returns a key to sign the tokens of service accounts with.
func newKey(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// startPlane starts the control plane, for the first time or again, and returns
// when it is ready.
func (c *cluster) startPlane(t testing.TB) {
	t.Helper()
	command := exec.Command(os.Getenv(controlPlane), c.directory,
		"--bind-address="+c.ip,
		"--secure-port=443",
		"--advertise-address="+c.ip,
		"--cert-dir="+c.path("certificates"),
		"--service-cluster-ip-range="+c.services,
		"--authorization-mode=RBAC",
		"--token-auth-file="+c.path("tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+c.path("accounts.pem"),
		"--service-account-signing-key-file="+c.path("accounts.pem"),
		"--shutdown-delay-duration=0s",
	)
	c.process = startProcess(t, command)
	await(t, func() string {
		if c.hasEnded() {
			t.Fatalf("the control plane ends:\n%s", c.log)
		}
		return c.unready()
	})
}

// killPlane ends the control plane as a crash would.
func (c *cluster) killPlane(t testing.TB) {
	t.Helper()
	c.end(t, syscall.SIGKILL)
}

// unready says what the API server lacks to be ready.
func (c *cluster) unready() string {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := client.Get("https://" + c.ip + "/readyz")
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return string(text)
	}
	return ""
}

// kubectl runs kubectl as the administrator, and returns what it prints.
func (c *cluster) kubectl(t testing.TB, arguments ...string) string {
	t.Helper()
	return c.kubectlWith(t, "", arguments...)
}

// kubectlWith is kubectl with a standard input.
func (c *cluster) kubectlWith(t testing.TB, stdin string, arguments ...string) string {
	t.Helper()
	out, err := c.tryKubectl(stdin, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *cluster) tryKubectl(stdin string, arguments ...string) (string, error) {
	command := exec.Command(os.Getenv(kubectl), arguments...)
	command.Env = append(os.Environ(), "HOME="+c.directory, "KUBECONFIG="+c.path("kubeconfig"))
	command.Stdin = strings.NewReader(stdin)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s%s", strings.Join(arguments, " "), err, &problems, &out)
	}
	return strings.TrimSpace(out.String()), nil
}

// namespace is a namespace of a cluster, with the objects of one test.
type namespace struct {
	*cluster
	name string
	// values are what ${NAME} stands for in manifests and Corefiles.
	values map[string]string
}

// namespaces counts the namespaces.
var namespaces atomic.Uint32

// namespace makes a namespace with the name of the test, and a number.
func (c *cluster) namespace(t testing.TB) *namespace {
	t.Helper()
	test := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(t.Name(), "Test"), "/", "-"))
	name := fmt.Sprintf("%s-%d", test, namespaces.Add(1))
	c.kubectl(t, "create", "namespace", name)
	return &namespace{cluster: c, name: name, values: map[string]string{"NS": name}}
}

// set says what ${name} stands for.
func (n *namespace) set(name, value string) { n.values[name] = value }

var placeholder = regexp.MustCompile(`\$\{(\w+)\}`)

// expand puts values in place of ${NAME}. A Corefile's own {$NAME} stays.
func (n *namespace) expand(t testing.TB, text string) string {
	t.Helper()
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		value, known := n.values[found[2:len(found)-1]]
		if !known {
			t.Fatalf("nothing is known about %s", found)
		}
		return value
	})
}

// apply applies a manifest of testdata.
func (n *namespace) apply(t testing.TB, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	n.kubectlWith(t, n.expand(t, string(text)), "apply", "-n", n.name, "--validate=strict", "-f", "-")
}

// ready says of the endpoint with that number (the first is 0) of an
// EndpointSlice whether it is ready, as a controller does when a probe of a pod
// says so.
func (n *namespace) ready(t testing.TB, slice string, endpoint int, ready bool) {
	t.Helper()
	n.kubectl(t, "patch", "endpointslice", slice, "-n", n.name, "--type=json",
		"-p", fmt.Sprintf(`[{"op": "replace", "path": "/endpoints/%d/conditions/ready", "value": %t}]`, endpoint, ready))
}
