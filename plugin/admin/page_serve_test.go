package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

func TestServeForever(t *testing.T) {
	if os.Getenv("SERVE") == "" {
		t.Skip()
	}
	serve := func(port string, all []status.Record) {
		s := newFakeSource(all...)
		mux := http.NewServeMux()
		newPage(s).register(mux)
		var mu sync.Mutex
		subs := map[chan status.Transition]bool{}
		pub := func(tr status.Transition) {
			mu.Lock()
			defer mu.Unlock()
			for c := range subs {
				select {
				case c <- tr:
				default:
				}
			}
		}
		set := func(name, st string, f func(r *status.Record)) status.Record {
			s.mu.Lock()
			defer s.mu.Unlock()
			for i := range s.records {
				if s.records[i].Name == name || s.records[i].ID == name {
					n := s.records[i].Name
					old := s.records[i]
					r := aRecord(n, st, 7)
					if f != nil {
						r.Tiers = old.Tiers
						f(&r)
					}
					s.records[i] = r
					pub(status.Transition{At: time.Now(), Kind: "record", Record: r.ID, Name: n, Family: "IPv4", From: "x", To: fmt.Sprintf("%s, tier %d", st, r.Families[0].Tier)})
					return r
				}
			}
			return status.Record{}
		}
		mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, ": hi\n\n")
			w.(http.Flusher).Flush()
			c := make(chan status.Transition, 100)
			mu.Lock()
			subs[c] = true
			mu.Unlock()
			defer func() { mu.Lock(); delete(subs, c); mu.Unlock() }()
			for {
				select {
				case <-r.Context().Done():
					return
				case tr := <-c:
					b, _ := json.Marshal(tr)
					fmt.Fprintf(w, "event: transition\ndata: %s\n\n", b)
					w.(http.Flusher).Flush()
				}
			}
		})
		mux.HandleFunc("POST /stop/{name}", func(w http.ResponseWriter, r *http.Request) {
			set(r.PathValue("name")+".example.org", "failed_over", nil)
			w.WriteHeader(204)
		})
		mux.HandleFunc("POST /start/{name}", func(w http.ResponseWriter, r *http.Request) {
			set(r.PathValue("name")+".example.org", "normal", nil)
			w.WriteHeader(204)
		})
		n := 0
		mux.HandleFunc("POST /v1/records/{id}/{verb}", func(w http.ResponseWriter, r *http.Request) {
			var a status.Action
			json.NewDecoder(r.Body).Decode(&a)
			fmt.Println(r.PathValue("id"), r.PathValue("verb"), a)
			if r.PathValue("verb") == "drain" && n > 0 && !a.Override {
				w.WriteHeader(409)
				json.NewEncoder(w).Encode(status.Problemf(status.Refused, "192.0.2.1 is the last eligible target of the record"))
				return
			}
			d := 1
			if r.PathValue("verb") == "clear" {
				d = -1
			}
			n += d
			st := "failed_over"
			if n == 0 {
				st = "normal"
			}
			rec := set(r.PathValue("id"), st, func(rec *status.Record) {
				for i := range rec.Tiers {
					t := &rec.Tiers[i].Targets[0]
					if t.Target == a.Target {
						t.Force = nil
						if d > 0 {
							t.Force = &status.Forced{Record: rec.ID, Target: a.Target, State: "drained", Reason: a.Reason, By: "alice", Since: time.Now(), Until: time.Now().Add(time.Hour)}
						}
					}
				}
			})
			json.NewEncoder(w).Encode(rec)
		})
		mux.HandleFunc("POST /session", func(w http.ResponseWriter, r *http.Request) {
			c := &http.Cookie{Name: "stub", Value: r.FormValue("token"), Path: "/"}
			if c.Value == "" {
				c.MaxAge = -1
			}
			http.SetCookie(w, c)
			http.Redirect(w, r, "/", http.StatusSeeOther)
		})
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := identity{role: roleRead}
			if c, err := r.Cookie("stub"); err == nil {
				id = identity{"alice", role(c.Value)}
			}
			r = id.with(r)
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'")
			mux.ServeHTTP(w, r)
		})
		t.Error(http.ListenAndServe("127.0.0.1:"+port, h))
	}
	few := []status.Record{aRecord("db.example.org", "fail_closed", 1), aRecord("shop.example.org", "normal", 2), aRecord("www.example.org", "normal", 3)}
	for i := range 60 {
		few = append(few, aRecord(fmt.Sprintf("z-%02d.example.org", i), "normal", i))
	}
	var many []status.Record
	for i := range 10000 {
		many = append(many, aRecord(fmt.Sprintf("r%05d.example.org", i), "normal", i))
	}
	go serve("8932", few)
	go serve("8933", many)
	all := everything()
	for i := range 10000 {
		all = append(all, aRecord(fmt.Sprintf("w%05d.example.org", i), "normal", i))
	}
	serve(os.Getenv("SERVE"), all)
}
