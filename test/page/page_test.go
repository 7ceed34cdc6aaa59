// Package page_test looks at the status page as people do: in a real browser,
// served by the built CoreDNS, with servers behind it that are probed and that
// stop. What is to be seen is said by page.test.js; this package starts what it
// needs.
package page_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// required says that nothing may be skipped.
	required = "FAILOVER_REQUIRE"
	// screenshots names a directory for what is to be seen.
	screenshots = "FAILOVER_SCREENSHOTS"
)

// token is that of the one who steers.
const token = "the-token-of-the-test-of-the-page"

// settled is how many records never change.
const settled = 60

// few is the Corefile of a server with records of all sorts.
const few = `
(fast) {
    port {$TARGET_PORT}
    interval 1s
    fast_interval 100ms
    threshold 2
}
example.org:0 {
    bind 127.0.0.1
    failover {
        admin 127.0.0.1:0 {
            token_file tokens
        }
    }
    failover www.example.org {
        primary {$WWW}
        secondary {$STANDBY}
        check http / {
            import fast
        }
    }
    failover shop.example.org {
        primary {$SHOP}
        secondary {$STANDBY}
        check http / {
            import fast
        }
    }
    failover db.example.org {
        primary {$GONE}
        check http / {
            import fast
        }
        fail closed
    }
    failover {$SETTLED} {
        primary 192.0.2.1
        check none
    }
}
`

// many is the Corefile of a server with 10,000 records.
const many = `
example.org:0 {
    bind 127.0.0.1
    failover {
        admin 127.0.0.1:0
    }
    failover {$RECORDS} {
        primary 192.0.2.1
        secondary 192.0.2.2
        check none
    }
}
`

// closed is the Corefile of a server that others than this machine reach.
const closed = `
example.org:0 {
    bind 127.0.0.1
    failover {
        admin 0.0.0.0:0 {
            token_file tokens
        }
    }
    failover www.example.org {
        primary 192.0.2.1
        check none
    }
}
`

func TestPage(t *testing.T) {
	env := append(os.Environ(), "PAGE_CHROMIUM="+browser(t), "PAGE_TOKEN="+token)
	program := coreDNS(t)
	dependOnSources(t, program)
	sites := startBackends(t, "www", "shop", "standby", "gone")
	sites.stop("gone")

	env = append(env,
		"PAGE_URL="+startServer(t, program, expand(few,
			"TARGET_PORT", sites.port, "WWW", sites.ip["www"], "SHOP", sites.ip["shop"], "STANDBY", sites.ip["standby"],
			"GONE", sites.ip["gone"], "SETTLED", numbered("z-%02d.example.org", settled))),
		"PAGE_MANY="+startServer(t, program, expand(many, "RECORDS", numbered("r%05d.example.org", 10_000))),
		"PAGE_CLOSED="+strings.NewReplacer("0.0.0.0", "127.0.0.1", "[::]", "127.0.0.1").Replace(startServer(t, program, closed)),
		"PAGE_CONTROL="+sites.control(t),
		"PAGE_SCREENSHOTS="+os.Getenv(screenshots),
	)
	runNode(t, env)
}

// runNode runs the tests of page.test.js.
func runNode(t *testing.T, env []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "page.test.js")
	node.Env = env
	endWithParent(node)
	out, err := node.CombinedOutput()
	t.Logf("%s", bytes.TrimSpace(out))
	if err != nil {
		t.Error(err)
	}
}

// browser returns the path of Chromium. Where that, Node.js, or what it needs is
// missing, the test is skipped, unless nothing may be.
func browser(t *testing.T) string {
	t.Helper()
	missing := t.Skipf
	if os.Getenv(required) == "1" {
		missing = t.Fatalf
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("Node.js is missing: install Node.js 20 or later")
	}
	for _, needed := range []string{"playwright-core", "axe-core"} {
		if _, err := os.Stat(filepath.Join("node_modules", needed)); err != nil {
			missing(`%s is missing: run "npm ci" in test/page`, needed)
		}
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing("Chromium is missing: install it, such as Debian's package chromium")
	return ""
}
