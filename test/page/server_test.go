package page_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/coredns-failover/failover/internal/eventually"
)

// coreDNS returns the path of the program that is tested: it is built, unless
// FAILOVER_COREDNS names one.
func coreDNS(t *testing.T) string {
	t.Helper()
	if program := os.Getenv("FAILOVER_COREDNS"); program != "" {
		return program
	}
	program := filepath.Join(t.TempDir(), "coredns")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/coredns").CombinedOutput(); err != nil {
		t.Fatalf("building CoreDNS: %v\n%s", err, out)
	}
	return program
}

// dependOnSources has Go see what the result depends on, by looking at each
// directory: since all of it runs in other processes, Go would take an old result
// for that of a new source.
func dependOnSources(t *testing.T, program string) {
	t.Helper()
	if _, err := os.Stat(program); err != nil {
		t.Fatal(err)
	}
	aside := regexp.MustCompile(`^(\.git|build|node_modules)$`)
	err := filepath.WalkDir(filepath.Join("..", ".."), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && aside.MatchString(d.Name()) {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// startServer runs CoreDNS with a Corefile until the end of the test, and
// returns the address of its page.
func startServer(t *testing.T, program, corefile string) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range map[string]string{"Corefile": corefile, "tokens": "all " + token + " alice\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(program, "-conf", "Corefile", "-dns.port", "0")
	command.Dir = directory
	log := new(logged)
	command.Stdout, command.Stderr = log, log
	endWithParent(command)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // the log says why it ended
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt) // it may have ended
		<-ended
		if t.Failed() {
			t.Logf("%s\nis CoreDNS's log", log)
		}
	})
	said := regexp.MustCompile(`admin: (http\S+)`)
	var found []string
	eventually.True(t, "CoreDNS to say where its page is", func() bool {
		found = said.FindStringSubmatch(log.String())
		select {
		case <-ended:
			t.Fatal("CoreDNS does not start")
		default:
		}
		return found != nil
	})
	return found[1]
}

// expand replaces {$NAME} in a Corefile: caddy would do the same for the
// environment, which has no room for 10,000 names.
func expand(corefile string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		corefile = strings.ReplaceAll(corefile, "{$"+pairs[i]+"}", pairs[i+1])
	}
	return corefile
}

func numbered(format string, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(names, " ")
}

// logged is what a process has written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
