package model_test

import (
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
)

func TestParseStatusSet(t *testing.T) {
	tests := []struct {
		list, want string
		in, out    []int
	}{
		{"200", "200", []int{200}, []int{199, 201}},
		{"200-399", "200-399", []int{200, 300, 399}, []int{199, 400}},
		{"200-299,301", "200-299,301", []int{299, 301}, []int{300, 302}},
		{"301,200,200-202", "200-202,301", []int{201}, []int{203}},
		{"200-250,251-299", "200-299", []int{250, 251}, nil},
		{"100-599", "100-599", []int{100, 599}, []int{-1, 0, 99, 600, 1000}},
	}
	for _, tt := range tests {
		set, err := model.ParseStatusSet(tt.list)
		if err != nil || set.String() != tt.want {
			t.Errorf("%s is %q, %v, want %q", tt.list, set, err, tt.want)
		}
		for _, code := range tt.in {
			if !set.Has(code) {
				t.Errorf("%s lacks %d", tt.list, code)
			}
		}
		for _, code := range tt.out {
			if set.Has(code) {
				t.Errorf("%s has %d", tt.list, code)
			}
		}
	}
}

func TestParseStatusSetErrors(t *testing.T) {
	tests := map[string]string{
		"":        `"" is no HTTP status code`,
		"ok":      `"ok" is no HTTP status code`,
		"20":      `"20" is no HTTP status code`,
		"2000":    `"2000" is no HTTP status code`,
		"200,":    `"" is no HTTP status code`,
		"200-":    `"" is no HTTP status code`,
		"200 201": `"200 201" is no HTTP status code`,
		"099":     `"099" is not in 100..599`,
		"200-600": `"600" is not in 100..599`,
		"300-200": `the range "300-200" runs backwards`,
	}
	for list, want := range tests {
		if _, err := model.ParseStatusSet(list); err == nil || err.Error() != want {
			t.Errorf("%q: got error %v, want %s", list, err, want)
		}
	}
}

func TestStatusSetZero(t *testing.T) {
	var zero model.StatusSet
	if zero.Has(200) || zero.String() != "" {
		t.Errorf("the zero value is %q, want nothing", zero)
	}
}
