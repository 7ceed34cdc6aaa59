#!/usr/bin/env bash
# Makes cmd/coredns/default.pgo, the profile by which the Go tool optimises that
# program: CoreDNS answering as fast as dnsperf asks, with the plugins that most have
# beside failover, and then probing 3,000 targets a second. Both on 127.0.0.0/8, where
# another CoreDNS is what is probed. Run as "make pgo", on a machine with nothing else
# to do.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${SECONDS_EACH:-20}
command -v dnsperf >/dev/null || { echo 'pgo: dnsperf not found; on Debian: apt-get install dnsperf' >&2; exit 1; }

dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

# serve NAME starts CoreDNS with $dir/NAME.
serve() { build/coredns -conf "$dir/$1" >"$dir/$1.log" 2>&1 & }

# profile NAME takes the profile of what runs for so many seconds.
profile() {
	go tool pprof -proto -output "$dir/$1.pprof" "http://127.0.0.53:6060/debug/pprof/profile?seconds=$seconds" >/dev/null 2>&1
}

# Mostly for records, some of which have no data; others for a wildcard and for hosts.
records=1000
{
	for n in $(seq $records); do
		printf 'n%d.bench.example A\n' "$n"
		[ $((n % 4)) = 0 ] && printf 'n%d.bench.example AAAA\nother.bench.example A\nx%d.w.bench.example A\n' "$n" "$n"
	done
} >"$dir/questions"

cat >"$dir/target" <<-'END'
	.:5380 {
	    bind 127.0.0.54
	    health :5381
	}
END

# corefile INTERVAL writes the Corefile of the program that is profiled.
corefile() {
	cat <<-END
		bench.example:5353 {
		    bind 127.0.0.53
		    pprof 127.0.0.53:6060
		    errors
		    prometheus 127.0.0.53:9153
		    cache 30
		    loadbalance
		    failover *.w.bench.example {
		        primary 127.1.250.1
		        secondary 127.1.250.2
		        check none
		    }
	END
	for n in $(seq $records); do
		cat <<-END
			    failover n$n.bench.example {
			        primary 127.1.$((n / 250)).$((1 + n % 250)) 127.2.$((n / 250)).$((1 + n % 250))
			        secondary 127.3.$((n / 250)).$((1 + n % 250))
			        check http /health {
			            port 5381
			            interval $1
			        }
			    }
		END
	done
	cat <<-'END'
		    hosts {
		        127.1.251.1 other.bench.example
		        fallthrough
		    }
		}
	END
}

# up waits until the program answers.
up() {
	for _ in $(seq 100); do
		dnsperf -s 127.0.0.53 -p 5353 -d "$dir/questions" -n 1 2>/dev/null | grep -q NOERROR && return
		sleep 0.1
	done
	cat "$dir"/*.log >&2
	exit 1
}

serve target
corefile 10s >"$dir/answering"
serve answering
answering=$!
up
dnsperf -s 127.0.0.53 -p 5353 -d "$dir/questions" -T 1 -l $((seconds + 2)) >/dev/null 2>&1 &
profile answering
kill $answering
wait $answering || true

corefile 1s >"$dir/probing"
serve probing
up
profile probing

go tool pprof -proto -output "$dir/merged.pprof" "$dir/answering.pprof" "$dir/probing.pprof" >/dev/null 2>&1
mv "$dir/merged.pprof" cmd/coredns/default.pgo
ls -l cmd/coredns/default.pgo
