package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/spf13/cobra"

	"github.com/coredns-failover/failover/plugin/corefile"
	"github.com/coredns-failover/failover/plugin/model"
)

const checkHelp = `check reads Corefiles without starting anything, and prints what failover
understands of them, with every default filled in. "-" is the standard input.
The exit status is 1 where CoreDNS would refuse one because of failover.

Imports and environment variables are resolved as CoreDNS does: the variables
are those of this process. What other plugins say is not checked, nor whether
CoreDNS has them: only the build that is to run the Corefile knows. Nor is it
checked whether files exist that are named in it.`

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check COREFILE...",
		Short: "Check Corefiles, and print what they mean",
		Long:  checkHelp,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.check(args)
		},
	}
}

func (a *app) check(paths []string) error {
	files := make([]understood, 0, len(paths))
	for _, path := range paths {
		servers, mistakes := a.readCorefile(path)
		for _, mistake := range mistakes {
			a.failed = true
			line(a.err, "%v", mistake) // begins with FILE:LINE, as editors want it
		}
		if len(mistakes) == 0 {
			files = append(files, understand(path, servers))
		}
	}
	if a.json() {
		return a.writeJSON(files, false)
	}
	w := bufio.NewWriter(a.out)
	for i := range files {
		files[i].write(w)
	}
	return w.Flush()
}

// server is a server block of a Corefile, and what failover is told there.
type server struct {
	keys  []string
	block model.Block
}

// readCorefile returns the server blocks of a file, or all mistakes in it.
func (a *app) readCorefile(path string) ([]server, []error) {
	if path == "-" {
		return parseCorefile("stdin", a.in)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, []error{err}
	}
	defer file.Close()
	return parseCorefile(path, file)
}

// parseCorefile reads a Corefile as CoreDNS does: caddy puts it into server
// blocks, and failover gets its own directives of each.
func parseCorefile(name string, text io.Reader) ([]server, []error) {
	blocks, err := caddyfile.Parse(name, text, nil)
	if err != nil {
		return nil, []error{placed(err)}
	}
	var servers []server
	var mistakes []error
	for _, b := range blocks {
		s, err := readServer(name, b)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		servers = append(servers, s)
	}
	if err := oneProcess(servers); err != nil {
		mistakes = append(mistakes, err)
	}
	return servers, mistakes
}

// placed gives an error of caddy the form of all others: FILE:LINE: what.
func placed(err error) error {
	return errors.New(strings.Replace(err.Error(), " - Error during parsing: ", ": ", 1))
}

func readServer(name string, b caddyfile.ServerBlock) (server, error) {
	zones, err := zonesOf(b.Keys)
	if err != nil {
		return server{}, fmt.Errorf("%s: %w", name, err)
	}
	tokens := b.Tokens["failover"]
	for i := range tokens {
		if tokens[i].File == "" {
			tokens[i].File = name // caddy names only files that are imported
		}
	}
	block, err := corefile.Parse(slices.Values(tokens), zones)
	if err != nil {
		return server{}, err
	}
	return server{b.Keys, block}, knowsRegions(b, block)
}

// zonesOf returns the zones of a server block by its keys, as CoreDNS expands
// them: a network may be several reverse zones.
func zonesOf(keys []string) ([]string, error) {
	var zones []string
	for _, key := range keys {
		_, rest := parse.Transport(key)
		hosts, _, err := plugin.SplitHostPort(rest)
		if err != nil {
			return nil, fmt.Errorf("server block %q: %w", key, err)
		}
		for _, host := range hosts {
			zones = append(zones, plugin.Name(host).Normalize())
		}
	}
	return zones, nil
}

// knowsRegions returns an error where the clients of a target are regions, and
// the server block lacks a plugin that tells them.
func knowsRegions(b caddyfile.ServerBlock, block model.Block) error {
	if block.Region == "" {
		return nil
	}
	for _, needed := range []string{"geoip", "metadata"} {
		if b.Tokens[needed] == nil {
			return fmt.Errorf("%s: the plugin %s tells where clients are; add it to the server block", block.Region, needed)
		}
	}
	return nil
}

// oneProcess returns an error where several server blocks set the process up.
func oneProcess(servers []server) error {
	var first *model.Process
	for _, s := range servers {
		p := s.block.Process
		if p == nil {
			continue
		}
		if first != nil {
			return fmt.Errorf("%s: the settings of the process stand at %s already", p.Place, first.Place)
		}
		first = p
	}
	return nil
}
