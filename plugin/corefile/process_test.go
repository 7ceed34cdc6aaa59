package corefile_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

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

// TestAdminAddress: whoever can reach the address must show who he is, unless he
// is on this machine.
func TestAdminAddress(t *testing.T) {
	tests := map[string]bool{ // whether a token file is needed
		"127.0.0.1:9191":     false,
		"127.9.8.7:9191":     false,
		"localhost:9191":     false,
		"[::1]:65535":        false,
		"127.0.0.1:0":        false,
		":9191":              true,
		":0":                 true,
		"0.0.0.0:9191":       true,
		"[::]:9191":          true,
		"192.0.2.1:9191":     true,
		"[2001:db8::1]:9191": true,
	}
	for addr, needs := range tests {
		_, err := parse("example.org {\nfailover {\nadmin " + addr + "\n}\n}")
		if (err != nil) != needs {
			t.Errorf("%s: got error %v", addr, err)
		}
		for option, want := range map[string]model.Admin{
			"token_file a": {Addr: addr, TokenFile: "a"},
			"web_config a": {Addr: addr, WebConfig: "a"},
		} {
			if got := parseProcess(t, "admin "+addr+" {\n"+option+"\n}").Admin; *got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	}
}

func TestMaxAge(t *testing.T) {
	tests := map[string]time.Duration{
		"state_file a":                    10 * time.Minute,
		"state_file a {\n}":               10 * time.Minute,
		"state_file a {\nmax_age 1s\n}":   time.Second,
		"state_file a {\nmax_age 168h\n}": 7 * 24 * time.Hour,
	}
	for lines, want := range tests {
		if got := parseProcess(t, lines).StateFile; *got != (model.StateFile{Path: "a", MaxAge: want}) {
			t.Errorf("%q: got %+v, want %v", lines, got, want)
		}
	}
}

// notifyTests: a receiver, its options separated by ";", and what it means.
var notifyTests = []struct {
	text string
	want model.Notify
}{
	{"http://hooks.example.net", model.Notify{URL: "http://hooks.example.net", Timeout: 5 * time.Second}},
	{"HTTP://hooks/; timeout 100ms", model.Notify{URL: "http://hooks/", Timeout: 100 * time.Millisecond}},
	{"http://192.0.2.7:8080/@a?b=c%20d; timeout 1m", model.Notify{
		URL: "http://192.0.2.7:8080/@a?b=c%20d", Timeout: time.Minute,
	}},
	{"https://Hooks.example.net.:8443/A%2fB; tls ca.pem", model.Notify{
		URL: "https://hooks.example.net.:8443/A%2fB", Timeout: 5 * time.Second,
		TLS: model.TLSOptions{Enabled: true, ServerName: "hooks.example.net", CAFile: "ca.pem"},
	}},
	{"https://[2001:db8::7]/; tls; tls_servername Hooks.example.net", model.Notify{
		URL: "https://[2001:db8::7]/", Timeout: 5 * time.Second,
		TLS: model.TLSOptions{Enabled: true, ServerName: "hooks.example.net"},
	}},
	{"http://hooks; secret_file /etc/key; header X-A 1; header X-A 2", model.Notify{
		URL: "http://hooks", SecretFile: "/etc/key", Header: "X-A: 1\r\nX-A: 2\r\n", Timeout: 5 * time.Second,
	}},
}

func TestNotify(t *testing.T) {
	for _, tt := range notifyTests {
		t.Run(tt.text, func(t *testing.T) {
			head, options, _ := strings.Cut(tt.text, ";")
			got := parseProcess(t, "notify "+head+" {\n"+strings.ReplaceAll(options, ";", "\n")+"\n}").Notify
			if !reflect.DeepEqual(got, []model.Notify{tt.want}) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// TestSecretsStayOut: what is wrong with a URL is said without its password.
func TestSecretsStayOut(t *testing.T) {
	for _, url := range []string{
		"https://user:s3cret@hooks.example.net/", "https://s3cret@hooks.example.net/", "ftp://user:s3cret@hooks.example.net/",
		"https://user:s3cret%@hooks.example.net/", "https://user:a/s3cret@hooks.example.net/", "user:s3cret@hooks.example.net",
		"//user:s3cret@hooks.example.net", "https://user:s3cret@/", "https://user:s3cret@hooks.example.net:x/",
	} {
		_, err := parse("example.org {\nfailover {\nnotify " + url + "\n}\n}")
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got error %v", url, err)
		}
	}
}

// parseProcess reads the settings of the process, whose lines are given.
func parseProcess(t *testing.T, lines string) *model.Process {
	t.Helper()
	blocks, err := parse("example.org {\nfailover {\n" + lines + "\n}\n}")
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
			blocks, err := parse("example.org {\nfailover www.example.org {\n" +
				"primary 192.0.2.1 {\nclients " + tt.first + "\n}\n" +
				"secondary 192.0.2.2 {\nclients " + tt.second + "\n}\n" +
				"check http\npolicy " + tt.policy + "\n}\n}")
			if err != nil {
				t.Fatal(err)
			}
			if got := blocks[0].Region; got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// heartbeatTests: lines of a record, and what an error about the first heartbeat
// would begin with.
var heartbeatTests = []struct{ name, lines, want string }{
	{"none", "primary 192.0.2.1\ncheck http", ""},
	{"of the record", "primary 192.0.2.1\ncheck http\ncheck heartbeat a", `Corefile:5: record "www.example.org": check heartbeat "a"`},
	{"of a target", "primary 192.0.2.1\nsecondary 192.0.2.2 {\ncheck heartbeat b\n}\ncheck http", `Corefile:5: record "www.example.org": check heartbeat "b"`},
	{"behind a disabled one", "primary 192.0.2.1\ncheck heartbeat a {\ndisabled\n}\ncheck heartbeat b", `Corefile:7: record "www.example.org": check heartbeat "b"`},
	{"of no use", "primary 192.0.2.1 {\ncheck http\n}\ncheck heartbeat a", ""},
}

func TestHeartbeat(t *testing.T) {
	for _, tt := range heartbeatTests {
		t.Run(tt.name, func(t *testing.T) {
			blocks, err := parse("example.org {\nfailover www.example.org {\n" + tt.lines + "\n}\n}")
			if err != nil {
				t.Fatal(err)
			}
			if got := blocks[0].Heartbeat; got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
