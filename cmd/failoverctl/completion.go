package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
	"github.com/coredns-failover/failover/plugin/status"
)

// words returns what an argument may be, given those in front of it.
type words func(ctx context.Context, c *api.Client, before []string, begun string) []string

// completeArgs completes each argument by what is given for its place.
func (a *app) completeArgs(places ...words) cobra.CompletionFunc {
	return func(c *cobra.Command, before []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(before) >= len(places) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.ask(c.Context(), places[len(before)], before, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeTargets completes a flag by the targets of the record that is the
// first argument.
func (a *app) completeTargets(command *cobra.Command, flag string) {
	err := command.RegisterFlagCompletionFunc(flag,
		func(c *cobra.Command, before []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.ask(c.Context(), targets, before, begun), cobra.ShellCompDirectiveNoFileComp
		})
	if err != nil {
		panic(err) // there is no such flag
	}
}

// patience is how long a person at a prompt waits.
const patience = 2 * time.Second

// ask returns words of the first server that has some.
func (a *app) ask(ctx context.Context, of words, before []string, begun string) []string {
	a.readEnvironment() // it is no command that runs
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	replicas, err := a.connect(ctx)
	if err != nil {
		return nil
	}
	for _, c := range replicas {
		if words := of(ctx, c, before, begun); len(words) > 0 {
			return words
		}
	}
	return nil
}

// mostWords is how many words are worth a look.
const mostWords = 100

// records are the names of records, and the IDs of those that share theirs.
func records(ctx context.Context, c *api.Client, _ []string, begun string) []string {
	page, err := c.Page(ctx, status.Query{Search: begun, Limit: mostWords})
	if err != nil {
		return nil
	}
	names := map[string]int{}
	for i := range page.Records {
		names[page.Records[i].Name]++
	}
	var words []string
	for i := range page.Records {
		word := page.Records[i].Name
		if names[word] > 1 || strings.Contains(begun, "@") {
			word = page.Records[i].ID
		}
		words = append(words, word)
	}
	return beginning(words, begun)
}

// targets are those of the record that is the last argument before.
func targets(ctx context.Context, c *api.Client, before []string, begun string) []string {
	if len(before) == 0 {
		return nil
	}
	record, err := c.Record(ctx, before[len(before)-1])
	if err != nil {
		return nil
	}
	var words []string
	for _, tier := range record.Tiers {
		for i := range tier.Targets {
			words = append(words, tier.Targets[i].Target)
		}
	}
	return beginning(words, begun)
}

// forcings are the states that a record can be forced into.
func forcings(_ context.Context, _ *api.Client, _ []string, begun string) []string {
	return beginning([]string{status.ForcedHealthy, status.ForcedUnhealthy}, begun)
}

// beginning leaves out words that begin in another way, and those that a shell
// could not print.
func beginning(words []string, begun string) []string {
	return slices.DeleteFunc(words, func(word string) bool {
		return !strings.HasPrefix(word, begun) || printable(word) != word
	})
}
