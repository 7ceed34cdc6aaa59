package admin

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/coredns-failover/failover/plugin/status"
)

// parseQuery returns the parameters of a request, which are the ones named. All
// of them stand once, but for "down".
func parseQuery(r *http.Request, names ...string) (url.Values, error) {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "the query string is none")
	}
	for name, values := range given {
		if !slices.Contains(names, name) {
			return nil, fail(http.StatusBadRequest, "there is no parameter %s here%s", plain(name), known(names))
		}
		if len(values) > 1 && name != "down" {
			return nil, fail(http.StatusBadRequest, "the parameter %s stands twice", name)
		}
	}
	return given, nil
}

func known(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; there are " + strings.Join(names, ", ")
}

const (
	defaultLimit = 100
	maxLimit     = 1000
	maxSearch    = 255 // bytes
	maxDown      = 100 // targets
	maxTarget    = 255 // bytes
)

// recordStates are those that a list can be narrowed down to.
var recordStates = []string{"normal", "failed_over", "fail_open", "fail_closed", "fail_next", "forced"}

func recordsQuery(given url.Values) (status.Query, error) {
	q := status.Query{
		Search: given.Get("search"),
		State:  given.Get("state"),
		After:  given.Get("after"),
		Limit:  defaultLimit,
	}
	if len(q.Search) > maxSearch {
		return q, fail(http.StatusBadRequest, "search has more than %d bytes", maxSearch)
	}
	if len(q.After) > maxID {
		return q, fail(http.StatusBadRequest, "after has more than %d bytes; it is the \"next\" of a page", maxID)
	}
	if q.State != "" && !slices.Contains(recordStates, q.State) {
		return q, fail(http.StatusBadRequest, "there is no state %s; there are %s",
			plain(q.State), strings.Join(recordStates, ", "))
	}
	if given.Has("limit") {
		n, err := strconv.Atoi(given.Get("limit"))
		if err != nil || n < 1 || n > maxLimit {
			return q, fail(http.StatusBadRequest, "limit is %s; write 1..%d", plain(given.Get("limit")), maxLimit)
		}
		q.Limit = n
	}
	return q, nil
}

// queryType is how the types of DNS are written, known ones and others.
var queryType = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,15}$`)

func question(given url.Values) (status.Question, error) {
	q := status.Question{Down: []string{}}
	if t := given.Get("type"); t != "" {
		if !queryType.MatchString(t) {
			return q, fail(http.StatusBadRequest, "type is %s; write a query type, such as AAAA", plain(t))
		}
		q.Type = strings.ToUpper(t)
	}
	if c := given.Get("client"); c != "" {
		addr, err := netip.ParseAddr(c)
		if err != nil || addr.Zone() != "" {
			return q, fail(http.StatusBadRequest, "client is %s; write an IP address", plain(c))
		}
		q.Client = addr.Unmap()
	}
	if len(given["down"]) > maxDown {
		return q, fail(http.StatusBadRequest, "down stands more than %d times", maxDown)
	}
	for _, d := range given["down"] {
		if d == "" || len(d) > maxTarget {
			return q, fail(http.StatusBadRequest, "down is %s; write a target, or an address of one", plain(d))
		}
		q.Down = append(q.Down, d)
	}
	return q, nil
}
