//go:build !race

package autobahn_test

// trips keeps the run within a minute: wsconform and the genuine suite send the
// thousand messages.
const trips = 50
