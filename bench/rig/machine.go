package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine says on what was measured: CPU, cores, memory and kernel, as far as the
// system tells.
func Machine() string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores, %s, %s %s", fact("/proc/cpuinfo", "model name"), runtime.NumCPU(),
		memory(), runtime.GOOS, strings.TrimSpace(string(kernel)))
}

func memory() string {
	var kib float64
	if _, err := fmt.Sscanf(fact("/proc/meminfo", "MemTotal"), "%g kB", &kib); err != nil {
		return "memory unknown"
	}
	return fmt.Sprintf("%.0f GiB", kib/1024/1024)
}

// fact is what a file of lines "key : value" says of key first.
func fact(path, key string) string {
	text, _ := os.ReadFile(path) // unknown where there is none
	for line := range strings.Lines(string(text)) {
		if before, after, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(before) == key {
			return strings.TrimSpace(after)
		}
	}
	return "unknown"
}

// Version is the first line of what a command writes.
func Version(ctx context.Context, command ...string) string {
	//nolint:gosec // the caller says what to run
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if line, _, _ := strings.Cut(string(out), "\n"); line != "" {
		return strings.TrimSpace(line)
	}
	return fmt.Sprintf("unknown (%v)", err)
}
