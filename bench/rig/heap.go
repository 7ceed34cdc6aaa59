package rig

import "runtime"

// Heap returns how much of the heap of this process is in use, in bytes, once what is
// garbage has been collected: twice, since what had a finalizer is only then.
func Heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
