package main

import (
	"fmt"

	"github.com/coredns-failover/failover/bench/rig"
)

// row is what was measured of some programs, ours first.
func row(by map[string]rig.Figures, figure string, programs ...string) []rig.Figure {
	var all []rig.Figure
	for _, name := range programs {
		all = append(all, rig.Figure{Program: name, Value: by[name][figure]})
	}
	return all
}

// near is how much a figure may differ from another for the same.
const near = 1.05

// answeringSection is the table of all that was asked.
func answeringSection(by map[string]rig.Figures) rig.Section {
	cpu := func(name string) float64 { return by[name][perQuery] }
	one := []string{ours, theHosts, theFile, theTemplate, theGdnsd}
	return rig.Section{
		Title: "Answering",
		Measures: []rig.Measure{{
			What: "CPU per query, one record", Show: rig.Microseconds, Figures: row(by, perQuery, one...),
			Goal: rig.AtMost(cpu(ours), cpu(theHosts), "at most *hosts*"),
		}, {
			What: "queries per second at saturation, one record (more is better)", Show: rig.Count,
			Figures: row(by, perSecond, one...),
			Goal:    rig.AtLeast(by[ours][perSecond], by[theHosts][perSecond], "at least *hosts*"),
		}, {
			What: "CPU per query, all records in turn", Show: rig.Microseconds,
			Figures: row(by, perQuery, oursOfMany, ours, theHostsOfMany),
			Goal:    rig.AtMost(cpu(oursOfMany), near*cpu(ours), "within 5% of one record"),
		}, {
			What: "memory of the process then", Show: rig.MiB, Figures: row(by, resident, oursOfMany, ours, theHostsOfMany),
		}, {
			What: "CPU per query, with that of the probes", Show: rig.Microseconds,
			Figures: row(by, perQuery, oursFlipping, oursProbing, ours),
			Goal:    rig.AtMost(cpu(oursFlipping), near*cpu(oursProbing), "within 5% of as many probes"),
		}},
		Notes: []string{fmt.Sprintf(answeringNotes, by[oursFlipping][verdicts])},
	}
}

const answeringNotes = `dnsperf asks with one thread, 10 sockets and 100 queries outstanding. It shares the cores with
the server, so CPU per query (user and system time of the server's process) is the figure to judge by. The servers run
one at a time. 100,000 records are asked for in an order of chance. 1,000 probes a second are 300 HTTP checks every
300 ms with threshold 1; for verdicts the target answers 200 and 500 in turn, which made %.0f verdicts a second, each
with two lines in the log.

gdnsd is better by far, as no CoreDNS plugin can be: it receives and sends many packets with one system call (recvmmsg
and sendmmsg), writes the answer into the packet that it has, and has neither garbage nor goroutines. A profile of
CoreDNS with one record shows sendmsg with about 38%% of the time and recvmsg with 7%%, one of each for every query;
10%% are allocations and 5%% their collection; reading the question into a dns.Msg and packing the reply out of one
(miekg/dns) take about 10%%, the goroutine of each query with its stack that has to grow and its scheduling as much.
*failover* itself takes about 4%%.

Of 100,000 records the one that is asked for is in no cache of the processor: to find it, its answer and its counter
takes about five waits for memory, and there is more for the garbage collector to go through. *hosts* with as many
names has the same, and keeps less of a name.`
