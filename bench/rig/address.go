package rig

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// FreePort returns a port that is free on every address of this machine, for
// UDP and TCP, now.
func FreePort(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	for range 100 {
		listener, err := lc.Listen(ctx, "tcp4", "0.0.0.0:0")
		if err != nil {
			return "", err
		}
		port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
		packets, err := lc.ListenPacket(ctx, "udp4", "0.0.0.0:"+port)
		listener.Close()
		if err == nil {
			packets.Close()
			return port, nil
		}
	}
	return "", fmt.Errorf("no port is free for both UDP and TCP")
}

// TargetIP is the address of the nth target, from 0 on: one of its own for each of
// the first four million, none of them in 127.0.0.0/16.
func TargetIP(n int) string {
	return fmt.Sprintf("127.%d.%d.%d", 1+n/62500, n/250%250, 1+n%250)
}

// LookUp asks the server at address for the A records of name, and returns the
// addresses that it answers with.
func LookUp(ctx context.Context, address, name string) (ips []string, err error) {
	client := dns.Client{Timeout: time.Second}
	reply, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), address)
	if err != nil {
		return nil, err
	}
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); ok {
			ips = append(ips, a.A.String())
		}
	}
	return ips, nil
}

// AnswersDNS is an Up: the server at address answers the question for an A record
// of name with one.
func AnswersDNS(address, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		ips, err := LookUp(ctx, address, name)
		if err == nil && len(ips) == 0 {
			err = fmt.Errorf("%s has no address for %s", address, name)
		}
		return err
	}
}

// Accepts is an Up: the TCP endpoint accepts a connection.
func Accepts(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		dialer := net.Dialer{Timeout: time.Second}
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}
