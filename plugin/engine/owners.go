package engine

// owners are those who claim a check, oldest first. Mostly it is one, which takes no
// memory beside the check: there are tens of thousands.
type owners[O comparable] struct {
	oldest O    // the zero value is nobody
	others *[]O // nil is none
}

// none reports whether nobody claims it.
func (o *owners[O]) none() bool {
	var nobody O
	return o.oldest == nobody
}

// all returns them as a list of the caller's own.
func (o *owners[O]) all() []O {
	switch {
	case o.none():
		return nil
	case o.others == nil:
		return []O{o.oldest}
	default:
		return append([]O{o.oldest}, *o.others...)
	}
}

// become makes all of them the owners.
func (o *owners[O]) become(all []O) {
	*o = owners[O]{}
	if len(all) > 0 {
		o.oldest = all[0]
	}
	if len(all) > 1 {
		o.others = new(all[1:])
	}
}
