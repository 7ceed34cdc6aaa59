package kubernetes_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// runInside runs this program once more in namespaces of its own, with directory
// for everything temporary, and returns its exit status. As it is the first
// process of its namespace, the kernel kills all others when it ends. Who is not
// root becomes it in a user namespace.
func runInside(directory string) (code int, err error) {
	// The kernel ends the child together with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attributes := &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if uid := os.Getuid(); uid != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	// Most of the time the tests wait, so more run together than there are
	// processors, unless -parallel comes after it.
	command := exec.Command(self, append([]string{"-test.parallel=8"}, os.Args[1:]...)...)
	command.Env = append(os.Environ(), inside+"=1", "TMPDIR="+directory)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.SysProcAttr = attributes
	if err := command.Start(); err != nil {
		return 0, fmt.Errorf("no namespace: %w", err)
	}
	if err := command.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		return 0, err
	}
	if code = command.ProcessState.ExitCode(); code < 0 { // a signal
		code = 1
	}
	return code, nil
}

// ownRoot lets a child mount what nobody else sees.
func ownRoot() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
}

// ownNetwork is ownRoot with network interfaces of its own, too.
func ownNetwork() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
}
