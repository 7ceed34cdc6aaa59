package admin

import (
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
)

// front is what every request passes before its handler. Its fields are
// read-only.
type front struct {
	mux   *http.ServeMux
	needs map[string]right // by pattern of the mux
	gate  *gate
	cross *http.CrossOriginProtection
	log   func(format string, args ...any)
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := &answer{ResponseWriter: rw}
	defer f.survive(w, r)
	secure(w.Header())
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := f.serve(w, r); err != nil {
		f.refuse(w, r, err)
	}
}

// serve asks in this order, so that nobody learns which paths there are without
// being admitted.
func (f *front) serve(w http.ResponseWriter, r *http.Request) error {
	if f.gate.local && !isLoopbackHost((&url.URL{Host: r.Host}).Hostname()) {
		return fail(http.StatusMisdirectedRequest,
			"this server does not go by the name %s; write localhost, or an address such as 127.0.0.1", plain(r.Host))
	}
	if err := f.cross.Check(r); err != nil {
		return fail(http.StatusForbidden, "a page of another site asked for this")
	}
	pattern := f.pattern(r)
	id, err := f.gate.admit(r, f.need(pattern))
	if err != nil {
		return err
	}
	if pattern == "" {
		return f.unknown(w, r)
	}
	f.mux.ServeHTTP(w, id.with(r))
	return nil
}

// pattern returns the one of the route; empty where there is none. Paths that
// the mux would redirect have none: no client of ours sends such.
func (f *front) pattern(r *http.Request) string {
	if p := r.URL.EscapedPath(); path.Clean(p) != p {
		return ""
	}
	_, pattern := f.mux.Handler(r)
	return pattern
}

// need is reads where nothing else is known.
func (f *front) need(pattern string) right {
	if pattern == "GET /{$}" || strings.HasPrefix(pattern, "GET /static/") {
		return open // the page is a form to sign in with, for those who may not read
	}
	return f.needs[pattern]
}

// unknown says which methods would have met a route.
func (f *front) unknown(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	} {
		other := r.WithContext(r.Context())
		other.Method = method
		if f.pattern(other) != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 || slices.Contains(allowed, r.Method) {
		return fail(http.StatusNotFound, "there is nothing here; /v1/openapi.json lists what there is")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return fail(http.StatusMethodNotAllowed, "this takes %s", strings.Join(allowed, ", "))
}

// refuse writes an error, and logs it where it is none of the client's.
func (f *front) refuse(w http.ResponseWriter, r *http.Request, err error) {
	told, foreseen := asFailure(err)
	if !foreseen {
		f.log("admin: %s %s: %v", plain(r.Method), plain(r.URL.Path), err)
	}
	told.write(w)
}

// survive answers for a handler that panicked. Where that had begun to answer,
// the connection is cut: half of an answer must not look like one.
func (f *front) survive(w *answer, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this
		f.log("admin: %s %s: panic: %v\n%s", plain(r.Method), plain(r.URL.Path), v, debug.Stack())
	}
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	told, _ := asFailure(nil)
	told.write(w)
}

// secure sets what browsers should know. Pages of ours need no more than this.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "+
		"img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	// "no-referrer" would have browsers send forms as of an unknown origin.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// answer knows whether it has begun.
type answer struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(code int) {
	a.begun = true
	a.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
