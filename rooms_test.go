package failover_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/coredns-failover/failover"

// room is what a part of the repository may know. Everything else outside the
// standard library is not for it.
type room struct {
	rooms   []string // of this module
	others  []string // of other modules
	mustNot []string // of the standard library
}

// rooms are the arrows of the design: they point down only. Tests may know what
// they like.
var rooms = map[string]room{
	".": {
		rooms: []string{
			"admin", "corefile", "engine", "model", "notify", "policy", "probe", "resolve", "state", "status", "table",
			"verdict", "watch",
		},
		others: []string{
			"github.com/coredns/caddy", "github.com/coredns/coredns",
			"github.com/miekg/dns", "github.com/prometheus/client_golang", "github.com/prometheus/client_model/go",
		},
		mustNot: []string{"net/http"},
	},
	"plugin/model":   {mustNot: []string{"context", "os", "sync"}},
	"plugin/verdict": {mustNot: []string{"context", "net", "net/netip", "os", "sync"}},
	"plugin/policy": {
		rooms:   []string{"model"},
		others:  []string{"github.com/cespare/xxhash/v2"},
		mustNot: []string{"context", "net", "os", "sync"},
	},
	"plugin/corefile": {
		rooms:   []string{"model"},
		others:  []string{"github.com/coredns/caddy/caddyfile", "github.com/miekg/dns"},
		mustNot: []string{"context", "net", "os"},
	},
	"plugin/probe": {
		rooms: []string{"exchange", "model", "watch"},
		others: []string{
			"github.com/miekg/dns", "golang.org/x/net", "google.golang.org/grpc", "google.golang.org/protobuf/proto",
		},
	},
	"plugin/exchange": {
		rooms: []string{"epoll", "queue"}, others: []string{"golang.org/x/sys/unix"}, mustNot: []string{"net/http"},
	},
	"plugin/watch": {
		rooms: []string{"epoll"}, others: []string{"golang.org/x/sys/unix"}, mustNot: []string{"net", "net/http"},
	},
	"plugin/epoll":   {others: []string{"golang.org/x/sys/unix"}, mustNot: []string{"net", "net/http"}},
	"plugin/table":   {mustNot: []string{"context", "net", "os", "sync"}},
	"plugin/queue":   {mustNot: []string{"context", "net", "os", "sync"}},
	"plugin/resolve": {others: []string{"github.com/miekg/dns"}, mustNot: []string{"net/http", "os"}},
	"plugin/engine":  {rooms: []string{"verdict"}, mustNot: []string{"net", "net/http", "net/netip", "os"}},
	"plugin/status":  {mustNot: []string{"context", "net", "net/http", "os", "sync"}},
	"plugin/admin": {
		rooms:  []string{"model", "status"},
		others: []string{"github.com/prometheus/exporter-toolkit/web", "go.yaml.in/yaml/v2", "golang.org/x/net"},
	},
	"plugin/notify": {rooms: []string{"model", "status"}, others: []string{"github.com/cenkalti/backoff/v5"}},
	"plugin/state":  {others: []string{"github.com/google/renameio/v2"}, mustNot: []string{"net", "net/http"}},
	"cmd/failoverctl": {
		rooms: []string{"/cmd/failoverctl/internal/api", "corefile", "model", "status"},
		others: []string{
			"github.com/coredns/caddy/caddyfile", "github.com/coredns/coredns/plugin",
			"github.com/miekg/dns", "github.com/spf13/cobra", "golang.org/x/term",
		},
	},
	"cmd/failoverctl/internal/api": {rooms: []string{"status"}},
	"cmd/coredns":                  {rooms: []string{""}, others: []string{"github.com/coredns/coredns"}},
	"cmd/demo":                     {others: []string{"github.com/miekg/dns"}},
	"internal/eventually":          {},
	"internal/leak":                {others: []string{"go.uber.org/goleak"}},
	"internal/virtual":             {},
	"bench/rig":                    {others: []string{"github.com/miekg/dns"}},
	"bench/peers":                  {rooms: []string{"/bench/rig"}, others: []string{"github.com/miekg/dns"}},
}

func TestRoomsImportDownwardOnly(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(file))
		r, ok := rooms[dir]
		if !ok {
			t.Errorf("%s is in no room of the design", file)
			continue
		}
		seen[dir] = true
		for _, path := range imports(t, file) {
			if !r.mayKnow(path) {
				t.Errorf("%s must not know %s", file, path)
			}
		}
	}
	for dir := range rooms {
		if !seen[dir] {
			t.Errorf("there is nothing in %s", dir)
		}
	}
}

// mayKnow reports whether the room may import path.
func (r room) mayKnow(path string) bool {
	if inside, ok := strings.CutPrefix(path, module); ok {
		return slices.Contains(r.rooms, strings.TrimPrefix(inside, "/plugin/"))
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return !slices.Contains(r.mustNot, path)
	}
	return slices.ContainsFunc(r.others, func(other string) bool {
		return path == other || strings.HasPrefix(path, other+"/")
	})
}

// sources returns the Go files of the module that are no tests.
func sources(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || apart(path)):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// apart reports whether a directory holds a module of its own, or is no Go.
func apart(dir string) bool {
	if filepath.Base(dir) == "testdata" {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, spec := range parsed.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}
