package failover_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// plugin.cfg.example replaces the plugin.cfg of the CoreDNS that go.mod names:
// it is that file, with one more line and a comment of its own in front.
func TestPluginCfgIsThatOfCoreDNS(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns")
	dir, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	original := read(t, filepath.Join(strings.TrimSpace(string(dir)), "plugin.cfg"))
	example := read(t, "plugin.cfg.example")

	_, listed, _ := strings.Cut(example, "\n\n")
	want := strings.Replace(original, "\nacl:acl\n",
		"\nacl:acl\nfailover:github.com/coredns-failover/failover\n", 1)
	if listed != want {
		t.Errorf("plugin.cfg.example lists:\n%s\nwant:\n%s", listed, want)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
