package test_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/status"

	"github.com/miekg/dns"
)

// operatedMany is a server of 10,000 records whose targets are all up, with an
// admin.
func operatedMany(b *testing.B) *server {
	b.Helper()
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		b.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	})
	b.Cleanup(func() {
		listener.Close()
		accepting.Wait()
	})
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	many := scaledCorefile(port, func(i int) string { return scaledIP(202, i) })
	s := start(b, strings.Replace(many, "    errors\n", "    errors\nfailover {\n"+steerable+"\n}\n", 1), operateTokens(b))
	o := s.operator(b)
	await(b, func() string {
		if got := o.overview(b); got.Unknown > 0 || got.Records["normal"] != scaled {
			return "not every check has a verdict"
		}
		return ""
	})
	return s
}

// BenchmarkOperateStatus looks at a server of 10,000 records: at its status page,
// at a page of records and at all of them, at one record, and from a terminal.
func BenchmarkOperateStatus(b *testing.B) {
	s := operatedMany(b)
	o := s.operator(b)
	c := newCtl(b, s)
	get := func(path string) func(*testing.B) {
		return func(b *testing.B) {
			b.Helper()
			if got := o.do(b, http.MethodGet, path, nil); got.code != http.StatusOK {
				b.Fatalf("GET %s: %d %s", path, got.code, got.body)
			}
		}
	}
	for _, one := range []struct {
		name string
		do   func(*testing.B)
	}{
		{"page", get("/")},
		{"records-100", get("/v1/records")},
		{"records-1000", get("/v1/records?limit=1000")},
		{"records-all", func(b *testing.B) { mustBeAll(b, o) }},
		{"search", get("/v1/records?search=r4711")},
		{"record", get("/v1/records/r4711.example.org")},
		{"failoverctl-status", func(b *testing.B) { c.must(b, "status") }},
		{"failoverctl-status-all", func(b *testing.B) { c.must(b, "status", "--all") }},
	} {
		b.Run(one.name, func(b *testing.B) {
			for b.Loop() {
				one.do(b)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/op")
		})
	}
}

// mustBeAll reads all records, page by page.
func mustBeAll(b *testing.B, o operator) {
	b.Helper()
	n, after := 0, ""
	for {
		var page status.Page
		got := o.do(b, http.MethodGet, "/v1/records?limit=1000&after="+url.QueryEscape(after), nil)
		if err := json.Unmarshal([]byte(got.body), &page); err != nil {
			b.Fatal(err)
		}
		n += len(page.Records)
		if after = page.Next; after == "" {
			break
		}
	}
	if n != scaled {
		b.Fatalf("there are %d records, want %d", n, scaled)
	}
}

const (
	// besideRounds is how often each of the two is measured, in turn.
	besideRounds = 5
	besideLasts  = 3 * time.Second
	besideAsking = 16 // sockets, each with one question at a time
)

// BenchmarkOperateQueriesBesidePage counts the questions that a server of 10,000
// records answers in a second, while nobody looks and while a person has its
// status page open, which is loaded anew every second. What counts is the median
// of rounds in turn.
func BenchmarkOperateQueriesBesidePage(b *testing.B) {
	s := operatedMany(b)
	for b.Loop() {
		var alone, beside []float64
		for range besideRounds {
			alone = append(alone, questionsASecond(b, s))
			look := openPage(b, s.operator(b))
			beside = append(beside, questionsASecond(b, s))
			look()
		}
		slices.Sort(alone)
		slices.Sort(beside)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(alone[besideRounds/2], "alone-q/s")
		b.ReportMetric(beside[besideRounds/2], "beside-q/s")
		b.ReportMetric(beside[besideRounds/2]/alone[besideRounds/2], "ratio")
	}
}

// openPage follows the events, and loads the status page every second, until what
// it returns is called.
func openPage(b *testing.B, o operator) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var looking sync.WaitGroup
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base+"/v1/events", nil)
	if err != nil {
		b.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		b.Fatal(err)
	}
	looking.Go(func() {
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
	})
	var failed atomic.Bool
	looking.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			if got, err := o.attempt(http.MethodGet, "/", nil); err != nil || got.code != http.StatusOK {
				failed.Store(true)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		cancel()
		looking.Wait()
		if failed.Load() {
			b.Error("the status page can not be loaded")
		}
	}
}

// questionsASecond asks for a record as fast as answers come.
func questionsASecond(b *testing.B, s *server) float64 {
	b.Helper()
	query, err := question("r4711.example.org", dns.TypeA).Pack()
	if err != nil {
		b.Fatal(err)
	}
	var answers atomic.Int64
	var asking sync.WaitGroup
	began := time.Now()
	for range besideAsking {
		conn, err := net.Dial("udp", s.endpoint())
		if err != nil {
			b.Fatal(err)
		}
		_ = conn.SetDeadline(began.Add(besideLasts))
		asking.Go(func() {
			defer conn.Close()
			reply := make([]byte, dns.MaxMsgSize)
			for {
				if _, err := conn.Write(query); err != nil {
					return
				}
				if _, err := conn.Read(reply); err != nil {
					return
				}
				answers.Add(1)
			}
		})
	}
	asking.Wait()
	return float64(answers.Load()) / time.Since(began).Seconds()
}
