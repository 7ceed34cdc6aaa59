package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

//go:embed page
var pageFiles embed.FS

// perPage is how many records a page lists.
const perPage = 50

// page is the status page: HTML that tells everything by itself, and a script
// that keeps it up to date. Its style and script are files of their own, since
// the server's policy allows nothing inline.
type page struct {
	source    Source
	templates *template.Template
	static    map[string]asset // by the name it is served under
}

// asset is a file that is served under a name with a hash of what it holds, so
// that a browser may keep it for good.
type asset struct {
	name, kind string
	content    []byte
}

func newPage(s Source) *page {
	p := &page{source: s, static: make(map[string]asset)}
	links := make(map[string]string)
	for file, kind := range map[string]string{
		"page.css": "text/css; charset=utf-8",
		"page.js":  "text/javascript; charset=utf-8",
		"icon.svg": "image/svg+xml",
	} {
		a := newAsset(file, kind)
		p.static[a.name] = a
		links[file] = "/static/" + a.name
	}
	p.templates = template.Must(template.New("").
		Funcs(template.FuncMap{"static": func(file string) string { return links[file] }}).
		Funcs(pageWords).
		ParseFS(pageFiles, "page/*.html"))
	return p
}

func newAsset(file, kind string) asset {
	content, err := pageFiles.ReadFile("page/" + file)
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(content)
	extension := path.Ext(file)
	name := strings.TrimSuffix(file, extension) + "-" + hex.EncodeToString(sum[:6]) + extension
	return asset{name: name, kind: kind, content: content}
}

// register serves the page, the parts of it that its script asks for anew, and
// its files.
func (p *page) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.home)
	mux.HandleFunc("GET /record", p.record)
	mux.HandleFunc("GET /overview", p.overview)
	mux.HandleFunc("GET /static/{name}", p.asset)
}

// home serves the page: a part of all records, or the one that "id" names.
func (p *page) home(w http.ResponseWriter, r *http.Request) {
	if !mayRead(r) {
		// A browser knows no such scheme, so it shows the page: a form.
		w.Header().Set("WWW-Authenticate", `Bearer realm="failover"`)
		p.render(w, http.StatusUnauthorized, "sign-in", nil)
		return
	}
	v := p.view(r)
	if id := r.URL.Query().Get("id"); id != "" {
		p.homeOfOne(w, v, id)
		return
	}
	found := p.source.Records(v.Query)
	v.setFound(found)
	for _, s := range found.Records {
		// A record that is gone by now is none.
		if rec, err := p.source.Record(s.ID); err == nil {
			v.Records = append(v.Records, v.record(rec))
		}
	}
	p.render(w, http.StatusOK, "home", v)
}

func (p *page) homeOfOne(w http.ResponseWriter, v *homeView, id string) {
	v.One = id
	rec, err := p.source.Record(id)
	if err != nil {
		told, _ := asFailure(err)
		v.Problem, v.Candidates = told.detail, told.candidates
		p.render(w, told.code, "home", v)
		return
	}
	v.setFound(status.Page{Total: 1})
	one := v.record(rec)
	one.Open, one.Full = true, true
	v.Records = []*recordView{one}
	p.render(w, http.StatusOK, "home", v)
}

// record serves one record as HTML: "id" names it, and "full" shows all of it.
func (p *page) record(w http.ResponseWriter, r *http.Request) {
	rec, err := p.source.Record(r.URL.Query().Get("id"))
	if err != nil {
		told, _ := asFailure(err)
		told.write(w)
		return
	}
	v := newRecordView(rec, time.Now(), roleOf(r))
	v.Full = r.URL.Query().Has("full")
	p.render(w, http.StatusOK, "record", v)
}

// overview serves what stands above the records as HTML.
func (p *page) overview(w http.ResponseWriter, r *http.Request) {
	v := p.view(r)
	v.One = r.URL.Query().Get("id")
	if v.One == "" {
		q := v.Query
		q.Limit = 1
		v.setFound(p.source.Records(q))
	} else {
		v.setFound(status.Page{Total: 1})
	}
	p.render(w, http.StatusOK, "overview", v)
}

func (p *page) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := p.static[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.content) // who asked may be gone
}

// render answers with a template, once all of it is known to be right.
func (p *page) render(w http.ResponseWriter, code int, name string, v any) {
	var out bytes.Buffer
	if err := p.templates.ExecuteTemplate(&out, name, v); err != nil {
		fail(http.StatusInternalServerError, "the page can not be shown: %v", err).write(w)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = out.WriteTo(w) // who asked may be gone
}

// view returns what is the same for every page that a request may ask for.
func (p *page) view(r *http.Request) *homeView {
	given := r.URL.Query()
	v := &homeView{
		Overview: p.source.Overview(),
		Now:      time.Now(),
		Query: status.Query{
			Search: given.Get("q"),
			State:  given.Get("state"),
			After:  given.Get("after"),
			Limit:  perPage,
		},
		Number: 1,
	}
	v.Who, v.Role, v.SignedIn = signedIn(r)
	if n, err := strconv.Atoi(given.Get("page")); err == nil && v.Query.After != "" && n > 1 {
		v.Number = n
	}
	v.setAttention(p.source)
	return v
}

func roleOf(r *http.Request) string {
	_, role, _ := signedIn(r)
	return role
}
