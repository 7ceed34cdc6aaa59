package test_test

import (
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// others is the cluster's Corefile, where a question for another name is
// answered out of the cache.
const others = `
.:{$PORT} {
    bind {$IP}
    errors
    {$FAILOVER}
    prometheus {$METRICS}
    forward . {$UPSTREAM}
    cache 3600
    loadbalance
}
`

// tenRecords is the failover block of the comparison.
const tenRecords = `failover db0.corp.example db1.corp.example db2.corp.example db3.corp.example db4.corp.example ` +
	`db5.corp.example db6.corp.example db7.corp.example db8.corp.example db9.corp.example {
        primary {$T1}
        secondary {$T2}
        check tcp {$TARGET_PORT}
    }`

// BenchmarkServer asks the whole server, over UDP and one question at a time:
// for a record, for the same out of hosts, and for another name with failover
// and without. "make bench" builds it without the race detector.
func BenchmarkServer(b *testing.B) {
	sites := startTargets(b, 2, ok)
	above := startUpstream(b, "@ 3600 IN SOA ns hostmaster 1 7200 3600 1209600 3600\nwww 3600 IN A 192.0.2.80\n")
	env := vars{"UPSTREAM": above.address}
	for _, one := range []struct{ name, block, asked string }{
		{"other-name-without", "whoami", "www.example.org"},
		{"other-name-with", tenRecords, "www.example.org"},
		{"record", tenRecords, "db7.corp.example"},
		{"hosts", "hosts {\n 192.0.2.7 db7.corp.example\n fallthrough\n}", "db7.corp.example"},
	} {
		b.Run(one.name, func(b *testing.B) {
			s := start(b, strings.Replace(others, "{$FAILOVER}", one.block, 1), sites.vars(), env)
			s.ask(b, one.asked, dns.TypeA)
			benchmarkQuestions(b, s, one.asked)
		})
	}
}

func benchmarkQuestions(b *testing.B, s *server, name string) {
	b.Helper()
	query, err := question(name, dns.TypeA).Pack()
	if err != nil {
		b.Fatal(err)
	}
	conn, err := net.Dial("udp", s.endpoint())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	reply := make([]byte, dns.MaxMsgSize)
	for b.Loop() {
		if _, err := conn.Write(query); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(reply); err != nil {
			b.Fatal(err)
		}
	}
}
