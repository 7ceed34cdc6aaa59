package state

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pause is the least time between two writes.
	pause = time.Second
	// share is how many times as long as the last write the time until the next is at
	// least. A state of 200,000 verdicts takes a second of a core to write, which is
	// not to be had every second because each of them changes.
	share = 10
)

// File is a state file that is kept up to date.
type File struct {
	// Read-only after Open.
	snapshot func() State
	write    func(State) error
	report   func(error)
	every    time.Duration
	changed  chan struct{} // holds whether there was a change since the last snapshot
	closing  chan struct{}
	done     chan struct{} // closed when the goroutine has ended

	once    sync.Once // closes closing
	failing bool      // what was reported last; of the goroutine
	written atomic.Pointer[time.Time]
}

// Open keeps the file at path up to date until Close: it is written at most a
// second after each change, or ten times as long as the last write took where that
// is more, and without one after every, which is at least a second, so that its time
// says that all was still true. What writers that were
// killed have left beside it is removed. Nothing is written before the first
// change or the end of every: what the file holds stays until there is more to
// say.
//
// snapshot returns the state; report gets the error of a write that failed, nil
// when one works again, and nothing in between. Both are called on the File's own
// goroutine, so nobody who calls Close may hold a lock that they need. A write
// that failed is tried again every second.
//
// A process may have one File of a path at a time. Another process that writes
// the same path, such as a replica that shares a volume by mistake, does no harm
// to the file, but each finds the other's state when it starts; that is reported
// like a failed write.
func Open(path string, every time.Duration, snapshot func() State, report func(error)) *File {
	removeLeftovers(path)
	return open(every, snapshot, newWriter(path).write, report)
}

func open(every time.Duration, snapshot func() State, write func(State) error, report func(error)) *File {
	f := &File{
		snapshot: snapshot,
		write:    write,
		report:   report,
		every:    max(every, pause),
		changed:  make(chan struct{}, 1),
		closing:  make(chan struct{}),
		done:     make(chan struct{}),
	}
	go f.run()
	return f
}

// Changed says that the state has changed. It never blocks.
func (f *File) Changed() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// Close writes once more. From then on nothing is written.
func (f *File) Close() {
	f.once.Do(func() { close(f.closing) })
	<-f.done
}

// Written returns when the state was true that was last written by f, or zero
// before the first write.
func (f *File) Written() time.Time {
	if t := f.written.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// run writes the state when it is due, which is
//
//	it has changed           -> at once, or a second after the last write began, or
//	                            ten times as long as that took where that is more
//	the last write failed    -> a second after it began
//	otherwise                -> every after it began
//
// and at the end. A change that comes while it is written counts for the next
// time.
func (f *File) run() {
	defer close(f.done)
	var free time.Time // when it may be written again
	due := time.Now().Add(f.every)
	for changed := f.changed; ; {
		select {
		case <-changed:
			changed = nil // more of them say nothing new
			if free.Before(due) {
				due = free
			}
		case <-time.After(time.Until(due)):
			began := time.Now()
			due = began.Add(f.save(began))
			free, changed = began.Add(max(pause, share*time.Since(began))), f.changed
		case <-f.closing:
			f.save(time.Now())
			return
		}
	}
}

// save writes the state as of now, and returns after what time it is due again.
func (f *File) save(now time.Time) time.Duration {
	select { // the snapshot has it
	case <-f.changed:
	default:
	}
	s := f.snapshot()
	s.Written = now.UTC()
	err := f.write(s)
	f.tell(err)
	if err != nil && !errors.Is(err, errShared) {
		return pause
	}
	f.written.Store(&s.Written)
	return f.every
}

// tell reports when writing starts to fail and when it works again.
func (f *File) tell(err error) {
	if failing := err != nil; failing != f.failing {
		f.failing = failing
		f.report(err)
	}
}
