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

// late returns the share of the probes of a type between two scrapes that did not
// start within 50 ms of their due time.
func late(before, after metrics, kind string) (float64, error) {
	total := fmt.Sprintf("%s_count{type=%q}", delay, kind)
	timely := fmt.Sprintf("%s_bucket{type=%q,le=\"0.05\"}", delay, kind)
	probes := after[total] - before[total]
	if probes == 0 {
		return 0, fmt.Errorf("there is no %s of %s probes", delay, kind)
	}
	return 1 - (after[timely]-before[timely])/probes, nil
}
