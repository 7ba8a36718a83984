package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.opentelemetry.io/otel/trace/noop"

	ws "github.com/rfc6455/ws/conn"
)

// dashboard is what is of use here in Grafana's model of one.
type dashboard struct{ Panels []panel }

type panel struct {
	Title       string
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []target
}

type target struct{ Expr, LegendFormat string }

// query returns the target's query with values for Grafana's variables.
func (x target) query(window string) string {
	return strings.NewReplacer("$__rate_interval", window, "$job", ".*").Replace(x.Expr)
}

func load(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("../../conn/prometheus/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestQueries parses the dashboard's queries as Prometheus does. They name metrics and labels that
// the server exposes, and rates are those of counters.
func TestQueries(t *testing.T) {
	ended := make(chan struct{})
	s := newServer(ws.Config{Trace: &ws.Trace{
		Closed: func(*ws.Conn, *ws.CloseError) { close(ended) },
	}}, noop.NewTracerProvider())
	public, private := httptest.NewServer(s.public), httptest.NewServer(s.private)
	defer public.Close()
	defer private.Close()
	visit(t.Context(), strings.Replace(public.URL, "http", "ws", 1)+"/echo", closes, 0)
	<-ended // the label code is there after the first end
	exposed := get(t, private.URL+"/metrics")
	labels := map[string][]string{} // by metric
	for _, m := range regexp.MustCompile(`(?m)^(websocket_\w+)(?:\{(.*)\})? `).FindAllStringSubmatch(exposed, -1) {
		labels[m[1]] = []string{"job"}
		for _, l := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[2], -1) {
			labels[m[1]] = append(labels[m[1]], l[1])
		}
	}
	counter := regexp.MustCompile(`_(total|bucket)$`)

	for _, p := range load(t).Panels {
		for _, x := range p.Targets {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(x.query("1m"))
			if err != nil {
				t.Errorf("%s: %s: %v", p.Title, x.Expr, err)
				continue
			}
			var known []string // the labels of the metric that the walk is at
			parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
				switch n := n.(type) {
				case *parser.VectorSelector:
					var ok bool
					if known, ok = labels[n.Name]; !ok {
						t.Errorf("%s: the server does not expose %s", p.Title, n.Name)
					}
					_, matrix := path[len(path)-1].(*parser.MatrixSelector)
					if matrix != counter.MatchString(n.Name) {
						t.Errorf("%s: %s: want a rate of counters, and of nothing else", p.Title, n.Name)
					}
					for _, up := range path {
						by, ok := up.(*parser.AggregateExpr)
						if !ok {
							continue
						}
						for _, l := range by.Grouping {
							if !slices.Contains(known, l) {
								t.Errorf("%s: %s has no label %s", p.Title, n.Name, l)
							}
						}
					}
				}
				return nil
			})
		}
	}
}
