package corefile_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/corefile"
	"github.com/coredns-failover/failover/plugin/model"
)

// guardTests: a guard, its options separated by ";", and what it means beside
// its address.
var guardTests = []struct {
	text string
	want model.Check
}{
	{"http", named("192.0.2.53", httpCheck())},
	{"http; host www.example.net", named("www.example.net", httpCheck())},
	{"https", named("192.0.2.53", httpsCheck())},
	{"https; host www.example.net", named("www.example.net", httpsCheck())},
	{"https; tls_servername www.example.net", with(named("192.0.2.53", httpsCheck()), func(c *model.Check) {
		c.TLS.ServerName = "www.example.net"
	})},
	{"tcp 5432", tcpCheck()},
	{"tls 443", named("192.0.2.53", tlsCheck())},
	{"grpc 50051", named("192.0.2.53", grpcCheck())},
	{"grpc 50051; tls", with(named("192.0.2.53", grpcCheck()), func(c *model.Check) {
		c.TLS = model.TLSOptions{Enabled: true, ServerName: "192.0.2.53"}
	})},
	{"icmp", start(model.ICMP)},
	{"icmp; threshold 1; timeout 1s", with(start(model.ICMP), func(c *model.Check) {
		c.Threshold, c.Schedule.Timeout = model.Threshold{Fall: 1, Rise: 1}, time.Second
	})},
}

// TestGuard: no record gives a guard a host, so its address does.
func TestGuard(t *testing.T) {
	for _, tt := range guardTests {
		t.Run(tt.text, func(t *testing.T) {
			head, options, _ := strings.Cut(tt.text, ";")
			got := parseProcess(t, "guard "+head+" {\naddress 192.0.2.53\n"+strings.ReplaceAll(options, ";", "\n")+"\n}")
			tt.want.Address = "192.0.2.53"
			if !reflect.DeepEqual(got.Guard, &tt.want) {
				t.Errorf("got  %+v\nwant %+v", got.Guard, &tt.want)
			}
		})
	}
}

func TestGuardByName(t *testing.T) {
	guard := parseProcess(t, "guard https {\naddress Status.example.net.\n}").Guard
	if guard.Address != "status.example.net" || guard.Host != guard.Address || guard.TLS.ServerName != guard.Address {
		t.Errorf("got %+v", guard)
	}
}

func TestStale(t *testing.T) {
	tests := map[string]time.Duration{
		"":           time.Hour,
		"stale 0":    0,
		"stale 90s":  90 * time.Second,
		"stale 168h": 7 * 24 * time.Hour,
	}
	for line, want := range tests {
		if got := parseProcess(t, line).Stale; got != want {
			t.Errorf("%q: got %v, want %v", line, got, want)
		}
	}
}

// parseProcess reads the settings of the process, whose lines are given.
func parseProcess(t *testing.T, lines string) *model.Process {
	t.Helper()
	blocks, err := parse(corefile.Parse, "example.org {\nfailover {\n"+lines+"\n}\n}")
	if err != nil {
		t.Fatal(err)
	}
	return blocks[0].Process
}

// regionTests: the values of two targets' clients, and what an error about the
// first region would begin with.
var regionTests = []struct {
	name, policy, first, second, want string
}{
	{"none", "clients", "192.0.2.0/24", "2001:db8::/32 *", ""},
	{"country", "clients", "country:DE", "*", `Corefile:4: record "www.example.org": clients "country:DE"`},
	{"behind others", "clients", "*", "10.0.0.0/8 continent:EU country:DE", `Corefile:7: record "www.example.org": clients "continent:EU"`},
	{"of no use", "all", "country:DE", "*", ""},
}

func TestRegion(t *testing.T) {
	for _, tt := range regionTests {
		t.Run(tt.name, func(t *testing.T) {
			blocks, err := parse(corefile.Parse, "example.org {\nfailover www.example.org {\n"+
				"primary 192.0.2.1 {\nclients "+tt.first+"\n}\n"+
				"secondary 192.0.2.2 {\nclients "+tt.second+"\n}\n"+
				"check http\npolicy "+tt.policy+"\n}\n}")
			if err != nil {
				t.Fatal(err)
			}
			if got := blocks[0].Region; got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
