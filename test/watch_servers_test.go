package test_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nginxIdleConf is a web server, with TLS and without, that ends connections which
// have been idle for $IDLE seconds. It tells of each request: "probed PATH TIME".
const nginxIdleConf = `
daemon off;
pid $DIR/nginx.pid;
error_log stderr notice;
events { worker_connections 256; }
http {
    log_format probed "probed $uri $msec";
    access_log /dev/stdout probed;
    keepalive_timeout $IDLEs;
` + nginxFolders + `    server {
        listen $SITE:$PLAIN_PORT;
        listen $SITE:$SECURE_PORT ssl;
        ssl_certificate $CERT;
        ssl_certificate_key $KEY;
        location / { return 200 "fine\n"; }
    }
}
`

// haproxyIdleConf is the same in the words of another.
const haproxyIdleConf = `
global
    log stdout format raw local0 info
defaults
    mode http
    log global
    log-format "probed %HU %Ts.%ms"
    timeout client 30s
    timeout server 30s
    timeout connect 5s
    timeout http-request 30s
    timeout http-keep-alive $IDLEs
frontend both
    bind $SITE:$PLAIN_PORT
    bind $SITE:$SECURE_PORT ssl crt $BUNDLE
    http-request return status 200 content-type text/plain string "fine"
`

// webServer is a web server that people have, and that writes down when it is
// asked.
type webServer struct {
	*other
	v vars
}

func startNginx(t *testing.T, idle int) webServer {
	t.Helper()
	path, v := findProgram(t, "nginx", "nginx-light"), idleVars(t, idle)
	conf := writeExpanded(t, "nginx.conf", nginxIdleConf, v)
	return webServer{runOther(t, path, "-p", v["DIR"], "-e", "stderr", "-c", conf), v}.up(t)
}

func startHAProxy(t *testing.T, idle int) webServer {
	t.Helper()
	path, v := findProgram(t, "haproxy", "haproxy"), idleVars(t, idle)
	return webServer{runOther(t, path, "-W", "-db", "-f", writeExpanded(t, "haproxy.cfg", haproxyIdleConf, v)), v}.up(t)
}

// up waits until the server accepts connections.
func (w webServer) up(t *testing.T) webServer {
	t.Helper()
	await(t, func() string {
		conn, err := net.Dial("tcp", net.JoinHostPort(w.v["SITE"], w.v["PLAIN_PORT"]))
		if err != nil {
			return err.Error()
		}
		conn.Close()
		return ""
	})
	return w
}

func idleVars(t *testing.T, idle int) vars {
	t.Helper()
	ca := newAuthority(t)
	certificate, key := writeCertificate(t, ca.issue(t, time.Hour, "www.example.org"))
	v := vars{
		"SITE": newIP(t), "DIR": t.TempDir(), "IDLE": strconv.Itoa(idle),
		"CA": ca.file, "CERT": certificate, "KEY": key, "BUNDLE": bundle(t, certificate, key),
	}
	v["PLAIN_PORT"], v["SECURE_PORT"] = commonPorts(t, []string{v["SITE"]})
	return v
}

// probed is when the server was asked for a path, in the order of time.
func (w webServer) probed(path string) (at []float64) {
	for _, line := range w.log.find("probed " + path + " ") {
		words := strings.Fields(line)
		seconds, _ := strconv.ParseFloat(words[len(words)-1], 64)
		at = append(at, seconds)
	}
	return at
}

// roused is how many probes of a path came earlier than any that the schedule
// gives: each because a connection has ended.
func (w webServer) roused(path string, interval time.Duration) (n int) {
	at := w.probed(path)
	for i := range at {
		if i > 0 && at[i]-at[i-1] < 0.85*interval.Seconds() {
			n++
		}
	}
	return n
}

// restlessWebServers start each server that ends connections which were idle for some
// seconds; signal makes it read its configuration again, and reloaded is what it says
// when all that it was before is gone.
var restlessWebServers = map[string]struct {
	start    func(t *testing.T, idle int) webServer
	signal   syscall.Signal
	reloaded string
}{
	"nginx":   {startNginx, syscall.SIGHUP, " exited with code 0"},
	"haproxy": {startHAProxy, syscall.SIGUSR2, " exited with code 0"},
}

// siteCheck is a check of such a server.
type siteCheck struct {
	kind     string // http or https
	interval time.Duration
	enough   int // probes because of connections that have ended
	// endings is how many connections that the check has kept may have ended, after so
	// many probes and so long.
	endings func(probes int64, in time.Duration) int64
}

func (c siteCheck) name() string { return fmt.Sprintf("%s-%d", c.kind, c.interval.Milliseconds()) }

