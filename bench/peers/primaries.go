package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/bench/rig"
)

// standby is the secondary of every record.
const standby = "127.250.0.1"

// primaries are backends of one port, each a process of its own so that it can be
// killed, and the standby.
type primaries struct {
	port string
	all  []*rig.Process // the standby last
}

func startPrimaries(ctx context.Context, n int) (*primaries, error) {
	port, err := rig.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	p := &primaries{port: port}
	for i := range n + 1 {
		ip := standby
		if i < n {
			ip = rig.TargetIP(i)
		}
		process, err := startBackend(ctx, net.JoinHostPort(ip, port))
		if err != nil {
			p.Stop()
			return nil, err
		}
		p.all = append(p.all, process)
	}
	return p, nil
}

// Stop ends them all.
func (p *primaries) Stop() {
	for _, process := range p.all {
		process.Stop()
	}
}

// failover kills the nth primary at a moment of chance within spread, and asks the
// server at address for its record until the standby is answered, with a pause
// between two questions. It returns how long that took.
func (p *primaries) failover(
	ctx context.Context, n int, address string, spread, pause time.Duration,
) (time.Duration, error) {
	asker, err := newAsker(ctx, address, record(n))
	if err != nil {
		return 0, err
	}
	defer asker.conn.Close()
	if err := rig.Pause(ctx, rand.N(spread)); err != nil {
		return 0, err
	}
	if ip, err := asker.ask(); err != nil || ip != rig.TargetIP(n) {
		return 0, fmt.Errorf("%s is answered with %q before the kill, %w", record(n), ip, err)
	}
	killed := time.Now()
	if err := p.all[n].Kill(); err != nil {
		return 0, err
	}
	for time.Since(killed) < time.Minute {
		ip, err := asker.ask()
		if err != nil {
			return 0, err
		}
		if ip == standby {
			return time.Since(killed), nil
		}
		if err := rig.Pause(ctx, pause); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%s is not switched within a minute", record(n))
}

// record is the name of the nth record.
func record(n int) string { return fmt.Sprintf("r%d.example.org", n) }

// asker asks one question again and again, over one socket.
type asker struct {
	conn    net.Conn
	request []byte
	reply   [dns.MinMsgSize]byte
}

func newAsker(ctx context.Context, address, name string) (*asker, error) {
	request, err := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA).Pack()
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", address)
	return &asker{conn: conn, request: request}, err
}

// ask returns the address that is answered, or "".
func (a *asker) ask() (string, error) {
	if err := a.conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := a.conn.Write(a.request); err != nil {
		return "", err
	}
	n, err := a.conn.Read(a.reply[:])
	if err != nil {
		return "", err
	}
	var m dns.Msg
	if err := m.Unpack(a.reply[:n]); err != nil {
		return "", err
	}
	for _, rr := range m.Answer {
		if address, ok := rr.(*dns.A); ok {
			return address.A.String(), nil
		}
	}
	return "", nil
}
