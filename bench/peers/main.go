// Command peers measures failover side by side with programs that people would
// pick instead, from Debian's packages, and writes one Markdown table to
// bench/RESULTS.md. Run it with "make bench-peers".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

// settings are what the command line says.
type settings struct {
	rounds  int
	window  time.Duration
	coredns string // absolute
}

// scenario measures one thing.
type scenario struct {
	name  string
	needs []rig.Need
	run   func(context.Context, settings) (rig.Section, error)
}

// scenarios are in the order in which they run.
var scenarios = []scenario{
	{"probing", []rig.Need{haproxy, gdnsd}, probing},
	{"lateness", nil, lateness},
	{"switching", []rig.Need{gdnsd}, switching},
	{"watch", nil, watch},
	{"answering", []rig.Need{dnsperf, gdnsd}, answering},
	{"build", []rig.Need{dnsperf}, tuning},
	{"start", nil, start},
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == backendWord {
		end(runBackend(os.Args[2]))
	}
	var s settings
	names := flag.String("scenario", "", "run only these `NAMES`, separated by commas: "+strings.Join(known(), ", "))
	results := flag.String("results", "bench/RESULTS.md", "the report to update")
	flag.IntVar(&s.rounds, "rounds", 5, "measure every program so often, in turn")
	flag.DurationVar(&s.window, "window", 10*time.Second, "how long one measurement of CPU time lasts")
	flag.StringVar(&s.coredns, "coredns", "build/coredns", "the CoreDNS with failover to measure")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := measure(ctx, s, *names, *results)
	stop()
	end(err)
}

// end is the end of the program.
func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-peers:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func known() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// measure runs the scenarios, and puts each into the report once it is done.
func measure(ctx context.Context, s settings, names, results string) error {
	chosen, err := choose(names)
	if err != nil {
		return err
	}
	if s.coredns, err = filepath.Abs(s.coredns); err != nil {
		return err
	}
	if err := rig.Missing(needs(chosen)); err != nil {
		return err
	}
	for _, one := range chosen {
		fmt.Fprintf(os.Stderr, "%s begins at %s\n", one.name, time.Now().Format(time.TimeOnly))
		section, err := one.run(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		section.Name = one.name
		section.Notes = append(section.Notes, command(one.name))
		fmt.Println(section.Markdown())
		if err := rig.Update(results, "failover beside its peers", []rig.Section{head(ctx, s), section}); err != nil {
			return err
		}
	}
	return nil
}

func choose(names string) ([]scenario, error) {
	if names == "" {
		return scenarios, nil
	}
	var chosen []scenario
	for name := range strings.SplitSeq(names, ",") {
		i := slices.Index(known(), name)
		if i < 0 {
			return nil, fmt.Errorf("there is no scenario %q, only %s", name, strings.Join(known(), ", "))
		}
		chosen = append(chosen, scenarios[i])
	}
	return chosen, nil
}

func needs(chosen []scenario) []rig.Need {
	var all []rig.Need
	for _, one := range chosen {
		for _, need := range one.needs {
			if !slices.Contains(all, need) {
				all = append(all, need)
			}
		}
	}
	return all
}

// command is the note that says on what a section was measured, and how it is measured again.
func command(name string) string {
	args := []string{"build/peers", "-scenario", name}
	flag.Visit(func(f *flag.Flag) {
		if f.Name != "scenario" {
			args = append(args, "-"+f.Name, f.Value.String())
		}
	})
	return fmt.Sprintf("Measured on %s with `%s`\non %s.",
		time.Now().Format(time.DateOnly), strings.Join(args, " "), rig.Machine())
}
