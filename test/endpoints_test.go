package test_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
)

// get asks one of the server's HTTP endpoints, which {$name} of its Corefile is,
// and returns the status code and the body.
func (s *server) get(t testing.TB, name, path string) (code int, body string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + s.env[name] + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// ready reports what the plugin ready says; the Corefile has "ready {$READY}".
func (s *server) ready(t testing.TB) bool {
	t.Helper()
	code, _ := s.get(t, "READY", "/ready")
	return code == http.StatusOK
}

// samples are the lines of one scrape, without comments.
type samples []string

// metrics scrapes the server, for the metrics of these names or else for all;
// the Corefile has "prometheus {$METRICS}".
func (s *server) metrics(t testing.TB, names ...string) samples {
	t.Helper()
	_, body := s.get(t, "METRICS", "/metrics?"+url.Values{"name[]": names}.Encode())
	var found samples
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// sum adds up the samples of a metric that have all the labels, each written
// like `tier="1"`.
func (m samples) sum(metric string, labels ...string) float64 {
	sum := 0.0
	for _, line := range m {
		series, value, _ := strings.Cut(line, " ")
		if i := strings.LastIndex(line, "} "); i >= 0 {
			series, value = line[:i+1], line[i+2:]
		}
		name, rest, _ := strings.Cut(series, "{")
		if name == metric && containsAll(rest, labels) {
			f, _ := strconv.ParseFloat(value, 64)
			sum += f
		}
	}
	return sum
}

// metric is one scrape for one sum, of a metric of failover.
func (s *server) metric(t testing.TB, metric string, labels ...string) float64 {
	t.Helper()
	metric = "coredns_failover_" + metric
	return s.metrics(t, metric).sum(metric, labels...)
}

// awaitMetric waits until a metric has a value.
func (s *server) awaitMetric(t testing.TB, want float64, metric string, labels ...string) {
	t.Helper()
	await(t, func() string {
		if got := s.metric(t, metric, labels...); got != want {
			return fmt.Sprintf("%s%v is %v, want %v", metric, labels, got, want)
		}
		return ""
	})
}

// usage is what a process holds.
type usage struct {
	descriptors int
	memory      int // resident, in KiB
}

// usage reads what the process holds now; ok is false where the system can not
// say (it is no Linux).
func (s *server) usage() (u usage, ok bool) {
	proc := fmt.Sprintf("/proc/%d", s.command.Process.Pid)
	descriptors, err := os.ReadDir(proc + "/fd")
	if err != nil {
		return usage{}, false
	}
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		return usage{}, false
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			u.memory, _ = strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	u.descriptors = len(descriptors)
	return u, true
}
