package corefile

// process is what the directive without a name says: settings of the whole
// process, such as the guard of its uplink.
type process struct{}

// processProperties are the words of its block. The gate (notyet.go) refuses
// all of them, so that none has anything to set.
var processProperties = []property[process]{
	{name: "guard", usage: checkUsage, min: 1, max: many, block: true, set: setNothing},
	{name: "resolver", usage: "ADDRESS...", min: 1, max: many, set: setNothing},
	{name: "stale", usage: "DURATION", min: 1, max: 1, set: setNothing},
	{name: "status_to", usage: "CIDR...", min: 1, max: many, set: setNothing},
	{name: "admin", max: many, block: true, set: setNothing},
	{name: "state_file", max: many, block: true, set: setNothing},
	{name: "notify", max: many, block: true, set: setNothing},
}

func setNothing(*process, line) error { return nil }

// addProcess reads the directive without a name, which stands once.
func (s *serverBlock) addProcess(directive line) error {
	word := directive.words[0]
	if !directive.hasBlock {
		return at(word, `it has neither a name nor a block; write "failover NAME... {"`)
	}
	if s.process != nil {
		return at(word, "the settings of the process stand at %s already", place(s.process.words[0]))
	}
	s.process = &directive
	_, err := apply(&process{}, processProperties, directive.block, func(word string) error {
		return unknown("property of the process", word, names(processProperties))
	})
	return err
}
