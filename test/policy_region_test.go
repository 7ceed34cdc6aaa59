package test_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// cityDatabase is the database that CoreDNS tests geoip with. It knows a single
// address, in Cambridge.
func cityDatabase(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "plugin", "geoip", "testdata", "GeoLite2-City.mmdb")
}

const (
	cambridge = "81.2.69.142/32" // GB-ENG, GB-CAM; GB; EU; 52.2242, 0.1315
	elsewhere = "203.0.113.1/32" // in no database
)

// knowing are the plugins that tell where a client is.
const knowing = `
    metadata
    geoip {$CITY} {
        edns-subnet
    }
`

// A client gets the target of the smallest region that it is in and that is
// healthy: network, both subdivisions, country, continent, everybody (topic
// "Geolocation routing" of Route 53's developer guide).
func TestPolicyClientsByRegion(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 6, ok)
	s := start(t, zone(knowing+policyRecord("www.example.org", "clients", webCheck+withOptions("primary",
		"{$T6}: clients *", "{$T5}: clients continent:AF continent:EU", "{$T4}: clients country:DE country:GB",
		"{$T3}: clients subdivision:GB-ENG", "{$T2}: clients subdivision:GB-CAM", "{$T1}: clients 81.2.69.0/24"))),
		sites.vars(), vars{"CITY": cityDatabase(t)})
	s.log.await(t, 6, "unknown -> healthy")
	awaitFor(t, s, elsewhere, sites[5].ip)
	for i, one := range sites[:5] {
		awaitFor(t, s, cambridge, one.ip)
		one.stop()
		awaitFor(t, s, cambridge, sites[i+1].ip)
		if got, _ := s.askFor(t, "www.example.org", dns.TypeA, elsewhere); got != sites[5].ip {
			t.Errorf("with %d targets down, a client elsewhere gets %s, want %s", i+1, got, sites[5].ip)
		}
	}
	for _, i := range []int{3, 1, 0} {
		sites[i].start(t)
		awaitFor(t, s, cambridge, sites[i].ip)
	}
}

// What a neighbour's region is nobody knows, so the answer is good for the client
// alone that was told; where the network alone decides, for the network.
func TestPolicyRegionScope(t *testing.T) {
	t.Parallel()
	s := start(t, zone(knowing+
		policyRecord("region.example.org", "clients", anyHealthy+withOptions("primary", "192.0.2.1: clients country:GB", "192.0.2.2: clients *"))+
		policyRecord("network.example.org", "clients", anyHealthy+withOptions("primary", "192.0.2.1: clients 81.0.0.0/8", "192.0.2.2: clients country:GB"))+
		policyRecord("nearest.example.org", "nearest", anyHealthy+withOptions("primary", "192.0.2.1: location 51.5 -0.1", "192.0.2.2: location 52.5 13.4"))),
		vars{"CITY": cityDatabase(t)})
	for _, one := range [][4]string{
		{"region", cambridge, "192.0.2.1", "1/32/32"},
		{"region", elsewhere, "192.0.2.2", "1/32/32"},
		{"network", cambridge, "192.0.2.1", "1/32/8"},
		{"network", elsewhere, "NODATA", "1/32/32"},
		{"nearest", cambridge, "192.0.2.1", "1/32/32"},
		{"nearest", elsewhere, "192.0.2.1 192.0.2.2", "1/32/32"},
		{"nearest", "0.0.0.0/0", "192.0.2.1 192.0.2.2", "1/0/0"},
	} {
		answer, scope := s.askFor(t, one[0]+".example.org", dns.TypeA, one[1])
		if answer != one[2] || scope != one[3] {
			t.Errorf("%s for %s: got %s with the scope %s, want %s with %s", one[0], one[1], answer, scope, one[2], one[3])
		}
	}
}

// The nearest target answers while it is healthy, then the next one; a bias makes
// its region larger. Those of whom nobody knows where they are get them all.
func TestPolicyNearest(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 4, ok)
	const london, berlin, newYork = "51.5 -0.12", "52.52 13.4", "40.7 -74"
	s := start(t, zone(knowing+
		policyRecord("www.example.org", "nearest", webCheck+withOptions("primary",
			"{$T3}: location "+newYork, "{$T2}: location "+berlin, "{$T1}: location "+london)+"secondary {$T4}\n")+
		policyRecord("biased.example.org", "nearest", webCheck+withOptions("primary",
			"{$T1}: location "+london+" -80", "{$T2}: location "+berlin+" 60", "{$T3}: location "+newYork)+"secondary {$T4}\n")),
		sites.vars(), vars{"CITY": cityDatabase(t)})
	s.log.await(t, 4, "unknown -> healthy")
	awaitFor(t, s, cambridge, sites[0].ip)
	awaitFor(t, s, elsewhere, sites.expand("$T1 $T2 $T3"))
	if got, _ := s.askFor(t, "biased.example.org", dns.TypeA, cambridge); got != sites[1].ip {
		// 79 km to London are 395, and 917 to Berlin 367.
		t.Errorf("with a bias the nearest is %s, want %s", got, sites[1].ip)
	}
	for i, want := range []string{"$T2", "$T3", "$T4"} {
		sites[i].stop()
		awaitFor(t, s, cambridge, sites.expand(want))
	}
	awaitFor(t, s, elsewhere, sites[3].ip)
}

// Regions need the plugins that tell them. Without these a Corefile does not
// start, and a running server keeps the one that it has.
func TestPolicyRegionsNeedPlugins(t *testing.T) {
	t.Parallel()
	database := vars{"CITY": cityDatabase(t)}
	record := policyRecord("www.example.org", "clients", anyHealthy+
		withOptions("primary", "192.0.2.1: clients *", "192.0.2.2: clients country:GB"))
	const geoip = "geoip {$CITY}\n"
	for lacking, lines := range map[string]string{
		"geoip": "metadata\n", "metadata": geoip,
	} {
		t.Run(lacking, func(t *testing.T) {
			t.Parallel()
			s := launch(t, "example.org:{$PORT} {\nbind {$IP}\n"+lines+record+"}\n", database)
			if code := s.awaitEnd(t); code <= 0 {
				t.Errorf("the exit status is %d, want one of failure", code)
			}
			want := s.corefile + `:12: record "www.example.org": clients "country:GB": the plugin ` + lacking +
				" tells where clients are; add it to the server block"
			if len(s.log.find(want)) != 1 {
				t.Errorf("the message is\n%swant a line with\n%s", s.log, want)
			}
		})
	}
	t.Run("reload", func(t *testing.T) {
		t.Parallel()
		s := start(t, zone("metadata\n"+geoip+record), database)
		mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.1")
		if got := s.reloadFails(t, zone(geoip+strings.ReplaceAll(record, "192.0.2.1", "192.0.2.3"))); !strings.Contains(got,
			`record "www.example.org": clients "country:GB": the plugin metadata`) {
			t.Errorf("the reload fails with %q", got)
		}
		mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.1")
		s.reload(t, zone("metadata\n"+geoip+strings.ReplaceAll(record, "192.0.2.1", "192.0.2.3")))
		mustAnswer(t, s, "www.example.org", dns.TypeA, "192.0.2.3")
	})
}
