package probe_test

import (
	"net/netip"
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
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
