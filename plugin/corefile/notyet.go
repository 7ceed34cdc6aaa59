package corefile

// notYet refuses what is right but not done yet: the option watch of a check. No
// other line of the grammar begins with that word. It comes last, so that what is
// wrong is found all the same.
func notYet(directives []line) error {
	for _, d := range directives {
		if err := refuseWatch(d.block); err != nil {
			return about(d, err)
		}
	}
	return nil
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
