package corefile_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/model"
)

// start is a check of that type that says nothing, in a record www.example.org.
func start(kind model.CheckType) model.Check {
	return model.Check{
		Type: kind,
		Schedule: model.Schedule{
			Interval:     10 * time.Second,
			FastInterval: 2 * time.Second,
			DownInterval: 10 * time.Second,
			Timeout:      4 * time.Second,
			Jitter:       10,
		},
		Threshold: model.Threshold{Fall: 3, Rise: 3},
	}
}

func webCheck(kind model.CheckType, port uint16) model.Check {
	c := start(kind)
	c.Port = port
	c.Host = "www.example.org"
	c.Request.Method, c.Request.Path = "GET", "/"
	c.Expect.Status = statuses("200-399")
	return c
}

func httpCheck() model.Check { return webCheck(model.HTTP, 80) }

func httpsCheck() model.Check {
	c := webCheck(model.HTTPS, 443)
	c.TLS = model.TLSOptions{Enabled: true, ServerName: "www.example.org"}
	return c
}

func portCheck(kind model.CheckType, port uint16) model.Check {
	c := start(kind)
	c.Port = port
	return c
}

func tlsCheck() model.Check {
	c := portCheck(model.TLS, 443)
	c.Host = "www.example.org"
	c.TLS = model.TLSOptions{Enabled: true, ServerName: "www.example.org"}
	return c
}

func grpcCheck() model.Check {
	c := portCheck(model.GRPC, 50051)
	c.Host = "www.example.org"
	return c
}

func statuses(list string) model.StatusSet {
	set, err := model.ParseStatusSet(list)
	if err != nil {
		panic(err)
	}
	return set
}

// with returns the check as the change leaves it.
func with(c model.Check, change func(*model.Check)) model.Check {
	change(&c)
	return c
}

func tcpCheck() model.Check { return portCheck(model.TCP, 5432) }

