//go:build !race

package autobahn_test

// trips is how many messages the cases with many send here. It keeps the run within a minute.
// wsconform and the genuine suite send a thousand.
const trips = 50
