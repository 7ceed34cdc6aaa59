package page_test

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end a child when this process dies.
func endWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