// checkTests: a check line, its options separated by ";", and what it means.
var checkTests = []struct {
	text string
	want model.Check
}{
	{"http", httpCheck()},
	{"http /live?full=1", with(httpCheck(), func(c *model.Check) { c.Request.Path = "/live?full=1" })},
	{"http; port 8080", with(httpCheck(), func(c *model.Check) { c.Port = 8080 })},
	{"http; address Proxy.example.NET.", with(httpCheck(), func(c *model.Check) { c.Address = "proxy.example.net" })},
	{"http; address 2001:DB8:0::5", with(httpCheck(), func(c *model.Check) { c.Address = "2001:db8::5" })},
	{"http; host API.example.org.", with(httpCheck(), func(c *model.Check) { c.Host = "api.example.org" })},
	{"http; host 192.0.2.7", with(httpCheck(), func(c *model.Check) { c.Host = "192.0.2.7" })},
	{"http; method HEAD", with(httpCheck(), func(c *model.Check) { c.Request.Method = "HEAD" })},
	{`http; header X-Role probe; header Accept "text/plain, */*"`, with(httpCheck(), func(c *model.Check) {
		c.Request.Header = "X-Role: probe\r\nAccept: text/plain, */*\r\n"
	})},
	{"http; status 200-299,301", with(httpCheck(), func(c *model.Check) { c.Expect.Status = statuses("200-299,301") })},
	{`http; body "\"status\": \"ok\""`, with(httpCheck(), func(c *model.Check) { c.Expect.Body = `"status": "ok"` })},
	{`http; body_regexp "ready\s*=\s*[1-9]"`, with(httpCheck(), func(c *model.Check) { c.Expect.BodyRegexp = `ready\s*=\s*[1-9]` })},
	{"http; follow_redirects", with(httpCheck(), func(c *model.Check) { c.Request.FollowRedirects = true })},
	{"http; watch", with(httpCheck(), func(c *model.Check) { c.Watch = true })},
	{"http; invert", with(httpCheck(), func(c *model.Check) { c.Invert = true })},
	{"http; disabled; invert", with(httpCheck(), func(c *model.Check) { c.Disabled, c.Invert = true, true })},

	{"http; interval 1m", with(httpCheck(), func(c *model.Check) {
		c.Schedule.Interval, c.Schedule.DownInterval = time.Minute, time.Minute
	})},
	{"http; interval 3s", with(httpCheck(), func(c *model.Check) {
		c.Schedule.Interval, c.Schedule.DownInterval, c.Schedule.Timeout = 3*time.Second, 3*time.Second, 3*time.Second
	})},
	{"http; interval 100ms", with(httpCheck(), func(c *model.Check) {
		d := 100 * time.Millisecond
		c.Schedule = model.Schedule{Interval: d, FastInterval: d, DownInterval: d, Timeout: d, Jitter: 10}
	})},
	{"http; fast_interval 500ms; down_interval 1h; timeout 10s; jitter 0%", with(httpCheck(), func(c *model.Check) {
		c.Schedule = model.Schedule{
			Interval: 10 * time.Second, FastInterval: 500 * time.Millisecond, DownInterval: time.Hour, Timeout: 10 * time.Second,
		}
	})},
	{"http; threshold 1", with(httpCheck(), func(c *model.Check) { c.Threshold = model.Threshold{Fall: 1, Rise: 1} })},
	{"http; threshold 10 1", with(httpCheck(), func(c *model.Check) { c.Threshold = model.Threshold{Fall: 10, Rise: 1} })},

	{"https", httpsCheck()},
	{"https; tls", httpsCheck()},
	{"https; tls ca.pem", with(httpsCheck(), func(c *model.Check) { c.TLS.CAFile = "ca.pem" })},
	{"https; tls cert.pem key.pem", with(httpsCheck(), func(c *model.Check) {
		c.TLS.CertFile, c.TLS.KeyFile = "cert.pem", "key.pem"
	})},
	{"https; tls cert.pem key.pem /etc/ca.pem", with(httpsCheck(), func(c *model.Check) {
		c.TLS.CertFile, c.TLS.KeyFile, c.TLS.CAFile = "cert.pem", "key.pem", "/etc/ca.pem"
	})},
	{"https; host api.example.org", with(httpsCheck(), func(c *model.Check) {
		c.Host, c.TLS.ServerName = "api.example.org", "api.example.org"
	})},
	{"https; tls_servername api.example.org", with(httpsCheck(), func(c *model.Check) { c.TLS.ServerName = "api.example.org" })},
	{"https; insecure_skip_verify", with(httpsCheck(), func(c *model.Check) { c.TLS.InsecureSkipVerify = true })},

	{"tcp 5432", tcpCheck()},
	{`tcp 5432; send "GET / HTTP/1.0\r\n\r\n"; expect "HTTP/1.1 200"`, with(tcpCheck(), func(c *model.Check) {
		c.Request.Send, c.Expect.Banner = "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200"
	})},
	{`tcp 5432; expect "\x00\xfF\\\t\"é"`, with(tcpCheck(), func(c *model.Check) { c.Expect.Banner = "\x00\xff\\\t\"é" })},
	{"tcp 5432; send a\\x7b; watch", with(tcpCheck(), func(c *model.Check) { c.Request.Send, c.Watch = "a{", true })},

	{"tls 443", tlsCheck()},
	{"tls 443; expires_in 336h", with(tlsCheck(), func(c *model.Check) { c.Expect.ExpiresIn = 336 * time.Hour })},
	{"tls 443; expires_in 0", tlsCheck()},
	{"grpc 50051", grpcCheck()},
	{"grpc 50051 shop.Cart; tls; insecure_skip_verify", with(grpcCheck(), func(c *model.Check) {
		c.Request.Service = "shop.Cart"
		c.TLS = model.TLSOptions{Enabled: true, ServerName: "www.example.org", InsecureSkipVerify: true}
	})},
	{"dns 53 Example.NET", with(portCheck(model.DNS, 53), func(c *model.Check) {
		c.Request.Name, c.Request.QueryType = "example.net.", dns.TypeA
	})},
	{"dns 53 . soa", with(portCheck(model.DNS, 53), func(c *model.Check) {
		c.Request.Name, c.Request.QueryType = ".", dns.TypeSOA
	})},
	{"icmp", start(model.ICMP)},
	{"heartbeat A.b_c-1", with(start(model.Heartbeat), func(c *model.Check) { c.Request.Name = "A.b_c-1" })},
	{"heartbeat web-1; threshold 1; invert", with(start(model.Heartbeat), func(c *model.Check) {
		c.Request.Name, c.Threshold, c.Invert = "web-1", model.Threshold{Fall: 1, Rise: 1}, true
	})},
	{"heartbeat web-1; interval 1m", with(start(model.Heartbeat), func(c *model.Check) {
		c.Request.Name = "web-1"
		c.Schedule.Interval, c.Schedule.DownInterval = time.Minute, time.Minute
	})},
}

func TestCheck(t *testing.T) {
	for _, tt := range checkTests {
		t.Run(tt.text, func(t *testing.T) {
			record := parseRecord(t, "primary 192.0.2.1\n"+checkLines(tt.text))
			got := record.Tiers[0][0]
			if !reflect.DeepEqual(got.Checks, []model.Check{tt.want}) || got.Require != 1 {
				t.Errorf("got  %+v\nwant %+v", got.Checks, tt.want)
			}
		})
	}
}

// checkLines makes lines of a check and its options.
func checkLines(text string) string {
	head, options, found := strings.Cut("check "+text, ";")
	if !found {
		return head
	}
	return head + " {\n" + strings.ReplaceAll(options, ";", "\n") + "\n}"
}

// parseRecord reads the one record of a block, whose lines are given.
func parseRecord(t *testing.T, lines string) model.Record {
	t.Helper()
	blocks, err := parse("example.org {\nfailover www.example.org {\n" + lines + "\n}\n}")
	if err != nil {
		t.Fatal(err)
	}
	return blocks[0].Records[0]
}
