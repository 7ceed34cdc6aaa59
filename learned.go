package failover

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostLearned bounds the addresses that a server block learns from replies.
	mostLearned = 10000
	// unseen is how long an address is probed that no reply has had since.
	unseen = time.Hour
	// sweeping is how often they are looked for.
	sweeping = time.Minute
)

// learned are the addresses that the next plugins have replied with, for the
// target next. A question finds them without a lock.
type learned struct {
	byKey sync.Map // learnedKey to *address

	mu    sync.Mutex // of changes
	count int
	timer *time.Timer
	ended bool
}

// sighting is how an address was learned.
type sighting struct {
	// host is the name that a wildcard was asked for, where checks are made by
	// it; else empty.
	host string
	// seen is when a reply had the address last, in seconds since 1970.
	seen atomic.Int64
}

func newLearned(key learnedKey, seen int64) *address {
	a := newAddress(key.target, key.addr)
	a.learned = &sighting{host: key.host}
	a.learned.seen.Store(seen)
	return a
}

// host is the name that checks of the address are made by, where that is not the
// record's.
func (a *address) host() string {
	if a.learned == nil {
		return ""
	}
	return a.learned.host
}

type learnedKey struct {
	target *target
	host   string // the name that a wildcard was asked for, where checks go by it
	addr   netip.Addr
}

// find returns an address that has been learned, or nil.
func (l *learned) find(key learnedKey) *address {
	known, ok := l.byKey.Load(key)
	if !ok {
		return nil
	}
	a := known.(*address)
	if now := time.Now().Unix(); a.learned.seen.Load() != now { // to write costs other cores more than to read
		a.learned.seen.Store(now)
	}
	return a
}

// add learns an address: it is probed from now on.
func (l *learned) add(key learnedKey) *address {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.find(key); a != nil {
		return a
	}
	a := newLearned(key, time.Now().Unix())
	if l.ended {
		return a
	}
	if l.count >= mostLearned {
		l.dropOldest()
	}
	key.target.record.handler.claims.add(a)
	l.byKey.Store(key, a)
	l.count++
	return a
}

// all returns what has been learned.
func (l *learned) all() []*address {
	var all []*address
	for _, a := range l.byKey.Range {
		all = append(all, a.(*address))
	}
	return all
}

// byTarget returns what has been learned of each target.
func (l *learned) byTarget() map[*target][]*address {
	all := make(map[*target][]*address)
	for _, a := range l.all() {
		all[a.target] = append(all[a.target], a)
	}
	return all
}

// of returns what has been learned of a target.
func (l *learned) of(t *target) []*address {
	var all []*address
	for key, a := range l.byKey.Range {
		if key.(learnedKey).target == t {
			all = append(all, a.(*address))
		}
	}
	return all
}

// dropOldest makes room: the hundredth part that was seen least recently goes,
// since to look for one costs as much as for a hundred.
func (l *learned) dropOldest() {
	all := l.all()
	slices.SortFunc(all, func(a, b *address) int { return cmp.Compare(a.learned.seen.Load(), b.learned.seen.Load()) })
	for _, a := range all[:mostLearned/100] {
		l.drop(a)
	}
}

func (l *learned) drop(a *address) {
	l.byKey.Delete(learnedKey{a.target, a.learned.host, a.Addr})
	l.count--
	a.target.record.handler.claims.release(a)
}

// start looks from time to time for what is to be forgotten.
func (l *learned) start() { l.timer = time.AfterFunc(sweeping, l.sweep) }

func (l *learned) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	before := time.Now().Add(-unseen).Unix()
	for _, a := range l.all() {
		if a.learned.seen.Load() < before {
			l.drop(a)
		}
	}
	l.timer.Reset(sweeping)
}

// end makes it learn no more.
func (l *learned) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.timer != nil {
		l.timer.Stop()
	}
}

// inherit takes over what was learned of a target before.
func (l *learned) inherit(t *target, before []*address) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, old := range before {
		if (old.learned.host == "") != (t.hostFor(".") == "") {
			continue // it would not be found by any question
		}
		key := learnedKey{t, old.learned.host, old.Addr}
		a := newLearned(key, old.learned.seen.Load())
		if err := t.record.handler.claims.claim(a, old); err != nil {
			return err
		}
		l.byKey.Store(key, a)
		l.count++
	}
	return nil
}
