package failover

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/coredns/coredns/plugin/metadata"
)

// describe publishes which record, tier and targets answer a query, where the
// server block has metadata. It is done here and not in a metadata.Provider,
// because providers run before rewrite has settled the name.
func (r *record) describe(ctx context.Context, c policy.Choice) {
	if metadata.ValueFuncs(ctx) == nil {
		return
	}
	tier, targets := strconv.Itoa(c.Tier), words(c.Picks)
	metadata.SetValueFunc(ctx, name+"/record", func() string { return r.Name })
	metadata.SetValueFunc(ctx, name+"/tier", func() string { return tier })
	metadata.SetValueFunc(ctx, name+"/target", func() string { return targets })
}

// words names the targets that were picked, as written.
func words(picks []policy.Pick) string {
	var words []string
	for _, p := range picks {
		if !slices.Contains(words, p.Target.Text) {
			words = append(words, p.Target.Text)
		}
	}
	return strings.Join(words, ",")
}
