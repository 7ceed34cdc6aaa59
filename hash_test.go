package failover

import (
	"strings"
	"testing"
)

// hashOf returns the hash of a configuration that runs.
func hashOf(t *testing.T, corefile string) (hash string) {
	t.Helper()
	t.Run("", func(t *testing.T) {
		run(t, corefile)
		hash = healthcheck.serving().hash()
	})
	return hash
}

const oneRecord = " failover www.example.org {\n primary 127.0.0.1\n secondary 127.0.0.2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n }\n"

// Replicas listen each on an address of its own.
func TestHashOfReplicas(t *testing.T) {
	corefile := func(bind, admin, state string) string {
		return "example.org:0 {\n bind " + bind + "\n" + oneRecord + " failover {\n admin " + admin + "\n state_file " + state + "\n }\n}\n"
	}
	dir := t.TempDir()
	one := hashOf(t, corefile("127.0.0.1", "127.0.0.1:0", dir+"/a"))
	for what, other := range map[string]string{
		"bind":       corefile("127.0.0.2", "127.0.0.1:0", dir+"/a"),
		"admin":      corefile("127.0.0.1", "127.0.0.2:0", dir+"/a"),
		"state_file": corefile("127.0.0.1", "127.0.0.1:0", dir+"/b"),
	} {
		if got := hashOf(t, other); got != one {
			t.Errorf("replicas that differ in %s alone have the hashes %s and %s: the alert would fire for ever", what, one, got)
		}
	}
}

// Whatever the order in their files.
func TestHashHeedsNoOrder(t *testing.T) {
	a := "example.org:0 {\n bind 127.0.0.1\n" + oneRecord + "}\n"
	b := strings.ReplaceAll(a, "example.org", "example.net")
	if one, two := hashOf(t, a+b), hashOf(t, b+a); one != two {
		t.Errorf("the order of server blocks matters: %s, %s", one, two)
	}
	two := strings.ReplaceAll(oneRecord, "www", "api")
	c := "example.org:0 {\n bind 127.0.0.1\n" + oneRecord + two + "}\n"
	d := "example.org:0 {\n bind 127.0.0.1\n" + two + oneRecord + "}\n"
	if one, two := hashOf(t, c), hashOf(t, d); one != two {
		t.Errorf("the order of records matters: %s, %s", one, two)
	}
	if one, two := hashOf(t, c), hashOf(t, "# a comment\n"+strings.ReplaceAll(c, "\n ", "\n\n   ")); one != two {
		t.Errorf("whitespace matters: %s, %s", one, two)
	}
}
