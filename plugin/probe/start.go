package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/exchange"
	"github.com/coredns-failover/failover/plugin/model"
)

// exchanges are the probes that have no goroutine.
var exchanges exchange.Loop

// Landing is told how a probe has ended.
type Landing = interface {
	Landed(connect time.Duration, err error)
}

// Start begins to execute the check, as Probe does, where that takes no goroutine: a
// request and the start of an answer in the clear. landing is told once what Probe
// returns, on another goroutine, which it must not keep waiting. Start returns nil
// where Probe is needed: nothing has begun then.
func (p Prober) Start(timeout time.Duration, landing Landing) interface{ Cancel() } {
	peer, ok := p.peer()
	if !ok || !p.plan.brief() {
		return nil
	}
	a := &ask{execution: p.execution(), landing: landing, deadline: time.Now().Add(timeout)}
	a.call = exchanges.Start(peer, exchange.Manner{
		Timeout: timeout,
		Answer:  a.check.Type == model.HTTP || a.check.Expect.Banner != "",
		Reset:   a.check.Type == model.HTTP, // see exchange
	}, a)
	if a.call == nil {
		return nil
	}
	return a
}

// peer returns what the probe connects to, unless a name stands for it, or a zone.
func (p Prober) peer() (netip.AddrPort, bool) {
	addr := p.addr
	if own := p.plan.check.Address; own != "" {
		var err error
		if addr, err = netip.ParseAddr(own); err != nil {
			return netip.AddrPort{}, false
		}
	}
	return netip.AddrPortFrom(addr, p.plan.check.Port), addr.Zone() == ""
}

// longest is how long a request may be that is sent at once: as much goes into the
// buffer of any new connection.
const longest = 2 << 10

// brief reports whether the check is a matter of one exchange, and little work.
func (p *plan) brief() bool {
	request := p.check.Request
	if len(request.Path)+len(request.Header)+len(request.Send) > longest {
		return false
	}
	return p.check.Type == model.TCP || p.check.Type == model.HTTP && !request.FollowRedirects && p.pattern == nil
}

// ask is a probe that has no goroutine, unless the answer takes its time.
type ask struct {
	execution
	landing  Landing
	deadline time.Time
	call     *exchange.Call

	mu        sync.Mutex
	cancelled bool
	stop      context.CancelFunc // ends reading on; nil before
}

// Cancel ends the probe.
func (a *ask) Cancel() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cancelled = true
	a.call.Cancel()
	if a.stop != nil {
		a.stop()
	}
}

// Request implements exchange.Handler.
func (a *ask) Request(b []byte) []byte {
	if a.check.Type == model.TCP {
		return append(b, a.check.Request.Send...)
	}
	return a.request(b, a.firstHop())
}

// Done implements exchange.Handler. An answer that is not complete is read on by a
// goroutine.
func (a *ask) Done(c *exchange.Call, answer []byte, err error) {
	a.connect = c.Connect
	start := &beginning{rest: answer, err: err}
	err = a.found(c.Stage, start)
	if start.short {
		a.readOn(c, bytes.Clone(answer))
		return
	}
	c.Close()
	a.land(err)
}

func (a *ask) land(err error) { a.landing.Landed(a.connect, a.judged(err)) }

// found returns what the probe makes of the end of the exchange.
func (a *ask) found(at exchange.Stage, start *beginning) error {
	switch {
	case at == exchange.Connecting:
		return a.failure(context.Background(), connecting, start.err)
	case at == exchange.Sending && start.err != nil && a.check.Type == model.TCP:
		return a.failure(context.Background(), sending, start.err)
	default:
		return a.judge(context.Background(), start)
	}
}

// judge reads the answer. A bug in that must not end everything else.
func (a *ask) judge(ctx context.Context, answer io.Reader) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Broken{fmt.Errorf("the probe panicked: %v", r)}
		}
	}()
	if a.check.Type == model.TCP {
		return a.readBanner(ctx, answer, a.check.Expect.Banner)
	}
	s := newScratch(answer)
	defer s.release()
	_, _, err = a.hear(ctx, s, a.check.Request.Method)
	return err
}

// readOn judges an answer of which there is only the start yet.
func (a *ask) readOn(c *exchange.Call, start []byte) {
	conn, err := c.Detach()
	if err != nil {
		a.land(a.failure(context.Background(), reading, err))
		return
	}
	ctx, stop := context.WithDeadline(context.Background(), a.deadline)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop = stop; a.cancelled {
		stop()
	}
	go func() {
		defer stop()
		a.land(a.readAll(ctx, conn, start))
	}()
}

func (a *ask) readAll(ctx context.Context, conn net.Conn, start []byte) error {
	defer conn.Close()
	defer tie(ctx, conn)()
	return a.judge(ctx, io.MultiReader(bytes.NewReader(start), conn))
}

// beginning is what there is of an answer: rest, and then err, or more that is yet
// to come.
type beginning struct {
	rest  []byte
	err   error
	short bool // more was asked for
}

func (b *beginning) Read(to []byte) (int, error) {
	if len(b.rest) > 0 {
		n := copy(to, b.rest)
		b.rest = b.rest[n:]
		return n, nil
	}
	if b.err != nil {
		return 0, b.err
	}
	b.short = true
	return 0, io.EOF
}
