//go:build race

package autobahn_test

// trips is lower under the race detector, which makes each message many times as
// dear: what it is to find is there from the second message on.
const trips = 2

// patience is more under the race detector, too. The other run is the one that tells
// who has closed TCP in time: see closeTimeout.
const patience = 10
