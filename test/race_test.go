//go:build race

package test_test

// raceFlags build CoreDNS with the race detector, as this test is. With its profile
// all packages would be compiled once more.
var raceFlags = []string{"-race", "-pgo=off"}
