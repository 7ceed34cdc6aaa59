package main

import (
	"bytes"
	"context"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// output is what a command writes, which may still be under way.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed when there is more
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the text has been written.
func (o *output) await(t *testing.T, want string) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		o.mu.Lock()
		text, changed := o.text.String(), o.changed
		o.mu.Unlock()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%q is not in\n%s", want, text)
		}
	}
}

// addresses is a resolver that knows one name.
type addresses []string

func (a addresses) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	var found []netip.Addr
	for _, text := range a {
		found = append(found, netip.MustParseAddr(text))
	}
	return found, nil
}

// world is a program in a world of its own.
type world struct {
	app
	root           *cobra.Command
	stdout, stderr *output
}

func newWorld() *world {
	w := &world{stdout: newOutput(), stderr: newOutput()}
	w.app = app{
		in: strings.NewReader(""), out: w.stdout, err: w.stderr,
		environment: func(string) string { return "" },
		resolver:    addresses{},
		now:         func() time.Time { return now },
		screen:      func() (int, int, bool) { return 0, 0, false },
	}
	w.root = w.rootCommand()
	return w
}

func (w *world) run(ctx context.Context, args ...string) int {
	return w.app.run(ctx, w.root, args)
}

// ports are those that a test can not know.
var ports = regexp.MustCompile(`(127\.0\.0\.\d+):\d{5}`)

// run runs a command line on some servers, and returns its output with NNNNN in
// place of ports.
func run(t testing.TB, servers []*fake, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	w := newWorld()
	for _, f := range servers {
		args = append(args, "--server", f.address())
	}
	exit = w.run(t.Context(), args...)
	hide := func(o *output) string { return ports.ReplaceAllString(o.String(), "$1:NNNNN") }
	return hide(w.stdout), hide(w.stderr), exit
}

// mustBe compares the whole of an output.
func mustBe(t *testing.T, what, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("%s is\n%s\nwant\n%s", what, got, want)
	}
}

func TestUsageErrors(t *testing.T) {
	tests := map[string]string{
		"nonsense":                     `unknown command "nonsense" for "failoverctl"`,
		"show":                         "accepts 1 arg(s), received 0",
		"status --nonsense":            "unknown flag: --nonsense",
		"status -o yaml":               `-o is "yaml", not table or json`,
		"status --timeout 0s":          "--timeout is not above 0",
		"drain www.example.org":        "--reason is missing",
		"force up www.example.org":     `"up" is neither healthy nor unhealthy`,
		"drain w --reason x --for -1s": "--for is below 0",
		"explain w --type NONSENSE":    `--type "NONSENSE" is no query type`,
		"explain w --client here":      `--client "here" is no address`,
		"test w --type MX":             `--type "MX" is neither A nor AAAA`,
		"test w --for 1ms":             "--for 1ms is not in 1s..1h",
		"check":                        "requires at least 1 arg(s)",
	}
	for args, want := range tests {
		stdout, stderr, exit := run(t, nil, strings.Fields(args)...)
		if exit != statusUsage || stdout != "" || !strings.Contains(stderr, "failoverctl: "+want) || !strings.Contains(stderr, "--help") {
			t.Errorf("%s: status %d\n%s%s", args, exit, stdout, stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	stdout, _, exit := run(t, nil, "version")
	if exit != 0 || !strings.HasPrefix(stdout, "failoverctl ") {
		t.Errorf("status %d: %s", exit, stdout)
	}
	if stdout, _, _ = run(t, nil, "version", "-o", "json"); !strings.Contains(stdout, `"version"`) {
		t.Error(stdout)
	}
}

func TestPrintable(t *testing.T) {
	tests := map[string]string{
		"plain":           "plain",
		"\x1b[2Jgone":     `\x1b[2Jgone`,
		"two\nlines\ttab": `two\nlines\ttab`,
		"\xff":            `\xff`,
		"\u009b2J":        `\u009b2J`,
		"\u202egnp.exe":   `\u202egnp.exe`,
		"käse 日本":         "käse 日本",
	}
	for text, want := range tests {
		if got := printable(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestEscapedJSON(t *testing.T) {
	got := string(escaped([]byte("{\"a\": \"\u009b\x7f\u202e\U000e0001 ä\"}\n")))
	if want := `{"a": "\u009b\u007f\u202e\udb40\udc01 ä"}` + "\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSpan(t *testing.T) {
	tests := map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59 * time.Second: "59s", 192 * time.Second: "3m12s",
		125 * time.Minute: "2h5m", 99 * time.Hour: "4d3h",
	}
	for d, want := range tests {
		if got := span(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
