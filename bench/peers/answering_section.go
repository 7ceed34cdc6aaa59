package main

import (
	"fmt"

	"github.com/coredns-failover/failover/bench/rig"
)

// near is how much a figure may differ from another for the same.
const near = 1.05

// answeringSection is the table of all that was asked.
func answeringSection(one, many, flips *match) rig.Section {
	return rig.Section{
		Title: "Answering",
		Measures: []rig.Measure{{
			What: "CPU per query, one record", Show: rig.Microseconds, Figures: one.row(perQuery),
			Goal: rig.AtMost(one.ratio(perQuery, theHosts), 1, "at most *hosts*"),
		}, {
			What: "queries per second at saturation, one record (more is better)", Show: rig.Count,
			Figures: one.row(perSecond),
			Goal:    rig.AtLeast(one.ratio(perSecond, theHosts), 1, "at least *hosts*"),
		}, {
			What: "CPU per query, all records in turn", Show: rig.Microseconds, Figures: many.row(perQuery),
			Goal: rig.AtMost(many.ratio(perQuery, oursOfOne), near, "within 5% of one record"),
		}, {
			What: "memory of the process then", Show: rig.MiB, Figures: many.row(resident),
		}, {
			What: "CPU per query, with that of the probes", Show: rig.Microseconds, Figures: flips.row(perQuery),
			Goal: rig.AtMost(flips.ratio(perQuery, oursProbing), near, "within 5% of as many probes"),
		}},
		Notes: []string{fmt.Sprintf(answeringNotes, flips.figure(verdicts, oursFlipping),
			many.figure(perQuery, theHostsOfMany)/many.figure(perQuery, theHostsOfOne))},
	}
}

const answeringNotes = `dnsperf asks with one thread, 10 sockets and 100 queries outstanding. It shares the cores with
the server, so CPU per query (user and system time of the server's process) is the figure to judge by. Servers that
are compared are all up at once, and each is asked for a second in its turn, whose order is one of chance; a ratio is
the median of the rounds' ratios. Records have "check none", 100,000 are asked for in an order of chance. 1,000 probes
a second are 300 HTTP checks every 300 ms with threshold 1; for verdicts the target answers 200 and 500 in turn, which
made %.0f verdicts a second, each with two lines in the log. Both are the same process, and the ratio is good to 2%%.
By a profile on an AMD EPYC a change of verdict takes 36 µs, 8 of them for the lines, and a query beside a thousand of
them a second 4%% more.

gdnsd is better by far, as no CoreDNS plugin can be: it receives and sends many packets with one system call (recvmmsg
and sendmmsg), writes the answer into the packet that it has, and has neither garbage nor goroutines. A profile of
CoreDNS with one record shows sendmsg with about 38%% of the time and recvmsg with 7%%, one of each for every query;
10%% are allocations and 5%% their collection; reading the question into a dns.Msg and packing the reply out of one
(miekg/dns) take about 10%%, the goroutine of each query with its stack that has to grow and its scheduling as much.
*failover* itself takes about 4%%.

Of 100,000 records the one that is asked for is in no cache of the processor: with its name, its answer and its counter
it lies in one place, which is waited for. That is nearly all of the difference: asked for one of them again and again,
the same server takes about what it takes with one record. The wait is as long as the machine's memory has it: on AMD
EPYCs it does not show (0.96 to 1.02), on two Intel Xeons 100,000 records took 1.05 and 1.09 of one, where *hosts* took
1.09 and 1.13 of one name. Here *hosts* took %.2f. Huge pages help where memory is slow: with "always" in
/sys/kernel/mm/transparent_hugepage/enabled, which is not how this was measured, 100,000 records took 4%% less on the
slower Xeon.`
