package main

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
)

// This program and a CoreDNS built with plugin.cfg.example order their plugins
// alike.
func TestOrderIsThatOfPluginCfg(t *testing.T) {
	file, err := os.Open("../../plugin.cfg.example")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()

	var want []string
	for in := bufio.NewScanner(file); in.Scan(); {
		if name, _, isPlugin := strings.Cut(in.Text(), ":"); isPlugin && !strings.HasPrefix(name, "#") {
			want = append(want, name)
		}
	}
	if !slices.Equal(dnsserver.Directives, want) {
		t.Errorf("got  %q\nwant %q", dnsserver.Directives, want)
	}
}
