# Plots bench/start.tsv, which the scenario start of "make bench-peers" writes, as
# bench/start.svg: what each number of records takes beyond a single one, and what
# it would take if all were as those of the middle. Run it with "make bench-plot".

set terminal svg size 900,400 dynamic font "sans-serif,13" background "white"
set output "bench/start.svg"
set datafile separator tab
set logscale xy
set grid
set key left top
set xlabel "records, with two checks each"
set xrange [500:200000]
set xtics ("1,000" 1000, "10,000" 10000, "100,000" 100000)

figures = "bench/start.tsv"
stats figures using 2 every ::1::1 nooutput name "time"
stats figures using ($4/2**20) every ::1::1 nooutput name "peak"
stats figures using ($5/2**20) every ::1::1 nooutput name "rss"
stats figures using ($2-time_min) every ::3::3 nooutput name "time10k"
stats figures using ($4/2**20-peak_min) every ::3::3 nooutput name "peak10k"

set multiplot layout 1,2
set title "Start: from exec to the first answer of the last record"
set ylabel "seconds beyond those of one record"
plot time10k_min*x/10000 with lines dashtype 2 linecolor "gray" title "linear", \
     figures using 1:($2-time_min) every ::2 with linespoints pointtype 7 title "start"
set title "Memory"
set ylabel "MiB of RSS beyond those of one record"
plot peak10k_min*x/10000 with lines dashtype 2 linecolor "gray" title "linear", \
     figures using 1:($4/2**20-peak_min) every ::2 with linespoints pointtype 7 title "highest", \
     figures using 1:($5/2**20-rss_min) every ::2 with linespoints pointtype 7 title "settled"
unset multiplot
