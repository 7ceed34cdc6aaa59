// Package state keeps what is known over a restart in a file, so that a new
// process starts with the verdicts, forced states and addresses of the one before
// instead of with nothing. It knows how that is kept, not what it means.
package state

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// State is what is kept. Words in it are those of the package that they come
// from; those of Verdict.Verdict and Forced.State are verified by Load.
type State struct {
	// Written is when all of it was true, by the clock of the machine: after that
	// was set back, it can lie ahead. A File sets it.
	Written  time.Time `json:"written"`
	Verdicts []Verdict `json:"verdicts,omitempty"`
	Forced   []Forced  `json:"forced,omitempty"`
	Holds    []Hold    `json:"holds,omitempty"`
	Names    []Name    `json:"names,omitempty"`
}

// Verdict is that of one check. There is none for checks without a verdict.
type Verdict struct {
	// Check identifies the check, in words of who keeps the state.
	Check   string    `json:"check"`
	Verdict string    `json:"verdict"` // "healthy" or "unhealthy"
	Since   time.Time `json:"since"`
	// AsOf is when the verdict was last known to be true. A verdict that a process
	// took over from a file, and has not confirmed by a probe, keeps that of the
	// file: else a process that starts again and again would never let it get old.
	// Zero is State.Written; Load fills that in.
	AsOf time.Time `json:"as_of,omitzero"`
}

// Forced is a state that an operator has set.
type Forced struct {
	Server string    `json:"server"` // what the server block listens on
	Zone   string    `json:"zone"`
	View   string    `json:"view,omitempty"`
	Record string    `json:"record"`           // the name of the record
	Target string    `json:"target,omitempty"` // empty is all of the record
	State  string    `json:"state"`            // "drained", "healthy" or "unhealthy"
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // zero is never
}

// Hold is the tier that a record is held at, as failback has it.
type Hold struct {
	Server string `json:"server"`
	Zone   string `json:"zone"`
	View   string `json:"view,omitempty"`
	Record string `json:"record"`
	Family string `json:"family"`
	Tier   int    `json:"tier"`
}

// Name is what an alias was last resolved to.
type Name struct {
	Server string `json:"server"`
	Zone   string `json:"zone"`
	View   string `json:"view,omitempty"`
	Name   string `json:"name"`
	// Next is set where Name stands for what the next plugins answer for it.
	Next  bool         `json:"next,omitempty"`
	Addrs []netip.Addr `json:"addrs"`
	TTL   uint32       `json:"ttl_seconds"`
}

// check returns what a state that was read must not have, which only a bug or a
// hand that also made a checksum puts there.
func (s State) check() error {
	if s.Written.IsZero() {
		return errors.New("it does not say when it was written")
	}
	for _, v := range s.Verdicts {
		if !slices.Contains([]string{"healthy", "unhealthy"}, v.Verdict) {
			return fmt.Errorf("there is no verdict %.40q", v.Verdict)
		}
	}
	for _, f := range s.Forced {
		if !slices.Contains([]string{"drained", "healthy", "unhealthy"}, f.State) {
			return fmt.Errorf("there is no forced state %.40q", f.State)
		}
	}
	for _, n := range s.Names {
		if slices.ContainsFunc(n.Addrs, func(a netip.Addr) bool { return !a.IsValid() }) {
			return fmt.Errorf("%.300q has an empty address", n.Name)
		}
	}
	return nil
}
