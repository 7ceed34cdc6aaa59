package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/bench/rig"
)

// perRecord is how many targets a record has where checks are compared: few
// records, so that it is checks that are weighed. gdnsd refuses more than 360.
const perRecord = 250

// home is the address of every program that is measured; ports tell them apart.
const home = "127.0.0.1"

// up is a name that every name server here answers without a check.
const up = "up.example.org"

// coredns is CoreDNS at home with more lines of its server block, which may be none.
func coredns(s settings, port, lines string) rig.Program {
	corefile := fmt.Sprintf(`example.org:%s {
    bind %s
%s    hosts {
        %s %s
        fallthrough
    }
}
`, port, home, lines, home, up)
	return rig.Program{
		Name: "failover", Command: []string{s.coredns, "-conf", "Corefile"},
		Files: map[string]string{"Corefile": corefile},
		Up:    rig.AnswersDNS(net.JoinHostPort(home, port), up),
	}
}

// gdnsdServer is gdnsd at home with the types of service and plugins that are
// given, and a zone file's lines.
func gdnsdServer(port, services, plugins, zone string) rig.Program {
	return rig.Program{
		Name: "gdnsd", Command: []string{"gdnsd", "-c", ".", "start"},
		Files: map[string]string{
			"config": fmt.Sprintf("options => { listen => %s:%s, run_dir => run, state_dir => state }\n%s%s",
				home, port, services, plugins),
			"zones/example.org": "@ SOA ns hostmaster 1 7200 1800 259200 900\n@ NS ns\n" +
				"ns A " + home + "\nup A " + home + "\n" + zone,
			"run/": "", "state/": "",
		},
		Up: rig.AnswersDNS(net.JoinHostPort(home, port), up),
	}
}

// haproxyServer is HAProxy at home with the backends that are given. With so many
// checks it would refuse to start where descriptors for all of them at once are
// more than the system grants; they are never open at once.
func haproxyServer(port, backends string) rig.Program {
	return rig.Program{
		Name: "HAProxy", Command: []string{"haproxy", "-db", "-f", "haproxy.cfg"},
		Files: map[string]string{"haproxy.cfg": fmt.Sprintf(`global
    maxconn 100
    no strict-limits
defaults
    mode http
    timeout connect 4s
    timeout client 4s
    timeout server 4s
    timeout check 4s
frontend up
    bind %s:%s
    http-request return status 200
%s`, home, port, backends)},
		Up: rig.Accepts(net.JoinHostPort(home, port)),
	}
}

// groups returns the addresses of so many targets, a group for each record.
func groups(targets int) [][]string {
	all := make([]string, targets)
	for i := range all {
		all[i] = rig.TargetIP(i)
	}
	return slices.Collect(slices.Chunk(all, perRecord))
}

// each joins what f says of each group.
func each(groups [][]string, f func(i int, group []string) string) string {
	var b strings.Builder
	for i, group := range groups {
		b.WriteString(f(i, group))
	}
	return b.String()
}
