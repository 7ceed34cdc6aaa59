package corefile

// refusals are the words that the grammar has and this version does not do
// yet. Each looks at a line that begins with the word, and says what of it is
// not done, or "". They hold in blocks of any kind, since no word of the
// grammar means two things. To let a word through, delete its line.
var refusals = map[string]func(line) string{
	"check":      first("heartbeat"),
	"failback":   first("manual"),
	"watch":      wholly,
	"status_to":  wholly,
	"admin":      wholly,
	"state_file": wholly,
	"notify":     wholly,
}

// notYet refuses what is right but not done yet. It comes last, so that what is
// wrong is found all the same.
func notYet(directives []line) error {
	for _, d := range directives {
		if err := refuse(d.block); err != nil {
			return about(d, err)
		}
	}
	return nil
}

func refuse(block []line) error {
	for _, l := range block {
		if refused, found := refusals[l.name()]; found {
			if what := refused(l); what != "" {
				return at(l.words[0], "%s is not supported yet", what)
			}
		}
		if err := refuse(l.block); err != nil {
			return err
		}
	}
	return nil
}

// wholly refuses the word whatever stands behind it.
func wholly(l line) string { return quoted(l.name()) }

// first returns a function that refuses this first argument of the word.
func first(argument string) func(line) string {
	return func(l line) string {
		if l.arg(0) == argument {
			return l.name() + " " + quoted(argument)
		}
		return ""
	}
}
