package admin

import (
	"net/http"

	"github.com/coredns-failover/failover/plugin/status"
)

// api holds the handlers. Its fields are read-only.
type api struct {
	source Source
	gate   *gate
	events *events
	limits limits
	log    func(format string, args ...any)
}

// route is a way into the API. Its handler writes the answer, or returns why
// there is none.
type route struct {
	method, path string
	need         right
	serve        func(w http.ResponseWriter, r *http.Request) error
}

func (r route) pattern() string { return r.method + " " + r.path }

// routes lists all that openapi.json describes.
func (a *api) routes() []route {
	return []route{
		{http.MethodGet, "/v1/openapi.json", reads, a.describe},
		{http.MethodGet, "/v1/status", reads, a.overview},
		{http.MethodGet, "/v1/records", reads, a.records},
		{http.MethodGet, "/v1/records/{id}", reads, a.record},
		{http.MethodGet, "/v1/records/{id}/explain", reads, a.explain},
		{http.MethodPost, "/v1/records/{id}/drain", drains, a.act(status.Drain)},
		{http.MethodPost, "/v1/records/{id}/force", steers, a.act(status.Force)},
		{http.MethodPost, "/v1/records/{id}/clear", drains, a.act(status.Clear)},
		{http.MethodPost, "/v1/records/{id}/failback", steers, a.act(status.Failback)},
		{http.MethodPost, "/v1/heartbeat/{id}", beats, a.beat},
		{http.MethodGet, "/v1/events", reads, a.stream},
		{http.MethodPost, "/session", open, a.signIn},
		{http.MethodDelete, "/session", open, a.signOut},
	}
}

// newFront joins the API and the page.
func newFront(a *api) *front {
	f := &front{
		mux:   http.NewServeMux(),
		needs: make(map[string]right),
		gate:  a.gate,
		cross: http.NewCrossOriginProtection(),
		log:   a.log,
	}
	for _, route := range a.routes() {
		f.needs[route.pattern()] = route.need
		f.mux.HandleFunc(route.pattern(), func(w http.ResponseWriter, r *http.Request) {
			if err := route.serve(w, r); err != nil {
				f.refuse(w, r, err)
			}
		})
	}
	newPage(a.source).register(f.mux)
	return f
}
