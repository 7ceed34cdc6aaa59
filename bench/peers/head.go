package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/coredns-failover/failover/bench/rig"
)

var (
	gdnsd   = rig.Need{Program: "gdnsd", Package: "gdnsd"}
	haproxy = rig.Need{Program: "haproxy", Package: "haproxy"}
)

// head is the section that says what was measured. Versions are those of this run,
// which a section of an earlier one may not have had.
func head(ctx context.Context, s settings) rig.Section {
	versions := []string{
		"* failover: " + rig.Version(ctx, s.coredns, "-version"),
	}
	for _, p := range []struct{ name, command string }{
		{"HAProxy", "haproxy -v"}, {"gdnsd", "dpkg-query -W gdnsd"},
	} {
		versions = append(versions, fmt.Sprintf("* %s: %s", p.name, rig.Version(ctx, strings.Fields(p.command)...)))
	}
	versions = append(versions, "* Commands: `coredns -conf Corefile`, `haproxy -db -f haproxy.cfg`, `gdnsd -c . start`, "+
		"with what `bench/peers/configuration.go` writes; all on 127.0.0.0/8, the backends in processes of their own")
	return rig.Section{Name: "head", Title: "Versions", Notes: []string{strings.Join(versions, "\n")}}
}
