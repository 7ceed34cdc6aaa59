package probe_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/coredns-failover/failover/bench/rig"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/probe"
	"github.com/coredns-failover/failover/plugin/watch"
)

// What one probe costs, the server's side and the kernel's included.
func BenchmarkProbe(b *testing.B) {
	plain := serve(b, reply(fine+"ok"))
	secure := serve(b, overTLS(with(system.issue(nil)), reply(fine+"ok")))
	hello := serve(b, say("220 ready\r\n"))
	datagrams := serveUDP(b, messages(right))
	service, secureService := serveGRPC(b, library()), serveGRPC(b, library(), secureGRPC(with(system.issue(nil))))
	for name, bench := range map[string]struct {
		check  model.Check
		server netip.AddrPort
	}{
		"tcp": {waiting(hello), hello}, "http": {reading(plain), plain}, "https": {readingSecurely(secure), secure},
		"tls": {tlsCheck(secure), secure}, "dns": {dnsCheck(datagrams), datagrams}, "icmp": {icmpCheck(), at("127.0.0.1")},
		"grpc": {grpcCheck(service), service}, "grpc over TLS": {overTLSToo(grpcCheck(secureService)), secureService},
	} {
		b.Run(name, func(b *testing.B) {
			prober := prober(b, bench.check, bench.server)
			b.ReportAllocs()
			for b.Loop() {
				if err := execute(b, prober); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWatched says what memory a connection takes that is watched, on this
// side and apart from the kernel's: its server has no memory for it, as it never
// accepts any.
func BenchmarkWatched(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	server := netip.MustParseAddrPort(listener.Addr().String())
	kit, poller := probe.NewKit(), watch.New(1<<20)
	all := make([]*probe.Watched, min(b.N, 4000)) // a listener's backlog
	before := rig.Heap()
	for i := range all {
		w, err := kit.Watched(poller, new(tcpCheck(server)), server.Addr())
		if err != nil {
			b.Fatal(err)
		}
		w.Watch(func() {})
		if _, err := w.Probe(b.Context()); err != nil {
			b.Fatal(err)
		}
		all[i] = w
	}
	b.ReportMetric(float64(rig.Heap()-before)/float64(len(all)), "heap-B/connection")
	for _, w := range all {
		w.Unwatch()
	}
}
