package kubernetes_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// server is a CoreDNS that runs like in a pod: with a network of its own, and a
// file system with its Corefile, the token of its service account, and the
// resolv.conf of the node.
type server struct {
	*process
	ip   string
	root string // the path of its file system
}

// pod is what a pod says of its only container, which runs CoreDNS.
type pod struct {
	arguments, environment []string
	files                  map[string]string
	directories            []string // that it may write
	sysctls                []sysctl
	services               []string // whose addresses lead to it
}

type sysctl struct{ Name, Value string }

const (
	account   = "/var/run/secrets/kubernetes.io/serviceaccount/"
	tokenFile = account + "token"
)

// clusterCorefile is that of kubeadm with records, and with a shorter TTL and a
// shorter end.
const clusterCorefile = `
.:53 {
    errors
    health {
        lameduck 100ms
    }
    ready
    %s
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 1
    }
    prometheus :9153
    forward . /etc/resolv.conf {
        max_concurrent 1000
    }
    cache 30 {
        disable success cluster.local
        disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`

// serve runs CoreDNS with records until the end of the test, and returns when it
// serves.
func (n *namespace) serve(t testing.TB, records string) *server {
	t.Helper()
	return n.serveWith(t, fmt.Sprintf(clusterCorefile, indented(records)))
}

// indented makes text look well inside of a server block.
func indented(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}

// serveWith is serve with a whole Corefile, at the addresses of services.
func (n *namespace) serveWith(t testing.TB, corefile string, services ...string) *server {
	t.Helper()
	return n.start(t, pod{
		arguments: []string{"-conf", "/etc/coredns/Corefile"},
		files:     map[string]string{"/etc/coredns/Corefile": n.expand(t, corefile), tokenFile: n.token(t)},
		sysctls:   []sysctl{{"net.ipv4.ip_unprivileged_port_start", "53"}},
		services:  services,
	})
}

// start runs CoreDNS until the end of the test, and returns when it serves. Then
// it must end on SIGTERM.
func (c *cluster) start(t testing.TB, p pod) *server {
	t.Helper()
	connection := newLink(p.services)
	s := &server{ip: connection.ip, root: t.TempDir()}
	s.furnish(t, p)
	certificate, _ := os.ReadFile(c.certificate()) // there is none before the first start of the control plane
	s.writeFile(t, account+"ca.crt", string(certificate))
	command := s.inRoot(connecting+p.setSysctls()+`mount --bind "$COREDNS" "$ROOT/coredns"`,
		append([]string{"/coredns"}, p.arguments...)...)
	command.SysProcAttr = ownNetwork()
	command.Env = append(command.Env, "COREDNS="+os.Getenv(coreDNS),
		"KUBERNETES_SERVICE_HOST="+c.ip, "KUBERNETES_SERVICE_PORT=443")
	command.Env = append(append(command.Env, connection.environment()...), p.environment...)
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.process = startProcess(t, command)
	t.Cleanup(func() { s.finish(t) })
	connection.connect(t, command.Process.Pid)
	if _, err := io.WriteString(stdin, "connected\n"); err != nil {
		t.Fatal(err)
	}
	s.awaitStart(t)
	return s
}

// furnish makes what is in the server's file system.
func (s *server) furnish(t testing.TB, p pod) {
	t.Helper()
	for path, text := range p.files {
		s.writeFile(t, path, text)
	}
	for _, path := range p.directories {
		path = filepath.Join(s.root, path)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	s.writeFile(t, "/etc/resolv.conf", "nameserver "+startUpstream(t)+"\n")
	s.writeFile(t, "/coredns", "") // to mount the program at
}

// writeFile puts a file into the server's file system.
func (s *server) writeFile(t testing.TB, path, text string) {
	t.Helper()
	path = filepath.Join(s.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// setSysctls is a script. In a user namespace only some can be set.
func (p pod) setSysctls() string {
	var script strings.Builder
	for _, s := range p.sysctls {
		path := "/proc/sys/" + strings.ReplaceAll(s.Name, ".", "/")
		fmt.Fprintf(&script, "echo '%s' > %s || [ -z \"$RUN_AS\" ]\n", s.Value, path)
	}
	return script.String()
}

// inRoot returns a command that runs in the server's file system, where the
// programs and libraries of the machine are, too. The script runs before.
func (s *server) inRoot(script string, command ...string) *exec.Cmd {
	const mount = `
mount --make-rprivate /
for d in bin dev lib lib64 proc sbin usr; do
	if [ -d "/$d" ]; then
		mkdir -p "$ROOT/$d"
		mount --rbind "/$d" "$ROOT/$d"
	fi
done
`
	const run = `
exec chroot $RUN_AS "$ROOT" "$@"
`
	c := exec.Command("sh", append([]string{"-ec", mount + script + run, "sh"}, command...)...)
	c.Env = append(os.Environ(), "ROOT="+s.root, "RUN_AS="+runAs())
	c.SysProcAttr = ownRoot()
	return c
}

// runAs makes CoreDNS run as the user of the Deployments, but in a user namespace,
// where there is only one.
func runAs() (option string) {
	mapping, _ := os.ReadFile("/proc/self/uid_map")
	var first, outside, size int
	if _, err := fmt.Sscan(string(mapping), &first, &outside, &size); err != nil || size <= 65532 {
		return ""
	}
	return "--userspec=65532:65532"
}

// awaitStart waits until the server serves.
func (s *server) awaitStart(t testing.TB) {
	t.Helper()
	await(t, func() string {
		if s.hasEnded() {
			t.Fatal("CoreDNS does not start")
		}
		if len(s.log.find("CoreDNS-")) == 0 { // it says so when it serves
			return "CoreDNS has not started"
		}
		return ""
	})
}

// reload lets the server load its Corefile again, with a line more, and returns
// when the new configuration serves.
func (s *server) reload(t testing.TB) {
	t.Helper()
	const path = "/etc/coredns/Corefile"
	text, err := os.ReadFile(filepath.Join(s.root, path))
	if err != nil {
		t.Fatal(err)
	}
	s.writeFile(t, path, string(text)+"# once more\n")
	if err := s.command.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	s.log.await(t, 1, "[INFO] Reloading complete")
}

// finish ends the server, and judges its end.
func (s *server) finish(t testing.TB) {
	if code := s.end(t, syscall.SIGTERM); code != 0 {
		t.Errorf("CoreDNS ends with exit status %d on SIGTERM", code)
	}
	if len(s.log.find("[PANIC]")) > 0 {
		t.Error("CoreDNS has a panic")
	}
	if t.Failed() {
		corefile, _ := os.ReadFile(filepath.Join(s.root, "etc/coredns/Corefile"))
		t.Logf("%s\nis CoreDNS's log, with the Corefile\n%s", s.log, corefile)
	}
}