// awaitRoused starts CoreDNS with checks of site, and waits until each has looked
// often enough because a connection has ended. Nothing may change meanwhile, and no
// check may have probed too often. It calls meanwhile over and over.
func (w webServer) awaitRoused(t *testing.T, checks []siteCheck, meanwhile func()) {
	t.Helper()
	records, want := "", make(map[string]string)
	for _, c := range checks {
		options := map[string]string{
			"http":  "port {$PLAIN_PORT}",
			"https": "port {$SECURE_PORT}; host www.example.org; tls {$CA}",
		}[c.kind]
		options += "; watch; interval " + c.interval.String()
		records += watchedRecord(c.name(), w.v["SITE"], c.kind+" /"+c.name(), options)
		want[c.name()+".example.org"] = w.v["SITE"]
	}
	began := time.Now()
	s := start(t, zone(records), w.v)
	s.log.await(t, len(checks), "unknown -> healthy")
	awaitMore := keepAsking(t, s, want)
	for _, c := range checks {
		await(t, func() string {
			if got := w.roused("/"+c.name(), c.interval); got < c.enough && !t.Failed() {
				meanwhile()
				return fmt.Sprintf("%d probes of %s come from connections that have ended, want %d",
					got, c.name(), c.enough)
			}
			return ""
		})
	}
	awaitMore(5)
	for _, c := range checks {
		c.mustProbeSeldom(t, w, began)
	}
	s.mustKeepVerdicts(t)
}

// mustProbeSeldom fails where there have been more probes since a time than the schedule
// and the connections that have ended are reason for.
func (c siteCheck) mustProbeSeldom(t *testing.T, w webServer, began time.Time) {
	t.Helper()
	got := int64(len(w.probed("/" + c.name())))
	took := time.Since(began)
	schedule := scheduled(took, c.interval)
	most := mostProbes(schedule, c.endings(got, took))
	t.Logf("%s: %d probes, %d because a connection has ended; at most %.1f, of which %.1f by the schedule",
		c.name(), got, w.roused("/"+c.name(), c.interval), most, schedule)
	if float64(got) > most {
		t.Errorf("%s has had %d probes, want at most %.1f", c.name(), got, most)
	}
}

// nginx and HAProxy end idle connections after a second: more than a third of one
// interval, and less than a third of another. Neither is ever taken for dead, or probed
// too often.
func TestWatchWebServersEndIdle(t *testing.T) {
	t.Parallel()
	const often, seldom = 1500 * time.Millisecond, 6 * time.Second
	// One lives for a second, but for the grain of the server's clock.
	all := func(_ int64, in time.Duration) int64 { return int64(in / (900 * time.Millisecond)) }
	few := func(probes int64, _ time.Duration) int64 { return fewEndings(probes, 0) }
	for name, server := range restlessWebServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server.start(t, 1).awaitRoused(t, []siteCheck{
				{"http", often, 5, all},
				{"https", often, 5, all},
				{"http", seldom, 4, few}, // both looks at the ends of two connections
				{"https", seldom, 4, few},
			}, func() {})
		})
	}
}

// nginx and HAProxy are reloaded in a row: processes end, and with them idle
// connections, but the servers are never taken for dead.
func TestWatchWebServersReload(t *testing.T) {
	t.Parallel()
	for name, server := range restlessWebServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := server.start(t, 20)
			reloads, probes := 0, 0
			// A reload ends the one that each check has kept.
			ended := func(int64, time.Duration) int64 { return int64(reloads) }
			checks := []siteCheck{{"http", time.Second, 3, ended}, {"https", time.Second, 3, ended}}
			site.awaitRoused(t, checks, func() {
				seen := len(site.log.find("probed "))
				if seen == probes {
					return
				}
				probes = seen
				reloads++
				if err := site.command.Process.Signal(server.signal); err != nil {
					t.Fatal(err)
				}
				site.log.await(t, reloads, server.reloaded)
			})
			t.Logf("%d reloads", reloads)
		})
	}
}

// killed is a program as something mortal.
type killed struct {
	*other
	t *testing.T
}

func (k killed) stop() { k.other.stop(k.t) }

// A web server that is killed is noticed long before its check is due, again and
// again.
func TestWatchWebServersKilled(t *testing.T) {
	t.Parallel()
	for name, server := range restlessWebServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := server.start(t, 60)
			ip := site.v["SITE"]
			s := start(t, watched(ip, "http", "port "+site.v["PLAIN_PORT"]+"; import watching"))
			s.log.await(t, 1, "target "+ip, "unknown -> healthy")
			for n := range 3 {
				dies(t, s, killed{site.other, t}, n+1, ip)
				returns(t, s, killed{site.other, t}, n+1, ip)
			}
		})
	}
}
