package resolve

import (
	"math/rand/v2"
	"time"
)

const (
	// soonest and latest bound the time between look-ups, whatever TTLs say.
	soonest = time.Second
	latest  = 5 * time.Minute
	// backoff is the longest time between look-ups that have no answer.
	backoff = 10 * time.Second
	// spread is the distance between the first look-ups of names that start
	// together.
	spread = time.Millisecond
	// grace is how long after the process's start empty answers do not count:
	// *kubernetes* answers NXDOMAIN until it has synced.
	grace = 10 * time.Second
)

// delay returns the time from the look-up that led to s to the next, which is
// the smallest of
//
//	a family is in a run of empty answers -> 1 s
//	a family had no answer                -> 1 s, doubled each time up to 10 s
//	a family had addresses                -> their TTL
//	both were empty                       -> the smaller TTL of these
//
// A family without addresses has nothing to lose by a run, once the name is
// known: most names have no AAAA.
func (s State) delay(found [2]finding, threshold int) time.Duration {
	delay := jittered(freshness(found))
	for i, f := range found {
		undecided := !s.Known && s.families[i].run < threshold
		switch {
		case f.err != nil:
			delay = min(delay, retry(s.tries))
		case f.empty() && (undecided || len(s.addrs(i)) > 0):
			delay = min(delay, soonest)
		}
	}
	return delay
}

// freshness is how long what was found holds.
func freshness(found [2]finding) time.Duration {
	four, six := found[0], found[1]
	if four.empty() && six.empty() {
		return min(four.ttl, six.ttl)
	}
	least := latest
	for _, f := range found {
		if len(f.addrs) > 0 {
			least = min(least, f.ttl)
		}
	}
	return least
}

// retry is the wait after so many look-ups in a row without an answer.
func retry(tries int) time.Duration {
	if tries > 4 { // 1, 2, 4, 8 s
		return backoff
	}
	return soonest << (tries - 1)
}

// jittered moves d by up to a tenth, so that names that fell into step drift
// apart again, and bounds it.
func jittered(d time.Duration) time.Duration {
	d = bounded(d)
	most := int64(d) / 10
	return bounded(d + time.Duration(rand.Int64N(2*most+1)-most))
}

func bounded(d time.Duration) time.Duration { return min(max(d, soonest), latest) }
