//go:build !unix

package failover

import "math"

// descriptors is how many descriptors this process may open: there is no limit.
func descriptors() int { return math.MaxInt32 }
