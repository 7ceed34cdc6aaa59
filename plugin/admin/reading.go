package admin

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var description []byte

func (*api) describe(w http.ResponseWriter, _ *http.Request) error {
	writeBody(w, http.StatusOK, "application/json", description)
	return nil
}

func (a *api) overview(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	return writeJSON(w, a.source.Overview())
}

func (a *api) records(w http.ResponseWriter, r *http.Request) error {
	given, err := parseQuery(r, "search", "state", "after", "limit")
	if err != nil {
		return err
	}
	q, err := recordsQuery(given)
	if err != nil {
		return err
	}
	return writeJSON(w, a.source.Records(q))
}

func (a *api) record(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	id, err := pathID(r)
	if err != nil {
		return err
	}
	rec, err := a.source.Record(id)
	if err != nil {
		return err
	}
	return writeJSON(w, rec)
}

func (a *api) explain(w http.ResponseWriter, r *http.Request) error {
	given, err := parseQuery(r, "client", "type", "down")
	if err != nil {
		return err
	}
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q, err := question(given)
	if err != nil {
		return err
	}
	e, err := a.source.Explain(id, q)
	if err != nil {
		return err
	}
	return writeJSON(w, e)
}

// pathID returns the ID that stands in the path, where "%2F" is a slash of it.
func pathID(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if len(id) > maxID {
		return "", fail(http.StatusNotFound, "no ID has more than %d bytes", maxID)
	}
	return id, nil
}
