package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

// crowd is a backend process for every address of 127.0.0.0/8.
type crowd struct {
	*rig.Process
	port string
}

func startCrowd(ctx context.Context) (*crowd, error) {
	port, err := rig.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	process, err := startBackend(ctx, "0.0.0.0:"+port)
	if err != nil {
		return nil, err
	}
	return &crowd{process, port}, nil
}

// startBackend starts a backend at address as a process of its own.
func startBackend(ctx context.Context, address string) (*rig.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return rig.Program{
		Name: "backend", Command: []string{self, backendWord, address}, Up: rig.Accepts(address),
	}.Start(ctx)
}

// probes returns how many probes the backend has answered.
func (c *crowd) probes(ctx context.Context) (float64, error) { return c.count(ctx, "probes") }

func (c *crowd) count(ctx context.Context, what string) (float64, error) {
	text, err := c.steer(ctx, what)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(text, 64)
}

// hang makes half of the targets accept connections and never answer.
func (c *crowd) hang(ctx context.Context) error {
	_, err := c.steer(ctx, "hang")
	return err
}

// forget begins to count anew which targets are probed.
func (c *crowd) forget(ctx context.Context) error {
	_, err := c.steer(ctx, "forget")
	return err
}

func (c *crowd) steer(ctx context.Context, what string) (string, error) {
	return fetch(ctx, "http://"+net.JoinHostPort(home, c.port)+"/backend/"+what)
}

// await waits until so many targets have been probed, and then until what that has
// set off is over: verdicts that are new, and the garbage of the start.
func (c *crowd) await(ctx context.Context, targets int) error {
	const rest = 5 * time.Second
	for began := time.Now(); ; {
		n, err := c.count(ctx, "targets")
		if err != nil {
			return err
		}
		if n >= float64(targets) {
			return rig.Pause(ctx, rest)
		}
		if time.Since(began) > 2*time.Minute {
			return fmt.Errorf("%v targets have been probed, want %d", n, targets)
		}
		if err := rig.Pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// cost measures a process that probes for a window: its memory, and its CPU time by
// the probes that the backend has answered.
func (c *crowd) cost(ctx context.Context, process *rig.Process, window time.Duration) (rig.Figures, error) {
	before, err := c.account(ctx, process)
	if err != nil {
		return nil, err
	}
	if err := rig.Pause(ctx, window); err != nil {
		return nil, err
	}
	after, err := c.account(ctx, process)
	if err != nil {
		return nil, err
	}
	probes := after["probes"] - before["probes"]
	if probes == 0 {
		return nil, fmt.Errorf("there is no probe in %v", window)
	}
	rss, err := process.RSS()
	return rig.Figures{
		"cpu": (after["cpu"] - before["cpu"]) / probes, "rss": rss, "rate": probes / window.Seconds(),
	}, err
}

func (c *crowd) account(ctx context.Context, process *rig.Process) (rig.Figures, error) {
	cpu, err := process.CPU()
	if err != nil {
		return nil, err
	}
	probes, err := c.probes(ctx)
	return rig.Figures{"cpu": cpu.Seconds(), "probes": probes}, err
}

// fetch returns the body of a URL.
func fetch(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(body), err
}
