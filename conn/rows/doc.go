// Package rows holds the black-box tests of docs/requirements.md, the list of what RFC 6455, 7692
// and 8441 ask of a server and of a client. It has no code of its own.
//
// TestRequirements runs one subtest for each row of the list, in each role of the row, over real
// connections of package conn. The tests use what a program can use, the exported API of conn, and
// a scripted peer that sends and reads single frames. They need nothing from inside conn, so they
// hold for any way in which conn may be built.
//
// To add a test of a row, find the function for its topic in the list of TestRequirements and enter
// the test there with the row's ID. Then run make requirements-update, which writes the names of
// the tests into the list.
package rows
