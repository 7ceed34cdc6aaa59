// Package rig runs programs side by side and says what they cost: it starts and
// stops them, reads the system's own accounting of their CPU time and memory,
// measures them in alternating rounds, and writes what came out as Markdown.
//
// The accounting is Linux's; elsewhere it is an error that says so.
package rig
