//go:build race

package test_test

// raceFlags build CoreDNS with the race detector, as this test is.
var raceFlags = []string{"-race"}
