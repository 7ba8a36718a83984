//go:build !race

package autobahn_test

// trips keeps the run within a minute: wsconform and the genuine suite send the
// thousand messages.
const trips = 50

// patience keeps verdicts from depending on what else the machine does: the library
// may be slow here, but it may not be wrong.
const patience = 3
