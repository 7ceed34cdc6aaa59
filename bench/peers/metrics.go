package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// metrics are the lines of a scrape: name with labels, and the value.
type metrics map[string]float64

// scrape reads the metrics of CoreDNS.
func scrape(ctx context.Context, port string) (metrics, error) {
	text, err := fetch(ctx, "http://"+home+":"+port+"/metrics")
	if err != nil {
		return nil, err
	}
	m := make(metrics)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' {
			continue
		}
		if value, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
			m[line[:i]] = value
		}
	}
	return m, nil
}

const delay = "coredns_failover_probe_delay_seconds"

// late returns the share of the probes of these types between two scrapes that did
// not start within 50 ms of their due time; ok is false where there is none, or
// the build has no such metric.
func late(first, last metrics, kinds ...string) (share float64, ok bool) {
	var probes, timely float64
	for _, kind := range kinds {
		total := fmt.Sprintf("%s_count{type=%q}", delay, kind)
		within := fmt.Sprintf("%s_bucket{type=%q,le=\"0.05\"}", delay, kind)
		probes += last[total] - first[total]
		timely += last[within] - first[within]
	}
	return 1 - timely/probes, probes > 0
}
