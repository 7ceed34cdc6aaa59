package main

import (
	"context"

	"github.com/coredns-failover/failover/bench/rig"
)

// The figures of a server that is asked.
const (
	perQuery  = "CPU per query"
	perSecond = "queries per second"
	resident  = "memory"
	verdicts  = "verdicts per second"
)

// The servers, as the table has them.
const (
	ours           = "failover"
	oursOfOne      = "failover, one record"
	oursOfMany     = "failover, 100,000 records"
	oursAmongMany  = "failover, 100,000 records, asked for one"
	oursFlipping   = "failover, 1,000 verdicts a second"
	oursProbing    = "failover, 1,000 probes a second"
	theHosts       = "CoreDNS *hosts*"
	theHostsOfOne  = "CoreDNS *hosts*, one name"
	theHostsOfMany = "CoreDNS *hosts*, 100,000 names"
	theFile        = "CoreDNS *file*"
	theTemplate    = "CoreDNS *template*"
	theGdnsd       = "gdnsd"
)

// answering measures what an answer costs.
func answering(ctx context.Context, s settings) (rig.Section, error) {
	one, many, flips := contests(s.coredns)
	if err := playAll(ctx, s, one, many, flips); err != nil {
		return rig.Section{}, err
	}
	return answeringSection(one, many, flips), nil
}

// contests are the matches between a CoreDNS with failover and its peers: with one
// record, with many, and while verdicts change.
func contests(coredns string) (one, many, flips *match) {
	with := func(block string) func(string, string) rig.Program {
		return func(port, _ string) rig.Program { return coreDNSWith(coredns, port, block, nil) }
	}
	withFile := func(block, file, text string) func(string, string) rig.Program {
		return func(port, _ string) rig.Program {
			return coreDNSWith(coredns, port, block, map[string]string{file: text})
		}
	}
	hosts := func(n int) func(string, string) rig.Program { return withFile(" hosts names\n", "names", hostsFile(n)) }
	probing := func(port, flapper string) rig.Program {
		return coreDNSWith(coredns, port, probedRecords(flapper), nil)
	}
	one = &match{of: []asked{
		{ours, 1, false, with(records(1))},
		{theHosts, 1, false, hosts(1)},
		{theFile, 1, false, withFile(" file zone\n", "zone", zoneFile)},
		{theTemplate, 1, false, with(templated())},
		{theGdnsd, 1, false, func(port, _ string) rig.Program { return gdnsdWithZone(port) }},
	}}
	many = &match{of: []asked{
		{oursOfMany, manyNames, false, with(records(manyNames))},
		{oursAmongMany, 1, false, nil},
		{oursOfOne, 1, false, with(records(1))},
		{theHostsOfMany, manyNames, false, hosts(manyNames)},
		{theHostsOfOne, 1, false, hosts(1)},
	}}
	flips = &match{of: []asked{
		{oursFlipping, flapping, true, probing},
		{oursProbing, flapping, false, nil},
	}}
	return one, many, flips
}
