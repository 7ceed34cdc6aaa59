package corefile_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"
	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/corefile"
	"github.com/coredns-failover/failover/plugin/model"
)

// parse reads a whole Corefile the way the server does: caddy makes server
// blocks of it, and each with failover directives is parsed.
func parse(text string) ([]model.Block, error) {
	servers, err := caddyfile.Parse("Corefile", strings.NewReader(text), nil)
	if err != nil {
		return nil, err
	}
	var blocks []model.Block
	for _, s := range servers {
		tokens := s.Tokens["failover"]
		if len(tokens) == 0 {
			continue
		}
		for i := range tokens {
			if tokens[i].File == "" {
				tokens[i].File = "Corefile"
			}
		}
		block, err := corefile.Parse(slices.Values(tokens), zones(s.Keys))
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

// zones normalises the keys of a server block as the server does.
func zones(keys []string) []string {
	var zones []string
	for _, key := range keys {
		if host, _, err := net.SplitHostPort(key); err == nil {
			key = host
		}
		zones = append(zones, dns.CanonicalName(key))
	}
	return zones
}

// corefiles returns the texts of a directory of testdata by their names.
func corefiles(t testing.TB, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.corefile"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no Corefiles in %s: %v", dir, err)
	}
	texts := make(map[string]string, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(path), ".corefile")] = string(text)
	}
	return texts
}

// wanted returns the error that the first line of a Corefile asks for.
func wanted(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return strings.TrimPrefix(first, "# want: ")
}

// TestInvalid: each mistake has a Corefile of its own.
func TestInvalid(t *testing.T) {
	for name, text := range corefiles(t, "invalid") {
		t.Run(name, func(t *testing.T) {
			blocks, err := parse(text)
			if err == nil {
				t.Fatalf("no error, but %+v", blocks)
			}
			if err.Error() != wanted(text) {
				t.Errorf("got error\n%s\nwant\n%s", err, wanted(text))
			}
		})
	}
}
