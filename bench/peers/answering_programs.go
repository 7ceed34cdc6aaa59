package main

import (
	"fmt"
	"maps"
	"net"
	"strings"

	"github.com/coredns-failover/failover/bench/rig"
)

// answeringIP is where the servers listen that are asked, one at a time.
const answeringIP = "127.0.0.53"

// manyNames is how many records a large configuration has.
const manyNames = 100_000

// answer is the address that every record is answered with.
var answer = rig.TargetIP(0)

// coredns is a CoreDNS with a block for bench.example.
func coredns(binary, port, block string, files map[string]string) rig.Program {
	all := map[string]string{"Corefile": fmt.Sprintf("bench.example:%s {\n bind %s\n%s}\n", port, answeringIP, block)}
	maps.Copy(all, files)
	return rig.Program{
		Name: "CoreDNS", Command: []string{binary, "-conf", "Corefile"}, Files: all,
		Up: rig.AnswersDNS(net.JoinHostPort(answeringIP, port), benchName(0)),
	}
}

// records are n records of failover that are not probed.
func records(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, " failover %s {\n  primary %s\n  secondary %s\n  check none\n }\n",
			benchName(i), answer, rig.TargetIP(1))
	}
	return text.String()
}

// probedRecords are records of failover with a primary each that the flapper is
// behind: a single probe changes its verdict.
func probedRecords(port string) string {
	var text strings.Builder
	for i := range flapping {
		fmt.Fprintf(&text, " failover %s {\n  primary %s\n  secondary %s {\n   check none\n  }\n"+
			"  check http / {\n   port %s\n   interval %s\n   timeout %s\n   jitter 0%%\n   threshold 1\n  }\n }\n",
			benchName(i), rig.TargetIP(i), rig.TargetIP(flapping), port, flappingInterval, flappingInterval)
	}
	return text.String()
}

// hostsFile has n names.
func hostsFile(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%s %s\n", answer, benchName(i))
	}
	return text.String()
}

// zoneFile has one record.
var zoneFile = "$ORIGIN bench.example.\n" +
	"@ 3600 IN SOA ns hostmaster 1 7200 1800 86400 30\n@ 3600 IN NS ns\nns 3600 IN A " + answer + "\nn0 30 IN A " + answer + "\n"

func templated() string {
	return " template IN A {\n  answer \"{{ .Name }} 30 IN A " + answer + "\"\n }\n"
}

// gdnsdWithZone is a gdnsd with one record.
func gdnsdWithZone(port string) rig.Program {
	return rig.Program{
		Name: "gdnsd", Command: []string{gdnsd.Program, "-c", ".", "start"},
		Files: map[string]string{
			"config":              "options => {\n listen => " + answeringIP + ":" + port + "\n run_dir => run\n state_dir => state\n}\n",
			"zones/bench.example": zoneFile,
			"run/":                "", "state/": "",
		},
		Up: rig.AnswersDNS(net.JoinHostPort(answeringIP, port), benchName(0)),
	}
}
