package main

import "testing"

func TestLateIsWhatStartsAfterFiftyMilliseconds(t *testing.T) {
	first := metrics{delay + `_count{type="http"}`: 100, delay + `_bucket{type="http",le="0.05"}`: 100}
	last := metrics{delay + `_count{type="http"}`: 300, delay + `_bucket{type="http",le="0.05"}`: 298}
	if share, ok := late(first, last, "http", "tcp"); !ok || share < 0.0099 || share > 0.0101 {
		t.Errorf("the share is %v, %v, want 1%%", share, ok)
	}
	if _, ok := late(first, last, "tcp"); ok {
		t.Error("there is a share of no probe")
	}
}
