package failover

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/coredns-failover/failover/plugin/model"
)

// hash is one of all that the Corefile says about failover: replicas that have the
// same one are configured alike, wherever it stands in their files.
func (c *configuration) hash() string {
	if c == nil {
		return ""
	}
	c.hashed.Do(func() {
		sum := sha256.New()
		to := json.NewEncoder(sum)
		process := c.settings()
		process.Place = ""
		to.Encode(process) //nolint:errcheck // a hash takes everything, and a model has nothing that is no JSON
		for _, f := range c.handlers {
			to.Encode(struct { //nolint:errcheck // as above
				Server, View string
				Records      []model.Record
			}{f.server(), f.config.ViewName, f.block.Records})
		}
		c.sum = hex.EncodeToString(sum.Sum(nil)[:6])
	})
	return c.sum
}
