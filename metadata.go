package failover

import (
	"context"
	"strconv"

	"github.com/coredns/coredns/plugin/metadata"
)

// describe publishes which record, tier and targets answer a query, where the
// server block has metadata. It is done here and not in a metadata.Provider,
// because providers run before rewrite has settled the name.
func (a *answer) describe(ctx context.Context, picked []int) {
	if metadata.ValueFuncs(ctx) == nil {
		return
	}
	targets := a.targets(picked)
	metadata.SetValueFunc(ctx, name+"/record", func() string { return a.record.Name })
	metadata.SetValueFunc(ctx, name+"/tier", func() string { return strconv.Itoa(a.Tier) })
	metadata.SetValueFunc(ctx, name+"/target", func() string { return targets })
}
