// Requirements compares docs/requirements.md with a run of the tests: each row of its tables must
// be shown by a subtest that ran and passed, in each role that the row names.
//
//	go test -json ./... | go run ./internal/requirements [-update] [-doc file]
//
// A subtest shows a row if its path has the row's ID and then the role, "server" or "client", as
// elements of their own:
//
//	TestRules/RX-5.1-01/server
//	TestRules/RX-5.4-02/RX-5.4-03/client   shows two rows
//
// In the opening handshake a server can be reached through two doors. The element after the role
// names the door: server/Upgrade or server/UpgradeNet. Both must have passed.
//
// The last column of a row says which tests show it, or "n/a: reason", or "later: RFC number". With
// -update the names are taken from the run and written. Without it, the tests that stand there must
// have run and passed. The exit status is 1 if a row lacks something, and 2 if the check itself
// failed.
package main
