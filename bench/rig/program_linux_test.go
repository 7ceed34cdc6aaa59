package rig_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/bench/rig"
	"github.com/coredns-failover/failover/internal/eventually"
)

func TestProcessIsMeasured(t *testing.T) {
	burn := "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; cat there/is; exec sleep 1000"
	var p *rig.Process
	started := make(chan struct{})
	p, err := rig.Program{
		Name: "sh", Command: []string{"/bin/sh", "-c", burn}, Files: map[string]string{"there/is": "a file", "run/": ""},
		Up: func(context.Context) error {
			select {
			case <-started:
			default:
				close(started)
				return errors.New("not yet")
			}
			return nil
		},
	}.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	eventually.True(t, "its output", func() bool { return strings.Contains(p.Log(), "a file") })
	if cpu, err := p.CPU(); err != nil || cpu == 0 {
		t.Errorf("the CPU time is %v, %v", cpu, err)
	}
	if rss, err := p.RSS(); err != nil || rss < 4096 {
		t.Errorf("the RSS is %v, %v", rss, err)
	}
	if peak, err := p.PeakRSS(); err != nil || peak < 4096 {
		t.Errorf("the highest RSS is %v, %v", peak, err)
	}
	if n, err := p.Descriptors(); err != nil || n < 3 {
		t.Errorf("there are %d descriptors, %v", n, err)
	}
	p.Stop()
	p.Stop() // does nothing
	if _, err := p.CPU(); err == nil {
		t.Error("there is a CPU time after the end")
	}
}

func TestProgramThatEndsAtOnceSaysWhy(t *testing.T) {
	_, err := rig.Program{
		Name: "sh", Command: []string{"/bin/sh", "-c", "echo no such option; exit 1"},
		Up: func(context.Context) error { return errors.New("not up") },
	}.Start(t.Context())
	if err == nil || err.Error() != "sh: it ends at once\nno such option\n" {
		t.Errorf("the error is %v", err)
	}
}
