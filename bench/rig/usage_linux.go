package rig

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on every
// architecture that Go knows.
const tick = 10 * time.Millisecond

// CPU returns the user and system time of the process so far, that of all its
// threads, in units of 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	stat, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	// proc_pid_stat(5): the name in parentheses may hold spaces, and what
	// follows it begins with field 3; utime is 14 and stime 15.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: /proc/PID/stat has no times: %q", p.name, stat)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.name, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// RSS returns the memory of the process that is resident now, in bytes.
func (p *Process) RSS() (float64, error) {
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscanf(after, "%g kB", &kib); err != nil {
		return 0, fmt.Errorf("%s: /proc/PID/status has no VmRSS: %w", p.name, err)
	}
	return kib * 1024, nil
}

// Descriptors returns how many file descriptors the process has open now.
func (p *Process) Descriptors() (int, error) {
	open, err := os.ReadDir(p.proc("fd"))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	return len(open), nil
}

func (p *Process) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid), file)
}
