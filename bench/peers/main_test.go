package main

import "testing"

func TestOnlyKnownScenariosAreChosen(t *testing.T) {
	if chosen, err := choose("switching,probing"); err != nil || len(chosen) != 2 || chosen[0].name != "switching" {
		t.Errorf("chosen are %v, %v", chosen, err)
	}
	if _, err := choose("flying"); err == nil {
		t.Error("an unknown scenario is chosen")
	}
}
