package admin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/coredns-failover/failover/plugin/admin"
	"github.com/coredns-failover/failover/plugin/status"
)

// description is openapi.json, which is valid.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(loader.Context, openapi3.EnableSchemaFormatValidation())
})

func describedAPI(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

var router = sync.OnceValues(func() (routers.Router, error) {
	doc, err := description()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// described finds responses that are not as described. All tests go through it.
type described struct {
	t    testing.TB
	next http.RoundTripper
}

func (d described) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	input := &openapi3filter.ResponseValidationInput{
		Status: resp.StatusCode, Header: resp.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		input.Options.ExcludeResponseBody = true // it has no end
	} else {
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(bytes.NewReader(text))
		input.SetBodyBytes(text)
	}
	checkDescribed(d.t, r, input)
	return resp, nil
}

func checkDescribed(t testing.TB, r *http.Request, got *openapi3filter.ResponseValidationInput) {
	t.Helper()
	paths, err := router()
	if err != nil {
		t.Fatal(err)
	}
	route, params, err := paths.FindRoute(r)
	switch {
	case errors.Is(err, routers.ErrPathNotFound), errors.Is(err, routers.ErrMethodNotAllowed):
		if !got.Options.ExcludeResponseBody {
			checkProblem(t, r, got)
		}
		return
	case err != nil:
		t.Fatal(err)
	}
	got.RequestValidationInput = &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
	if err := openapi3filter.ValidateResponse(t.Context(), got); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
}

// checkProblem is for what the description has no path for.
func checkProblem(t testing.TB, r *http.Request, got *openapi3filter.ResponseValidationInput) {
	t.Helper()
	if got.Header.Get("Content-Type") != "application/problem+json" || r.Method == http.MethodHead {
		return // the page's
	}
	var v any
	if err := json.NewDecoder(got.Body).Decode(&v); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	problem := describedAPI(t).Components.Schemas["Problem"].Value
	if err := problem.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
}

func TestDescriptionListsTheRoutes(t *testing.T) {
	var listed []string
	for path, item := range describedAPI(t).Paths.Map() {
		for method := range item.Operations() {
			listed = append(listed, method+" "+path)
		}
	}
	routes := admin.Routes()
	slices.Sort(listed)
	slices.Sort(routes)
	if !slices.Equal(listed, routes) {
		t.Errorf("described are\n%q\nand served are\n%q", listed, routes)
	}
}

func TestDescriptionIsServed(t *testing.T) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	got := start(t, local).get("/v1/openapi.json")
	got.wants(t, http.StatusOK)
	if got.body != string(text) {
		t.Error("another description is served than the one that was checked")
	}
}

// TestDescriptionHasAllFields compares schemas with the values they describe,
// member by member: what is always there is required.
func TestDescriptionHasAllFields(t *testing.T) {
	for name, v := range map[string]any{
		"Overview": status.Overview{}, "Page": status.Page{}, "Summary": status.Summary{}, "Family": status.Family{},
		"Record": status.Record{}, "Tier": status.Tier{}, "Target": status.Target{}, "Address": status.Address{},
		"Check": status.Check{}, "Forced": status.Forced{}, "Transition": status.Transition{},
		"Explanation": status.Explanation{}, "Step": status.Step{}, "Force": status.Action{},
	} {
		schema := describedAPI(t).Components.Schemas[name].Value
		var members, required []string
		for member, optional := range fields(reflect.TypeOf(v)) {
			members = append(members, member)
			if !optional && name != "Force" {
				required = append(required, member)
			}
		}
		if name == "Force" { // what a client writes
			required = []string{"state", "reason"}
		}
		var listed []string
		for member := range schema.Properties {
			listed = append(listed, member)
		}
		compare(t, name+"'s members", listed, members)
		compare(t, name+"'s required members", slices.Clone(schema.Required), required)
	}
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s are %q, want %q", what, got, want)
	}
}

// fields returns the members of a type in JSON, and which are optional.
func fields(of reflect.Type) map[string]bool {
	all := map[string]bool{}
	for f := range of.Fields() {
		if f.Anonymous {
			maps.Copy(all, fields(f.Type))
			continue
		}
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		all[name] = strings.HasPrefix(rest, "omit")
	}
	return all
}
