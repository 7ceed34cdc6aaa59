package rig

import (
	"os"
	"syscall"
)

// leaveNothingBehind makes a child the leader of a process group, so that an
// interrupt reaches it through Stop only, and lets the kernel kill it when this
// process dies.
func leaveNothingBehind() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup kills what is left of the process and its children.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
