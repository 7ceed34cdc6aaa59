package watch

import "time"

// Patience learns how long a peer bears idle connections, so that one that ends
// them at once is not asked for another again and again. The zero value has seen
// none.
//
//	the peer ended a connection    the next is one of
//	after a third of an interval   the probe that looks why
//	or more, or it never did
//	sooner, n times in a row       the 2^n-th probe from then that succeeds, n at most 6
type Patience struct {
	sooner uint8 // how often in a row, at most mostSooner
	wait   uint8 // for as many more probes
}

const mostSooner = 6

// Keep reports whether the connection of a probe that succeeded should be kept
// open. It is to be asked once for each.
func (p *Patience) Keep() bool {
	if p.wait == 0 {
		return true
	}
	p.wait--
	return p.wait == 0
}

// Ended notes that the peer ended a connection, or refused one, which was idle for
// a while; interval is that of the check.
func (p *Patience) Ended(idle, interval time.Duration) {
	if Enough(idle, interval) {
		p.Lasted()
		return
	}
	p.sooner = min(p.sooner+1, mostSooner)
	p.wait = 1 << p.sooner
}

// Enough reports whether a connection was idle for long enough: to look as often
// as such connections end is no burden. Of servers that end them after 5 seconds
// there are many.
func Enough(idle, interval time.Duration) bool { return idle >= interval/3 }

// Lasted notes that a connection has been idle for long enough.
func (p *Patience) Lasted() { *p = Patience{} }
