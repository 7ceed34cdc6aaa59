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
	id := display(k.name) + "@" + strings.ReplaceAll(k.server, "dns://", "") + "@" + display(k.zone)
	if k.view != "" {
		id += "@" + k.view
	}
	return id
}

// keyOf is the key that an ID was made of.
func keyOf(id string) recordKey {
	words := append(strings.SplitN(id, "@", 4), "", "", "")
	servers := strings.Split(words[1], ",")
	for i, server := range servers {
		if !strings.Contains(server, "://") {
			servers[i] = "dns://" + server
		}
	}
	return recordKey{strings.Join(servers, ","), canonical(words[2]), words[3], canonical(words[0])}
}

// key tells the record from others, once its handler has started.
func (r *record) key() recordKey {
	k := r.handler.at
	k.zone, k.name = r.handler.zones.Matches(r.Name), r.Name
	return k
}

func (r *record) id() string { return r.key().id() }
