// Package kubernetes_test runs CoreDNS with failover as the DNS of a Kubernetes
// cluster: a real API server with etcd, manifests that kubectl applies, the built
// binary with the plugin kubernetes, servers that are probed, and real questions.
// There is no kubelet and no controller: a test says itself which pods are ready.
//
// All of it runs in a network namespace of its own. So services, pods and ports
// have the numbers that they have in a cluster, whatever the machine uses, and
// nothing is left when the tests end, however they end. Nothing sleeps and hopes:
// what must happen is awaited.
package kubernetes_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	// inside says to a process that it runs in the namespace.
	inside = "FAILOVER_INSIDE"
	// required says that nothing may be skipped.
	required = "FAILOVER_REQUIRE"

	// The names of environment variables with the programs to take, in place of
	// building them.
	coreDNS      = "FAILOVER_COREDNS"
	controlPlane = "FAILOVER_CONTROL_PLANE"
	kubectl      = "FAILOVER_KUBECTL"
)

// missing is what this machine lacks for the tests, or nil.
var missing error

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the programs and runs the tests in the namespace.
func run(m *testing.M) (code int) {
	if os.Getenv(inside) != "" {
		missing = becomeCluster()
		return m.Run()
	}
	if err := buildAll(); err != nil {
		return fail(err)
	}
	directory, err := os.MkdirTemp("", "failover-kubernetes-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(directory)
	if code, missing = runInside(directory); missing == nil {
		return code
	}
	return m.Run() // each test says what is missing
}

// needCluster skips a test where there can be no cluster.
func needCluster(t testing.TB) {
	t.Helper()
	switch {
	case missing == nil:
	case os.Getenv(required) != "":
		t.Fatalf("this needs Linux, iproute2, and root or namespaces for users: %v", missing)
	default:
		t.Skipf("to test with Kubernetes, install iproute2 and run as root, "+
			"on Linux, or let users have namespaces: %v", missing)
	}
}

// buildAll builds what is not given, into the directory that "make clean" removes:
// there, what has not changed is not linked again.
func buildAll() error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	build := filepath.Join(root, "build")
	const version = "-X k8s.io/component-base/version."
	linking := "-ldflags=-s -w " + version + "gitVersion=" + kubernetesVersion() +
		" " + version + "gitMajor=1 " + version + "gitMinor=37"
	return errors.Join(
		goBuild(coreDNS, root, filepath.Join(build, "coredns"), "./cmd/coredns"),
		goBuild(controlPlane, ".", filepath.Join(build, "control-plane"), linking, "./cmd/control-plane"),
		goBuild(kubectl, ".", filepath.Join(build, "kubectl"), linking, "k8s.io/kubernetes/cmd/kubectl"),
	)
}

// goBuild builds a program, unless the environment variable name has one, and
// puts its path there.
func goBuild(name, directory, path string, arguments ...string) error {
	if os.Getenv(name) != "" {
		return nil
	}
	command := exec.Command("go", append([]string{"build", "-C", directory, "-o", path}, arguments...)...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("building %s: %w", filepath.Base(path), err)
	}
	return os.Setenv(name, path)
}

// kubernetesVersion is the version of Kubernetes that go.mod asks for. Without it
// the API server and kubectl would not know their own.
func kubernetesVersion() string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes").Output()
	if err != nil {
		return "v0.0.0"
	}
	return strings.TrimSpace(string(out))
}

func fail(err error) (code int) {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
