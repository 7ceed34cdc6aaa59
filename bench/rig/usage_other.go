//go:build !linux

package rig

import (
	"errors"
	"time"
)

// errNotLinux is the accounting of other systems.
var errNotLinux = errors.New("CPU time and memory are read from /proc, which only Linux has")

// CPU is an error here.
func (p *Process) CPU() (time.Duration, error) { return 0, errNotLinux }

// RSS is an error here.
func (p *Process) RSS() (float64, error) { return 0, errNotLinux }

// PeakRSS is an error here.
func (p *Process) PeakRSS() (float64, error) { return 0, errNotLinux }

// Descriptors is an error here.
func (p *Process) Descriptors() (int, error) { return 0, errNotLinux }
