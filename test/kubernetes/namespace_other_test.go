//go:build !linux

package kubernetes_test

import (
	"errors"
	"syscall"
)

func runInside(string) (code int, err error) { return 0, errors.New("there are no namespaces") }

func ownRoot() *syscall.SysProcAttr { return nil }

func ownNetwork() *syscall.SysProcAttr { return nil }
