// Package cases has both catalogues: the 517 cases of the Autobahn|Testsuite, and what that
// suite leaves out.
//
// Files cases_*.go are the sections of the first catalogue. Files rfc_*.go are the second,
// whose cases are named after rows of docs/requirements.md. Each function writes scripts for
// package engine, which runs them; data.go has what the compression cases send. Package
// autobahn hands the cases out, and package report asks for the order of their identifiers.
// This package calls neither.
package cases
