package corefile_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy/caddyfile"

	"github.com/coredns-failover/failover/plugin/corefile"
	"github.com/coredns-failover/failover/plugin/model"
)

// named is the check as the record of another name has it.
func named(name string, c model.Check) model.Check {
	c.Host = name
	if c.TLS.Enabled {
		c.TLS.ServerName = name
	}
	return c
}

// quickCheck is that of the snippet "web".
func quickCheck(name string) model.Check {
	return with(named(name, httpCheck()), func(c *model.Check) {
		c.Schedule.Timeout = time.Second
		c.Threshold = model.Threshold{Fall: 2, Rise: 2}
	})
}

func shortTTL(r model.Record) model.Record {
	r.TTL = model.TTL{Max: 10 * time.Second, Min: 10 * time.Second}
	return r
}

// validTests: what the Corefiles of testdata/valid mean.
var validTests = map[string][]model.Block{
	"quickstart": {{
		Zones: []string{"example.org."},
		Records: []model.Record{plain("www.example.org.",
			model.Tier{addr("192.0.2.1", httpCheck())}, model.Tier{addr("192.0.2.2", httpCheck())})},
	}},
	"snippets": {{
		Zones: []string{"example.org."},
		Records: []model.Record{
			shortTTL(plain("www.example.org.",
				model.Tier{addr("192.0.2.1", quickCheck("www.example.org"))},
				model.Tier{addr("192.0.2.9", quickCheck("www.example.org"))})),
			plain("whole.example.org.", model.Tier{addr("192.0.2.3", start(model.ICMP))}),
			shortTTL(plain("api.example.org.",
				model.Tier{addr("192.0.2.2", quickCheck("api.example.org"))},
				model.Tier{addr("192.0.2.9", quickCheck("api.example.org"))})),
		},
	}},
	"zones": {
		{
			Zones: []string{"example.org.", "example.net."},
			Records: []model.Record{
				plain("example.org.", model.Tier{addr("192.0.2.1", named("example.org", httpsCheck()))}),
				plain("*.example.net.", model.Tier{addr("192.0.2.1", named("*.example.net", httpsCheck()))}),
				plain("www.example.org.", model.Tier{addr("192.0.2.2")}),
			},
			Process: &model.Process{Place: "Corefile:12", Stale: model.DefaultStale, StatusTo: model.DefaultStatusTo},
		},
		{
			Zones:   []string{"example.org."},
			Records: []model.Record{plain("example.org.", model.Tier{addr("10.0.0.1")})},
		},
		{
			Zones:   []string{"."},
			Records: []model.Record{plain("*.", model.Tier{addr("192.0.2.3", named("*", httpCheck()))})},
		},
	},
	"words": {{
		Zones: []string{"example.org."},
		Records: []model.Record{plain("web.example.org.", model.Tier{addr("192.0.2.7",
			with(named("web.example.org", httpCheck()), func(c *model.Check) {
				c.Request.Path = "/a#b?c=web"
				c.Request.Header = "X-Say: \"hi\" \\n\r\n"
				c.Expect.Body = "two\nlines"
			}),
			with(portCheck(model.TCP, 25), func(c *model.Check) {
				c.Expect.Banner, c.Request.Send = "220 mail\nmore", "one\ntwo"
			}),
		)})},
	}},
	"alias":     {aliasSample()},
	"cname":     {cnameSample()},
	"next":      {nextSample()},
	"policies":  {policiesSample()},
	"checks":    {checksSample()},
	"timing":    {timingSample()},
	"process":   processSample(),
	"operating": operatingSample(),
	"heartbeat": {heartbeatSample()},
}

func TestValid(t *testing.T) {
	t.Setenv("FAILOVER_TEST_NAME", "web")
	t.Setenv("FAILOVER_TEST_HOST", "7")
	texts := corefiles(t, "valid")
	for name, want := range validTests {
		t.Run(name, func(t *testing.T) {
			got, err := parse(texts[name])
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, want)
			}
		})
	}
	if len(texts) != len(validTests) {
		t.Errorf("%d Corefiles, but %d are tested", len(texts), len(validTests))
	}
}

// TestCRLF: a Corefile written on Windows means the same.
func TestCRLF(t *testing.T) {
	text := strings.ReplaceAll(corefiles(t, "valid")["quickstart"], "\n", "\r\n")
	got, err := parse(text)
	if err != nil || !reflect.DeepEqual(got, validTests["quickstart"]) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestImportFile: what an imported file says is found there, not in the Corefile.
func TestImportFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.conf")
	corefileText := "example.org {\nfailover www.example.org {\nimport " + path + "\nprimary 192.0.2.1\n}\n}"
	if err := os.WriteFile(path, []byte("check http {\ntimeout 1s\nthreshold 2\n}\nttl 10s"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := shortTTL(plain("www.example.org.", model.Tier{addr("192.0.2.1", quickCheck("www.example.org"))}))
	got, err := parse(corefileText)
	if err != nil || !reflect.DeepEqual(got[0].Records[0], want) {
		t.Errorf("got %+v, %v", got, err)
	}

	if err := os.WriteFile(path, []byte("check http\nttl soon"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = parse(corefileText)
	wantErr := path + `:2: record "www.example.org": ttl: "soon" is no duration; write it like "30s", "500ms" or "1m30s"`
	if message(err) != wantErr {
		t.Errorf("got  %v\nwant %s", err, wantErr)
	}
}

// TestTokens: what caddy itself would refuse, or never hand over.
func TestTokens(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no tokens", "", ""},
		{"closed twice", "failover www.example.org {\nprimary 192.0.2.1\ncheck icmp\n}\n}", `Corefile:5: failover: this "}" closes nothing`},
		{"never closed", "failover www.example.org {\nprimary 192.0.2.1", `Corefile:1: record "www.example.org": the "{" of this line is not closed by a "}"`},
		{"brace alone", "{", `Corefile:1: failover: a "{" stands at the end of the line whose block it opens, not on the next line`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := corefile.Parse(slices.Values(tokens(tt.text)), []string{"example.org."})
			if got := message(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// tokens returns the words of a text, one by one.
func tokens(text string) []caddyfile.Token {
	var tokens []caddyfile.Token
	for i, row := range strings.Split(text, "\n") {
		for word := range strings.FieldsSeq(row) {
			tokens = append(tokens, caddyfile.Token{File: "Corefile", Line: i + 1, Text: word})
		}
	}
	return tokens
}
