package test_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
)

// addresses counts the addresses given out. It begins at another place in each
// process, so that test processes side by side rarely meet.
var addresses atomic.Uint32

func init() { addresses.Store(uint32(os.Getpid()) * 509) }

// newIP returns an address in 127.0.0.0/8 that no other server of this process
// has. Linux has all of them; elsewhere the test is skipped, since they need to
// be given to the loopback interface first.
func newIP(t testing.TB) string {
	t.Helper()
	n := addresses.Add(1)
	ip := fmt.Sprintf("127.%d.%d.%d", 1+n/(254*256)%254, n/254%256, 1+n%254)
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		if runtime.GOOS != "linux" {
			t.Skipf("loopback has only 127.0.0.1 here: %v", err)
		}
		t.Fatal(err)
	}
	l.Close()
	return ip
}

// freePorts returns n ports of ip that are free for UDP and TCP.
func freePorts(t testing.TB, ip string, n int) []string {
	t.Helper()
	var ports []string
	for len(ports) < n {
		udp, err := net.ListenPacket("udp", net.JoinHostPort(ip, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer udp.Close()
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err != nil {
			continue // that port is taken for TCP
		}
		defer tcp.Close()
		_, port, _ := net.SplitHostPort(udp.LocalAddr().String())
		ports = append(ports, port)
	}
	return ports
}

// listenTogether listens on all of ips at the same port.
func listenTogether(t testing.TB, ips []string) []net.Listener {
	t.Helper()
	for range 100 {
		if listeners := tryTogether(t, ips); listeners != nil {
			return listeners
		}
	}
	t.Fatalf("found no port that is free on all of %v", ips)
	return nil
}

func tryTogether(t testing.TB, ips []string) []net.Listener {
	t.Helper()
	var listeners []net.Listener
	port := "0"
	for _, ip := range ips {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, port))
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil
		}
		listeners = append(listeners, l)
		_, port, _ = net.SplitHostPort(l.Addr().String())
	}
	return listeners
}
