package admin

import (
	"errors"
	"net/http"
)

// cookieName is that of the cookie that holds a person's token.
const cookieName = "failover_token"

// signIn takes the token of a form and gives it back as a cookie, which the
// browser sends from then on. An empty token signs out.
func (a *api) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return fail(http.StatusRequestEntityTooLarge, "a form has at most %d bytes", tooLarge.Limit)
		}
		return fail(http.StatusBadRequest, "this is no form")
	}
	given, ok := r.PostForm["token"]
	if !ok || len(given) != 1 {
		return fail(http.StatusBadRequest, "the form has no field \"token\", or several")
	}
	if given[0] != "" {
		if err := a.checkSession(r, given[0]); err != nil {
			return err
		}
	}
	setSession(w, r, given[0])
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (a *api) checkSession(r *http.Request, secret string) error {
	t, ok := a.gate.tokens.find(secret)
	if !ok {
		a.gate.log("admin: %s tried to sign in with a wrong token", r.RemoteAddr)
		return fail(http.StatusUnauthorized, "the token is wrong")
	}
	if !t.role.may(reads) {
		return fail(http.StatusForbidden, "the role %q of %s does not permit this", t.role, t.name)
	}
	return nil
}

func (*api) signOut(w http.ResponseWriter, r *http.Request) error {
	setSession(w, r, "")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// setSession has the cookie end with the browser; scripts never see it, and no
// other site can have it sent.
func setSession(w http.ResponseWriter, r *http.Request, secret string) {
	c := &http.Cookie{ //nolint:gosec // without TLS there is nothing for Secure to ask for
		Name: cookieName, Value: secret, Path: "/",
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
