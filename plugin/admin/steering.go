package admin

import (
	"net/http"
	"strconv"

	"github.com/coredns-failover/failover/plugin/status"
)

// act returns the handler of a verb.
func (a *api) act(verb string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := parseQuery(r); err != nil {
			return err
		}
		id, err := pathID(r)
		if err != nil {
			return err
		}
		wanted, err := readAction(r, verb)
		if err != nil {
			return err
		}
		who := sender(r).who
		rec, err := a.source.Act(id, verb, who, wanted)
		if err != nil {
			told, _ := asFailure(err)
			a.log("%s: %s: not done: %s", who, phrase(id, verb, wanted), oneLine(told.detail))
			return err
		}
		a.log("%s: %s", who, phrase(id, verb, wanted))
		return writeJSON(w, rec)
	}
}

// beat takes a heartbeat in. That comes every few seconds and is not logged.
func (a *api) beat(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	id, err := pathID(r)
	if err != nil {
		return err
	}
	if err := a.source.Beat(id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// phrase is an action as the log has it: the record is called what the operator
// called it, since a name may stand for several.
func phrase(id, verb string, a status.Action) string {
	words := verb
	if a.State != "" {
		words += " " + a.State
	}
	words += " " + plain(id)
	if a.Target != "" {
		words += " target " + plain(a.Target)
	}
	if d, err := expiry(a.ExpiresIn); err == nil && d > 0 {
		words += " for " + d.String()
	}
	if a.Override {
		words += " by force"
	}
	return words + ": " + strconv.Quote(a.Reason)
}
