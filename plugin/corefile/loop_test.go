package corefile_test

import (
	"testing"
)

// TestZonesEndWildcards: a zone of the server block is a name of its own, which no
// wildcard above it covers. What is in it does not lead back.
func TestZonesEndWildcards(t *testing.T) {
	blocks, err := parse(`example.org sub.example.org {
		failover *.example.org {
			primary host.sub.example.org
			check http
		}
	}`)
	if err != nil || len(blocks) != 1 || len(blocks[0].Records) != 1 {
		t.Errorf("got %+v, %v", blocks, err)
	}
}
