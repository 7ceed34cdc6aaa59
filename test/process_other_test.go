//go:build !linux

package test_test

import "syscall"

// leaveNothingBehind makes a child the leader of a process group.
func leaveNothingBehind() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
