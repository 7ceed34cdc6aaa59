package model

import (
	"fmt"
	"strconv"
	"strings"
)

// StatusSet is a set of HTTP status codes, 100..599 (RFC 9110, 15). It is
// comparable; the zero value is empty.
type StatusSet [statusWords]uint64

const (
	minStatus   = 100
	maxStatus   = 599
	statusWords = (maxStatus-minStatus)/64 + 1
)

// ParseStatusSet reads a list such as "200", "200-299,301".
func ParseStatusSet(list string) (StatusSet, error) {
	var set StatusSet
	for part := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err := parseStatus(low)
		if err != nil {
			return StatusSet{}, err
		}
		to, err := parseStatus(high)
		if err != nil {
			return StatusSet{}, err
		}
		if from > to {
			return StatusSet{}, fmt.Errorf("the range %q runs backwards", part)
		}
		for code := from; code <= to; code++ {
			set[(code-minStatus)/64] |= 1 << ((code - minStatus) % 64)
		}
	}
	return set, nil
}

func parseStatus(s string) (int, error) {
	code, err := strconv.Atoi(s)
	if err != nil || len(s) != 3 {
		return 0, fmt.Errorf("%q is no HTTP status code", s)
	}
	if code < minStatus || code > maxStatus {
		return 0, fmt.Errorf("%q is not in %d..%d", s, minStatus, maxStatus)
	}
	return code, nil
}

// Has reports whether code is in the set.
func (s StatusSet) Has(code int) bool {
	if code < minStatus || code > maxStatus {
		return false
	}
	return s[(code-minStatus)/64]&(1<<((code-minStatus)%64)) != 0
}

// String returns the set as ParseStatusSet reads it, in its shortest form.
func (s StatusSet) String() string {
	var parts []string
	for code := minStatus; code <= maxStatus; code++ {
		if !s.Has(code) {
			continue
		}
		from := code
		for s.Has(code + 1) {
			code++
		}
		if from == code {
			parts = append(parts, strconv.Itoa(from))
			continue
		}
		parts = append(parts, fmt.Sprintf("%d-%d", from, code))
	}
	return strings.Join(parts, ",")
}
