package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const corefiles = "../../plugin/corefile/testdata"

// read returns the Corefiles that a pattern finds.
func read(t *testing.T, pattern string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(text)
	}
	return texts
}

func TestCheckOfValidCorefiles(t *testing.T) {
	t.Setenv("FAILOVER_TEST_NAME", "www")
	t.Setenv("FAILOVER_TEST_HOST", "1")
	texts := read(t, corefiles+"/valid/*.corefile")
	// Right block by block, but not as a whole: one lacks the plugin geoip, and one
	// sets the process up in several blocks.
	delete(texts, corefiles+"/valid/policies.corefile")
	delete(texts, corefiles+"/valid/operating.corefile")
	maps.Copy(texts, read(t, "../../examples/*/Corefile"))
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("(?ms)^~~~ corefile\n(.*?)^~~~$").FindAllStringSubmatch(string(readme), -1) {
		texts["README: "+found[1]] = found[1]
	}
	for path, text := range texts {
		w := newWorld()
		w.in = strings.NewReader(text)
		if exit := w.run(t.Context(), "check", "-"); exit != 0 || !strings.Contains(w.stdout.String(), "server ") {
			t.Errorf("%s: status %d\n%s%s", path, exit, w.stdout, w.stderr)
		}
	}
}

func TestCheckOfInvalidCorefiles(t *testing.T) {
	for path, text := range read(t, corefiles+"/invalid/*.corefile") {
		first, _, _ := strings.Cut(text, "\n")
		want := strings.TrimPrefix(first, "# want: ")
		if _, mistakes := parseCorefile("Corefile", strings.NewReader(text)); len(mistakes) != 1 || mistakes[0].Error() != want {
			t.Errorf("%s: got %v, want %s", path, mistakes, want)
		}
	}
}

const twoBlocks = `
(web) {
	check https /healthz {
		interval 5s
		header Authorization "Bearer s3cret"
	}
}
example.org:1053 {
	failover {
		guard icmp {
			address 192.0.2.53
		}
		resolver 192.0.2.54
	}
	failover www.example.org {
		primary 192.0.2.10 {
			weight 3
		}
		primary 192.0.2.11
		secondary 198.51.100.80 {
			check none
		}
		policy weighted
		ttl 30s 5s
		fail closed NXDOMAIN
		import web
	}
}
10.0.0.0/15 {
	whoami
}
`

func TestCheckPrintsWhatItUnderstood(t *testing.T) {
	w := newWorld()
	w.in = strings.NewReader(strings.Replace(twoBlocks, "closed NXDOMAIN", "closed", 1))
	exit := w.run(t.Context(), "check", "-")
	mustBe(t, "the output", w.stdout.String(), `
-
  server example.org:1053, zones example.org.
    process
      guard      icmp 192.0.2.53
                   every 10s, 2s while in doubt, timeout 4s, jitter 10%
                   unhealthy after 3, healthy after 3
      resolver   192.0.2.54:53
      stale      1h
      status_to  127.0.0.0/8
      status_to  ::1/128
    record www.example.org
      types        A AAAA
      ttl          30s, down to 5s
      policy       weighted
      min_healthy  1
      fail         closed SERVFAIL
      failback     auto
      tier 1       192.0.2.10, weight 3
        check      https :443/healthz
                     host www.example.org, header Authorization, status 200-399, tls_servername www.example.org
                     every 5s, 2s while in doubt, timeout 4s, jitter 10%
                     unhealthy after 3, healthy after 3
      tier 1       192.0.2.11
        check      https :443/healthz
                     host www.example.org, header Authorization, status 200-399, tls_servername www.example.org
                     every 5s, 2s while in doubt, timeout 4s, jitter 10%
                     unhealthy after 3, healthy after 3
      tier 2       198.51.100.80
        check      none: always healthy
`)
	if exit != 0 {
		t.Errorf("status %d: %s", exit, w.stderr)
	}
}

func TestCheckAsJSON(t *testing.T) {
	stdout, _, exit := run(t, nil, "check", "-o", "json", "../../examples/active-passive/Corefile")
	var files []understood
	if err := json.Unmarshal([]byte(stdout), &files); err != nil || exit != 0 {
		t.Fatalf("status %d, %v\n%s", exit, err, stdout)
	}
	record := files[0].Servers[0].Records[0]
	if check := record.Tiers[0].Targets[0].Checks[0]; record.Name != "www.example.org" || record.Failback != "after 1m" ||
		check.Schedule != "every 5s, 1s while in doubt, timeout 4s, jitter 10%" {
		t.Errorf("got %+v", record)
	}
}

// checkTests: mistakes that only the whole of a Corefile has.
var checkTests = map[string]struct{ text, want string }{
	"fail": {twoBlocks, `stdin:25: record "www.example.org": fail: `},
	"process twice": {
		"example.org {\nfailover {\nstale 1h\n}\n}\nexample.net {\nfailover {\n}\n}\n",
		"stdin:7: the settings of the process stand at stdin:2 already",
	},
	"relative": {
		"example.org {\nfailover www {\nprimary 192.0.2.1\ncheck icmp\n}\n}\n",
		`stdin:2: record "www": "www" is not inside a zone of the server block; did you mean "www.example.org"?`,
	},
	"regions": {
		"example.org {\nmetadata\nfailover www.example.org {\npolicy clients\nprimary 192.0.2.1 {\nclients country:DE *\n}\ncheck icmp\n}\n}\n",
		`stdin:6: record "www.example.org": clients "country:DE": the plugin geoip tells where clients are; add it to the server block`,
	},
	"syntax": {"example.org {\nfailover {\n", "stdin:2: Unexpected EOF"},
	"import": {"import nowhere\n", "stdin:1: File to import not found: nowhere"},
	"zone":   {"example..org {\nfailover {\n}\n}\n", `stdin: server block "example..org": zone is not a valid domain name: example..org`},
}

func TestCheckOfWholeCorefiles(t *testing.T) {
	for name, tt := range checkTests {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.in = strings.NewReader(tt.text)
			if exit := w.run(t.Context(), "check", "-"); exit != statusFailed || !strings.HasPrefix(w.stderr.String(), tt.want) {
				t.Errorf("status %d, got\n%swant\n%s", exit, w.stderr, tt.want)
			}
		})
	}
}

// Every mistake of every file is told, each with its own file and line.
func TestCheckOfSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shared := write("shared", "failover www.example.org {\nprimary 192.0.2.1\ncheck nonsense\n}\n")
	importing := write("importing", "example.org {\nimport shared\n}\nexample.net {\nfailover www.example.org {\n}\n}\n")
	right := write("right", "example.org {\nfailover www.example.org {\nprimary 192.0.2.1\ncheck icmp\n}\n}\n")
	missing := filepath.Join(dir, "missing")

	stdout, stderr, exit := run(t, nil, "check", importing, right, missing)
	if exit != statusFailed || !strings.HasPrefix(stdout, right+"\n  server") || strings.Contains(stdout, importing) {
		t.Errorf("status %d\n%s", exit, stdout)
	}
	for _, want := range []string{shared + ":3: record ", importing + ":5: record ", "open " + missing} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%s is not in\n%s", want, stderr)
		}
	}
}
