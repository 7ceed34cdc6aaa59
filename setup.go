// Package failover answers DNS questions by the health of their targets.
package failover
