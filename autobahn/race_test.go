//go:build race

package autobahn_test

// trips is lower under the race detector, which makes each message many times as
// dear: what it is to find is there from the second message on.
const trips = 2
