package state

import (
	"encoding/json"
	"time"
)

// MaxSize is the largest file that is read.
const MaxSize = maxSize

// OpenWith is Open with another way to write.
func OpenWith(every time.Duration, snapshot func() State, write func(State) error, report func(error)) *File {
	return open(every, snapshot, write, report)
}

// WriterOf returns what writes a state file.
func WriterOf(path string) func(State) error { return newWriter(path).write }

// Seal makes payload a state file with a checksum that is right.
func Seal(payload []byte) []byte {
	first, err := json.Marshal(header{Format: format, Version: version, SHA256: checksum(payload)})
	if err != nil {
		panic(err)
	}
	return append(append(first, '\n'), payload...)
}
