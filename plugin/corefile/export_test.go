package corefile

import (
	"iter"

	"github.com/coredns/caddy/caddyfile"

	"github.com/coredns-failover/failover/plugin/model"
)

// ParseAll is Parse without the gate of notyet.go: it shows that what this
// version does not do yet is read all the same.
func ParseAll(tokens iter.Seq[caddyfile.Token], zones []string) (model.Block, error) {
	return parse(readDirectives(tokens), zones)
}
