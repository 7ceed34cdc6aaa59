package test_test

import "syscall"

// leaveNothingBehind makes a child the leader of a process group, and lets the
// kernel kill it when this process dies.
func leaveNothingBehind() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
