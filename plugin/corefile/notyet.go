package corefile

import "iter"

// notYet passes directives on, and puts an error into gate about the first that is
// right but not done yet: the option watch of a check. No other line of the grammar
// begins with that word. The error comes last, so that what is wrong is found all the
// same.
func notYet(directives iter.Seq2[line, error], gate *error) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		for d, err := range directives {
			if refused := refuseWatch(d.block); refused != nil && *gate == nil {
				*gate = about(d, refused)
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

func refuseWatch(block []line) error {
	for _, l := range block {
		if l.name() == "watch" {
			return at(l.words[0], "%s is not supported yet", quoted(l.name()))
		}
		if err := refuseWatch(l.block); err != nil {
			return err
		}
	}
	return nil
}
