package test_test

import (
	"strings"
	"testing"
)

// A bad Corefile never starts: the message says where, which record, which word
// and what would be right.
func TestBadCorefile(t *testing.T) {
	t.Parallel()
	const head = "example.org:{$PORT} {\n    bind {$IP}\n    failover www.example.org {\n"
	for name, one := range map[string]struct{ lines, want string }{
		"unknown property": {
			"primry 192.0.2.1\n",
			`Corefile:4: record "www.example.org": unknown property "primry"; did you mean "primary"?`,
		},
		"no primary": {
			"check http\n",
			`Corefile:3: record "www.example.org": it has no primary; add "primary TARGET..." to its block`,
		},
		"no check": {"primary 192.0.2.1\n", `Corefile:3: record "www.example.org": it has no check; add "check TYPE"`},
		"bad address": {
			"primary 192.0.2.1\nsecondary 192.0.2.300\ncheck http\n",
			`Corefile:5: record "www.example.org": secondary: "192.0.2.300" is neither an address nor a name`,
		},
		"brace on the line": {
			"primary 192.0.2.1 { drain }\ncheck http\n",
			`Corefile:4: record "www.example.org": a "{" ends its line and a "}" stands alone`,
		},
		"unset variable": {
			"primary {$UNSET_BY_ALL}\ncheck http\n",
			`Corefile:4: record "www.example.org": "primary" has an empty word`,
		},
		"timeout above interval": {
			"primary 192.0.2.1\ncheck http {\ninterval 1s\ntimeout 2s\n}\n",
			`Corefile:7: record "www.example.org": timeout: 2s is above the interval, 1s`,
		},
		"heartbeat without admin": {
			"primary 192.0.2.1\ncheck heartbeat web-1\n",
			`Corefile:5: record "www.example.org": check heartbeat "web-1": nobody could send it; add "admin 127.0.0.1:9191"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := launch(t, head+one.lines+"    }\n}\n")
			if code := s.awaitEnd(t); code <= 0 {
				t.Errorf("the exit status is %d, want one of failure", code)
			}
			if !strings.Contains(s.log.String(), "plugin/failover: "+strings.TrimSuffix(s.corefile, "Corefile")+one.want) {
				t.Errorf("the message is\n%swant something with\n%s", s.log, one.want)
			}
		})
	}
}
