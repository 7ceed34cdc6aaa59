package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// gate says who sends a request, and whether they may. Its fields are read-only.
type gate struct {
	local  bool // only this machine reaches the listener
	tokens *tokenFile
	web    webConfig
	log    func(format string, args ...any) // takes a line a second
}

// identity is who sends a request. The zero value may do nothing.
type identity struct {
	who  string // for the log; empty without a credential
	role role
}

// admit returns who sends a request, or why they may not.
//
//	credential          reads                     everything else
//	none                on loopback only          401
//	a wrong one         401                       401
//	a right one         as its role says, or 403  as its role says, or 403
//
// What is open (the sign-in form and its style) needs no credential; a wrong one
// is refused there too.
func (g *gate) admit(r *http.Request, need right) (identity, error) {
	id, ok := g.identify(r)
	switch {
	case !ok:
		g.log("admin: %s sent a wrong credential (%s %s)", r.RemoteAddr, plain(r.Method), plain(r.URL.Path))
		return identity{}, fail(http.StatusUnauthorized, "the credential is wrong")
	case id.role.may(need):
		return id, nil
	case id.who == "":
		return identity{}, fail(http.StatusUnauthorized, "%s", g.wanted())
	default:
		g.log("admin: %s has the role %s and may not %s %s", id.who, id.role, plain(r.Method), plain(r.URL.Path))
		return identity{}, fail(http.StatusForbidden, "the role %q of %s does not permit this", id.role, id.who)
	}
}

// identify returns who sends a request, and false for a wrong credential. A
// cookie that is none of ours counts for nothing, since a browser sends it
// unasked: another server of the same host may have set it.
func (g *gate) identify(r *http.Request) (identity, bool) {
	if id, ok := g.ofCertificate(r); ok {
		return id, true
	}
	header, ok := g.ofHeader(r)
	if !ok {
		return identity{}, false
	}
	for _, id := range []identity{g.ofCookie(r), header} {
		if id.role != "" {
			return id, true
		}
	}
	if g.local {
		return identity{role: roleRead}, true
	}
	return identity{}, true
}

// ofCertificate trusts certificates that were verified, and no others: the web
// config may ask for one without looking at it.
func (g *gate) ofCertificate(r *http.Request) (identity, bool) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || !g.web.trustsClients() {
		return identity{}, false
	}
	leaf := r.TLS.VerifiedChains[0][0]
	who := leaf.Subject.CommonName
	if who == "" {
		who = fmt.Sprintf("certificate %x", leaf.SerialNumber)
	}
	return identity{plain(who), roleAll}, true
}

// ofHeader returns no one where there is no Authorization header, and false for
// a wrong one. Basic credentials were looked at by the web config's handler; who
// has passed that may read.
func (g *gate) ofHeader(r *http.Request) (identity, bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return identity{}, true
	}
	if user, _, ok := r.BasicAuth(); ok {
		return identity{plain(user), roleRead}, g.web.lists(user)
	}
	scheme, secret, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return identity{}, false
	}
	t, ok := g.tokens.find(strings.TrimSpace(secret))
	return identity{t.name, t.role}, ok
}

func (g *gate) ofCookie(r *http.Request) identity {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return identity{}
	}
	t, _ := g.tokens.find(c.Value)
	return identity{t.name, t.role}
}

// wanted says which credential would do.
func (g *gate) wanted() string {
	switch {
	case g.tokens != nil:
		return `this needs a credential; send "Authorization: Bearer TOKEN" with a token of the token_file`
	case g.web.verifiesClients:
		return "this needs a client certificate that the web_config's client_ca has signed"
	default:
		return "this needs a credential, and none is configured; add a token_file to admin in the Corefile"
	}
}

type identityKey struct{}

// with returns the request as the handlers see it: they know who sent it.
func (id identity) with(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), identityKey{}, id))
}

func sender(r *http.Request) identity {
	id, _ := r.Context().Value(identityKey{}).(identity)
	return id
}

// signedIn returns who has sent a credential, and what that is good for.
func signedIn(r *http.Request) (who, role string, ok bool) {
	id := sender(r)
	return id.who, string(id.role), id.who != ""
}

// mayRead reports whether whoever sent the request may see the state of records.
func mayRead(r *http.Request) bool { return sender(r).role.may(reads) }
