package probe

// Broken is the error of a probe that this machine could not carry out: a
// certificate file that cannot be read, no file descriptor left, a resolver
// that does not answer. It says nothing about the target.
type Broken struct{ Cause error }

// Error says what this machine lacks.
func (b *Broken) Error() string { return "cannot probe: " + b.Cause.Error() }

// Unwrap returns the cause.
func (b *Broken) Unwrap() error { return b.Cause }

// Broken is always true. Callers that must not import this package ask for it.
func (*Broken) Broken() bool { return true }
