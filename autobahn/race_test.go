//go:build race

package autobahn_test

// trips is how many messages the cases with many send under the race detector, with which each
// takes many times as long. What the detector can find shows with the second message.
const trips = 2
