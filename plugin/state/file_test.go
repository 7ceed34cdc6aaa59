package state_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/virtual"
	. "github.com/coredns-failover/failover/plugin/state"
)

// disk records when it is written to, and can fail and be slow. A mutex guards it
// against the test.
type disk struct {
	mu      sync.Mutex
	began   time.Time
	number  int // what a snapshot holds
	writes  []string
	reports []string
	err     error
	takes   time.Duration
}

func (d *disk) snapshot() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return State{Holds: []Hold{{Tier: d.number}}}
}

func (d *disk) write(s State) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes = append(d.writes, fmt.Sprintf("%v: %d", s.Written.Sub(d.began), s.Holds[0].Tier))
	takes, err := d.takes, d.err
	d.mu.Unlock()
	virtual.Sleep(takes)
	d.mu.Lock()
	return err
}

func (d *disk) report(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reports = append(d.reports, fmt.Sprintf("%v: %v", time.Since(d.began), err))
}

func (d *disk) set(number int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.number = number
}

func (d *disk) is(err error, takes time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.takes = err, takes
}

func (d *disk) expect(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.writes, want) {
		t.Errorf("written %q\nwant    %q", d.writes, want)
	}
}

func (d *disk) expectReports(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.reports, want) {
		t.Errorf("reported %q\nwant     %q", d.reports, want)
	}
}

// onDisk runs test with a File that is written to a disk, and closes it.
func onDisk(t *testing.T, every time.Duration, test func(t *testing.T, d *disk, f *File)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{began: time.Now()}
		f := OpenWith(every, d.snapshot, d.write, d.report)
		defer f.Close()
		test(t, d, f)
	})
}

// change makes the state another one.
func change(d *disk, f *File, number int) {
	d.set(number)
	f.Changed()
}

func TestChangesAreWrittenAtMostOnceASecond(t *testing.T) {
	onDisk(t, time.Minute, func(t *testing.T, d *disk, f *File) {
		virtual.Sleep(5 * time.Second)
		d.expect(t) // what was kept stays until there is more to say
		change(d, f, 1)
		synctest.Wait()
		d.expect(t, "5s: 1")
		for i := range 30 { // until 8 s
			virtual.Sleep(50 * time.Millisecond)
			change(d, f, 2+i)
			virtual.Sleep(50 * time.Millisecond)
		}
		virtual.Sleep(10 * time.Second)
		change(d, f, 40)
		virtual.Sleep(10 * time.Second)
		d.expect(t, "5s: 1", "6s: 11", "7s: 21", "8s: 31", "18s: 40")
	})
}

func TestStateIsWrittenWithoutAChange(t *testing.T) {
	onDisk(t, time.Minute, func(t *testing.T, d *disk, f *File) {
		virtual.Sleep(90 * time.Second)
		change(d, f, 1)
		virtual.Sleep(70 * time.Second)
		d.expect(t, "1m0s: 0", "1m30s: 1", "2m30s: 1")
		if at := f.Written().Sub(d.began); at != 150*time.Second {
			t.Errorf("written at %v", at)
		}
	})
}

func TestEveryIsASecondAtLeast(t *testing.T) {
	onDisk(t, 0, func(t *testing.T, d *disk, _ *File) {
		virtual.Sleep(2500 * time.Millisecond)
		d.expect(t, "1s: 0", "2s: 0")
	})
}

func TestCloseWritesOnceMore(t *testing.T) {
	onDisk(t, time.Minute, func(t *testing.T, d *disk, f *File) {
		if !f.Written().IsZero() {
			t.Errorf("written at %v", f.Written())
		}
		change(d, f, 1)
		virtual.Sleep(300 * time.Millisecond)
		change(d, f, 2)
		virtual.Sleep(100 * time.Millisecond)
		f.Close()
		d.expect(t, "0s: 1", "400ms: 2")
		f.Close()
		for range 3 {
			f.Changed()
		}
		virtual.Sleep(time.Hour)
		d.expect(t, "0s: 1", "400ms: 2")
		d.expectReports(t)
	})
}

func TestFailedWritesAreTriedEverySecond(t *testing.T) {
	onDisk(t, time.Minute, func(t *testing.T, d *disk, f *File) {
		d.is(errors.New("no space left on device"), 0)
		change(d, f, 1)
		virtual.Sleep(1500 * time.Millisecond)
		change(d, f, 2) // no sooner for it
		virtual.Sleep(time.Second)
		if !f.Written().IsZero() {
			t.Errorf("written at %v", f.Written())
		}
		d.is(nil, 0)
		virtual.Sleep(time.Second)
		d.expect(t, "0s: 1", "1s: 1", "2s: 2", "3s: 2")
		d.is(errors.New("read-only file system"), 0)
		f.Close()
		d.expectReports(t, "0s: no space left on device", "3s: <nil>", "3.5s: read-only file system")
	})
}

// A large state, or a slow disk, is written for a tenth of the time.
func TestSlowDisk(t *testing.T) {
	onDisk(t, time.Minute, func(t *testing.T, d *disk, f *File) {
		d.is(nil, 2500*time.Millisecond)
		change(d, f, 1)
		virtual.Sleep(time.Second)
		change(d, f, 2) // while it is written
		virtual.Sleep(time.Second)
		change(d, f, 3)
		virtual.Sleep(time.Minute)
		d.expect(t, "0s: 1", "25s: 3")
	})
}

func TestCloseWaitsForTheDisk(t *testing.T) {
	onDisk(t, time.Minute, func(t *testing.T, d *disk, f *File) {
		d.is(nil, 5*time.Second)
		change(d, f, 1)
		virtual.Sleep(time.Second)
		var all sync.WaitGroup
		for range 3 {
			all.Go(f.Close)
		}
		all.Wait()
		if took := time.Since(d.began); took != 10*time.Second {
			t.Errorf("took %v", took)
		}
		d.expect(t, "0s: 1", "5s: 1")
	})
}
