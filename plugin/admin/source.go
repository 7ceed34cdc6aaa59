package admin

import "github.com/coredns-failover/failover/plugin/status"

// Source is what an admin server shows and steers. Its methods may be called by
// any number of goroutines at once. Their errors are *status.Problem.
type Source interface {
	// Overview returns how the process fares.
	Overview() status.Overview
	// Records returns a page of summaries.
	Records(q status.Query) status.Page
	// Record returns all that is known of a record, named by its ID or its name.
	Record(id string) (status.Record, error)
	// Explain returns what would be answered.
	Explain(id string, q status.Question) (status.Explanation, error)
	// Act does what an operator asks for, who is named by; verb is one of those of
	// package status. It returns the record as it is then.
	Act(id, verb, by string, a status.Action) (status.Record, error)
	// Beat takes a heartbeat in.
	Beat(id string) error
}
