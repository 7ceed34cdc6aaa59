//go:build unix

package failover

import (
	"math"
	"syscall"
)

// descriptors is how many descriptors this process may open. Go's runtime raises
// the soft limit to the hard one as it starts.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // what POSIX systems start with
	}
	return int(min(limit.Cur, math.MaxInt32))
}
