package autobahn

import (
	catalogues "github.com/rfc6455/ws/autobahn/internal/cases"
	"github.com/rfc6455/ws/autobahn/internal/engine"
	"github.com/rfc6455/ws/autobahn/internal/report"
)

// Values of Result.Behavior and Result.BehaviorClose, as the Autobahn|Testsuite
// spells them in its reports.
const (
	OK             = engine.OK
	NonStrict      = engine.NonStrict      // "NON-STRICT"
	Informational  = engine.Informational  // "INFORMATIONAL"
	Unimplemented  = engine.Unimplemented  // "UNIMPLEMENTED"
	Failed         = engine.Failed         // "FAILED"
	Unclean        = engine.Unclean        // "UNCLEAN", BehaviorClose only: no full closing handshake
	WrongCode      = engine.WrongCode      // "WRONG CODE", BehaviorClose only: a status code that the case does not allow
	FailedByClient = engine.FailedByClient // "FAILED BY CLIENT", BehaviorClose only: the tester had to close TCP itself
)

// Case is one case of a catalogue: what the tester sends, and which behaviour of
// the testee passes. Cases are constant; they may be used by many goroutines.
//
// Its fields are ID ("1.1.1", or "rfc.RX-5.2-07.2" in the second catalogue), Description
// (what is sent) and Expectation (what a testee should do). The method Opening reports
// whether the case is about the opening handshake of HTTP/1.1, and so makes no sense over
// another.
type Case = engine.Case

// Catalogue returns the 517 cases of the Autobahn|Testsuite, in its order. They send what
// that suite sends, and judge as it judges. The caller owns the slice, but not the cases.
func Catalogue() []*Case { return catalogues.Catalogue() }

// BeyondServers returns the cases of the second catalogue for servers: what the
// Autobahn|Testsuite does not test. The caller owns the slice, but not the cases.
func BeyondServers() []*Case { return catalogues.BeyondServers() }

// BeyondClients returns the cases of the second catalogue for clients. The caller owns the
// slice, but not the cases.
func BeyondClients() []*Case { return catalogues.BeyondClients() }

// Pick returns those of cases that the patterns in include name and those in exclude do not;
// see [Select].
func Pick(cases []*Case, include, exclude []string) []*Case {
	return catalogues.Pick(cases, include, exclude)
}

// SuiteIDs returns the identifiers of all 517 cases of the Autobahn|Testsuite
// 25.10.1, in the order in which the suite runs them. The caller owns the slice.
func SuiteIDs() []string { return catalogues.SuiteIDs() }

// Select returns those of ids that a pattern in include names and no pattern in exclude, in
// the order of ids. If include is empty, it names all. A pattern is an identifier, or one with
// `*` for any run of characters. With `*` it needs to match only the start of an identifier,
// as in the suite's own configuration: "1.*" and "1*1" name 1.1.1, and "1*1" names 1.1.5 too.
func Select(ids, include, exclude []string) []string { return catalogues.Select(ids, include, exclude) }

// Compare orders two identifiers of cases as the suite does: part by part, by number ("2.9"
// before "2.10"). Parts that are not numbers compare as text.
func Compare(a, b string) int { return catalogues.Compare(a, b) }

// Report collects outcomes. The zero value is empty. All methods are safe for
// concurrent use.
//
// Add(o) adds an outcome, in place of an earlier one of the same agent and case. Index()
// returns the results of all agents, and Failures() the outcomes that have not passed.
// Write(dir) writes index.json and a JSON file for each agent and case in the form of the
// Autobahn|Testsuite, the same as HTML pages beginning with index.html, and junit.xml.
type Report = report.Report

// Outcome is one agent's result in one case, with all that was observed.
//
// Its fields are Case and Agent. Result() returns it as index.json has it, Passed() reports
// whether neither the behaviour nor the end of the connection is wrong, and String() returns
// it in a line, with the reasons if it has not passed.
type Outcome = report.Outcome

// Result is one agent's outcome in one case, as index.json holds it.
// Its fields are Behavior, BehaviorClose, Duration (milliseconds), RemoteCloseCode (nil: no
// Close frame with a status code came) and ReportFile.
type Result = report.Result

// Index is the content of a report's index.json: results by agent, then by case
// identifier.
type Index = report.Index

// ReadIndex reads an index.json that this suite or the genuine one has written.
func ReadIndex(path string) (Index, error) { return report.ReadIndex(path) }

// Expectations says which results are expected of an implementation: Behavior and
// BehaviorClose are those of every case that is not among the exceptions.
//
// Check(ids, got) compares results with what is expected of the cases in ids. It returns
// one line for each that differs, that is missing, or that nobody asked for.
type Expectations = report.Expectations

// Exception is the expected result of one case, with the reason why it differs.
// Its fields are Case, Behavior, BehaviorClose and Reason.
type Exception = report.Exception

// ReadExpectations reads an expectations file. It returns an error if an exception has no
// reason, or is for a case that does not exist.
func ReadExpectations(path string) (*Expectations, error) { return report.ReadExpectations(path) }
