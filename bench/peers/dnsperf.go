package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

var dnsperf = rig.Need{Program: "dnsperf", Package: "dnsperf"}

const (
	// dnsperfClients are the sockets that dnsperf asks from, with one thread, and
	// dnsperfQueries how many of its queries wait for an answer at a time.
	dnsperfClients = "10"
	dnsperfQueries = "100"
)

// benchName is the name of the nth record, from 0 on.
func benchName(n int) string { return fmt.Sprintf("n%d.bench.example", n) }

// writeQuestions writes a file for dnsperf that asks for each of n records once, in
// an order of chance that is the same each time.
func writeQuestions(folder string, n int) (path string, err error) {
	var text strings.Builder
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) { //nolint:gosec // the order is no secret
		fmt.Fprintf(&text, "%s A\n", benchName(i))
	}
	path = filepath.Join(folder, strconv.Itoa(n))
	return path, os.WriteFile(path, []byte(text.String()), 0o600)
}

var completed = regexp.MustCompile(`Queries completed: +(\d+)(?s:.*)NOERROR \d+ \(100\.00%\)`)

// flood asks a server as fast as it answers, and returns how many answers came.
// It is an error where not all of them are NOERROR.
func flood(ctx context.Context, port, questions string, lasting time.Duration) (answers float64, err error) {
	//nolint:gosec // the arguments are the scenario's
	command := exec.CommandContext(ctx, dnsperf.Program, "-s", answeringIP, "-p", port, "-d", questions,
		"-T", "1", "-c", dnsperfClients, "-q", dnsperfQueries, "-l", fmt.Sprintf("%.0f", max(1, lasting.Seconds())))
	out, err := command.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("dnsperf: %w\n%s", err, out)
	}
	found := completed.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("dnsperf has not got what it asked for:\n%s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
