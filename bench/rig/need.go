package rig

import (
	"fmt"
	"os/exec"
	"strings"
)

// Need is a program that must be installed, and the Debian package that has it.
type Need struct{ Program, Package string }

// Missing is the error that says what to install for what is needed, or nil.
func Missing(needs []Need) error {
	var programs, packages []string
	for _, need := range needs {
		if _, err := exec.LookPath(need.Program); err != nil {
			programs, packages = append(programs, need.Program), append(packages, need.Package)
		}
	}
	if programs == nil {
		return nil
	}
	return fmt.Errorf("%s not found; on Debian: apt-get install --no-install-recommends %s",
		strings.Join(programs, ", "), strings.Join(packages, " "))
}
