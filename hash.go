package failover

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
)

// hash is one of all that the Corefile says about failover: replicas that have the
// same one are configured alike, whatever the order in their files. Where each of
// them listens, and keeps its state, is its own.
func (c *configuration) hash() string {
	if c == nil {
		return ""
	}
	c.hashed.Do(func() {
		parts := []string{part(replicated(c.settings()))}
		for _, f := range c.handlers {
			for i := range f.block.Records {
				parts = append(parts, part(struct {
					Ports, View string
					Record      *model.Record
				}{f.ports(), f.config.ViewName, &f.block.Records[i]}))
			}
		}
		slices.Sort(parts)
		sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
		c.sum = hex.EncodeToString(sum[:6])
	})
	return c.sum
}

// replicated returns the settings of the process without what is its own.
func replicated(p model.Process) model.Process {
	p.Place = ""
	if p.Admin != nil {
		admin := *p.Admin
		admin.Addr = ""
		p.Admin = &admin
	}
	if p.StateFile != nil {
		file := *p.StateFile
		file.Path = ""
		p.StateFile = &file
	}
	return p
}

// ports is what the server block speaks, and on which ports.
func (f *Failover) ports() string {
	var ports []string
	for _, key := range f.keys {
		transport, _, _ := strings.Cut(key, "://")
		ports = append(ports, transport+key[strings.LastIndexByte(key, ':'):])
	}
	slices.Sort(ports)
	return strings.Join(slices.Compact(ports), ",")
}

func part(v any) string {
	text, _ := json.Marshal(v) //nolint:errchkjson // a model has nothing that is no JSON
	return string(text)
}
