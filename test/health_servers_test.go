package test_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// nginxFolders keep what nginx writes in $DIR.
const nginxFolders = `    client_body_temp_path $DIR/body;
    proxy_temp_path $DIR/proxy;
    fastcgi_temp_path $DIR/fastcgi;
    uwsgi_temp_path $DIR/uwsgi;
    scgi_temp_path $DIR/scgi;
`

// nginxConf is a web server with TLS and without. It is unhealthy by itself while
// there is a file called down.
const nginxConf = `
daemon off;
master_process off;
pid $DIR/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
    access_log off;
` + nginxFolders + `    server {
        listen $NGINX:$PLAIN_PORT;
        listen $NGINX:$SECURE_PORT ssl;
        server_name www.example.org;
        ssl_certificate $CERT;
        ssl_certificate_key $KEY;
        location = /healthz {
            if (-f $DIR/down) { return 503 "sorry\n"; }
            return 200 "status: fine\n";
        }
        location / { return 404; }
    }
}
`

// haproxyConf is the same in the words of another.
const haproxyConf = `
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend plain
    bind $HAPROXY:$PLAIN_PORT
    http-request return status 200 content-type text/plain string "status: fine" if { path /healthz }
    http-request deny deny_status 404
frontend secure
    bind $HAPROXY:$SECURE_PORT ssl crt $BUNDLE
    http-request return status 200 content-type text/plain string "status: fine" if { path /healthz }
    http-request deny deny_status 404
`

// webRecords are records of each type of check for what nginx and haproxy serve.
const webRecords = `
    failover http.example.org {
        import servers
        check http /healthz {
            port {$PLAIN_PORT}
            status 200
            body "status: fine"
            import fast
        }
    }
    failover https.example.org {
        import servers
        check https /healthz {
            port {$SECURE_PORT}
            host www.example.org
            tls {$CA}
            import fast
        }
    }
    failover tls.example.org {
        import servers
        check tls {$SECURE_PORT} {
            host www.example.org
            tls {$CA}
            expires_in 30m
            import fast
        }
    }
    failover tcp.example.org {
        import servers
        check tcp {$PLAIN_PORT} {
            import fast
        }
    }
    failover said.example.org {
        import servers
        check tcp {$PLAIN_PORT} {
            send "GET /healthz HTTP/1.0\r\nHost: www.example.org\r\n\r\n"
            expect "HTTP/1.1 200"
            import fast
        }
    }
`

const webServers = `
(servers) {
    primary {$NGINX}
    secondary {$HAPROXY}
}
`

// startPair runs nginx and haproxy at the same ports of two addresses.
func startPair(t testing.TB) (nginx, haproxy *other, v vars) {
	t.Helper()
	nginxPath, haproxyPath := findProgram(t, "nginx", "nginx"), findProgram(t, "haproxy", "haproxy")
	ca := newAuthority(t)
	certificate, key := writeCertificate(t, ca.issue(t, time.Hour, "www.example.org"))
	v = vars{
		"NGINX": newIP(t), "HAPROXY": newIP(t), "DIR": t.TempDir(),
		"CA": ca.file, "CERT": certificate, "KEY": key, "BUNDLE": bundle(t, certificate, key),
	}
	ips := []string{v["NGINX"], v["HAPROXY"]}
	v["PLAIN_PORT"], v["SECURE_PORT"] = commonPorts(t, ips)
	nginx = runOther(t, nginxPath, "-p", v["DIR"], "-e", "stderr", "-c", writeExpanded(t, "nginx.conf", nginxConf, v))
	haproxy = runOther(t, haproxyPath, "-db", "-f", writeExpanded(t, "haproxy.cfg", haproxyConf, v))
	return nginx, haproxy, v
}

// bundle is a certificate with its key in one file.
func bundle(t testing.TB, files ...string) string {
	t.Helper()
	text := ""
	for _, file := range files {
		part, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += string(part)
	}
	return writeFile(t, "bundle.pem", text)
}

// commonPorts returns two ports that are free on all of ips.
func commonPorts(t testing.TB, ips []string) (plain, secure string) {
	t.Helper()
	first, second := startTargetsAt(t, ips, nil, ok), startTargetsAt(t, ips, nil, ok)
	for _, one := range append(first, second...) {
		one.stop()
	}
	return first[0].port, second[0].port
}

// nginx is the primary and haproxy the secondary, for every type of check that
// is for the likes of them. All follow when nginx crashes and when it is back; those
// that ask for the page also when nginx reports that it is unwell.
func TestHealthOfRealServers(t *testing.T) {
	t.Parallel()
	nginx, haproxy, v := startPair(t)
	s := start(t, webServers+zone(webRecords), v)
	names := []string{"http", "https", "tls", "tcp", "said"}
	s.log.await(t, 2*len(names), " -> healthy")
	mustGet := func(want map[string]string) {
		t.Helper()
		for _, name := range names {
			awaitAnswer(t, s, name+".example.org", dns.TypeA, v[want[name]])
		}
	}
	all := func(server string) map[string]string {
		want := make(map[string]string)
		for _, name := range names {
			want[name] = server
		}
		return want
	}
	mustGet(all("NGINX"))
	nginx.stop(t)
	mustGet(all("HAPROXY"))
	nginx.start(t)
	mustGet(all("NGINX"))

	down, unwell := filepath.Join(v["DIR"], "down"), all("NGINX")
	maps.Copy(unwell, map[string]string{"http": "HAPROXY", "https": "HAPROXY", "said": "HAPROXY"})
	setFile(t, down, true)
	mustGet(unwell)
	s.log.await(t, 1, "http.example.org", "-> unhealthy", "status 503, want 200")
	setFile(t, down, false)
	mustGet(all("NGINX"))

	haproxy.stop(t) // nothing changes
	s.log.await(t, len(names), "tier 2", "healthy -> unhealthy")
	mustGet(all("NGINX"))
}
