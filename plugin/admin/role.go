package admin

import "slices"

// role is what a credential is good for.
type role string

const (
	roleRead      role = "read"
	roleDrain     role = "drain"
	roleAll       role = "all"
	roleHeartbeat role = "heartbeat"
)

// right is what a request needs.
type right int

const (
	reads  right = iota // the zero value: what no route says otherwise
	open                // nothing
	drains              // take out of service, and put back what is forced
	steers              // anything else that changes answers
	beats               // report a service as alive
)

// rights lists what each role may do. A service's token may do nothing but
// report the service.
var rights = map[role][]right{
	roleRead:      {reads},
	roleDrain:     {reads, drains},
	roleAll:       {reads, drains, steers, beats},
	roleHeartbeat: {beats},
}

func (r role) may(need right) bool {
	return need == open || slices.Contains(rights[r], need)
}
