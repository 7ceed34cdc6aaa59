package corefile

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// unlimited is the upper end of a range that has none.
const unlimited = math.MaxInt32

// integer reads a whole number in low..high.
func integer(text string, low, high int) (int, error) {
	n, err := strconv.Atoi(text)
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, fmt.Errorf("%s is no whole number", quoted(text))
	}
	if n >= low && n <= high && err == nil {
		return n, nil
	}
	if high == unlimited {
		return 0, fmt.Errorf("%s is out of range; it must be %d or more", quoted(text), low)
	}
	return 0, fmt.Errorf("%s is not in %d..%d", quoted(text), low, high)
}

// port reads a port number.
func port(text string) (uint16, error) {
	n, err := integer(text, 1, math.MaxUint16)
	return uint16(n), err
}

// percent reads a percentage in low..high, such as "50%".
func percent(text string, low, high int) (int, error) {
	digits, found := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`%s is no percentage; write it like "50%%"`, quoted(text))
	case !found:
		return 0, fmt.Errorf("%s has no percent sign; did you mean %q?", quoted(text), text+"%")
	case n < low || n > high:
		return 0, fmt.Errorf("%s is not in %d%%..%d%%", quoted(text), low, high)
	}
	return n, nil
}

// duration reads a duration in low..high. It needs a unit, since CoreDNS's
// plugins do not agree on what a bare number means; 0 is 0 in any unit.
func duration(text string, low, high time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, noDuration(text)
	}
	if d < low || d > high {
		return 0, fmt.Errorf("%s is not in %s..%s", quoted(text), short(low), short(high))
	}
	return d, nil
}

func noDuration(text string) error {
	if _, err := strconv.ParseUint(text, 10, 32); err == nil {
		return fmt.Errorf("%s has no unit; did you mean %q?", quoted(text), text+"s")
	}
	return fmt.Errorf(`%s is no duration; write it like "30s", "500ms" or "1m30s"`, quoted(text))
}

// short is a duration as an operator would write it: "24h", not "24h0m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// degrees reads a coordinate in -limit..limit.
func degrees(text string, limit float64) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf(`%s is no number of degrees; write it like "52.52" or "-0.13"`, quoted(text))
	}
	if !(math.Abs(f) <= limit) { // NaN is not in the range either
		return 0, fmt.Errorf("%s is not in -%g..%g", quoted(text), limit, limit)
	}
	return f, nil
}

// cidr reads a network such as "192.0.2.0/24".
func cidr(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return netip.Prefix{}, fmt.Errorf("%s has no prefix length; did you mean %q?",
			quoted(text), netip.PrefixFrom(addr, addr.BitLen()))
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf(`%s is no network; write it like "192.0.2.0/24" or "2001:db8::/32"`, quoted(text))
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%s has bits behind its prefix length; did you mean %q?", quoted(text), p.Masked())
	}
	return p, nil
}

// oneOf returns what the word stands for in a table of few.
func oneOf[T ~string](what, word string, known ...T) (T, error) {
	words := make([]string, 0, len(known))
	for _, k := range known {
		if word == string(k) {
			return k, nil
		}
		words = append(words, string(k))
	}
	return "", unknown(what, word, words)
}
