package failover

import (
	"strings"
)

// recordKey tells the records of a configuration from each other: the same name
// at another listener, in another zone or view is another record.
type recordKey struct{ server, zone, view, name string }

// id names the record to operators: NAME@LISTENER@ZONE, and @VIEW where there is
// one.
func (k recordKey) id() string {
	words := []string{display(k.name), strings.ReplaceAll(k.server, "dns://", ""), display(k.zone)}
	if k.view != "" {
		words = append(words, k.view)
	}
	return strings.Join(words, "@")
}

func (r *record) id() string { return r.key.id() }
