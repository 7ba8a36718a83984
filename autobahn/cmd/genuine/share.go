package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rfc6455/ws/autobahn"
)

// share runs a role in several processes of the suite, each with a testee of its own
// and some of the cases. Their reports stay in folders of their own; the index.json of
// the role has all results.
func (r *runner) share(ctx context.Context, jobs int, role string, test func(*runner, context.Context) (outcome, error)) (outcome, error) {
	if jobs <= 1 {
		return test(r, ctx)
	}
	begin := time.Now()
	parts := r.split(jobs)
	outcomes, errs := make([]outcome, len(parts)), make([]error, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts {
		wg.Go(func() { outcomes[i], errs[i] = test(part, ctx) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return outcome{}, err
	}
	all := outcome{role, make(map[string]autobahn.Result), time.Since(begin)}
	for _, o := range outcomes {
		maps.Copy(all.results, o.results)
	}
	return all, r.writeIndex(role, all.results)
}

// split divides the cases into parts. Neighbours are alike, so they go to different parts.
func (r *runner) split(jobs int) []*runner {
	var parts []*runner
	for i := range min(jobs, len(r.ids)) {
		p := *r
		p.part = fmt.Sprintf(" %d", i+1)
		p.reports = filepath.Join(r.reports, fmt.Sprintf("part%d", i+1))
		p.ids = nil
		for k := i; k < len(r.ids); k += jobs {
			p.ids = append(p.ids, r.ids[k])
		}
		parts = append(parts, &p)
	}
	return parts
}

// writeIndex writes the index.json of a role.
func (r *runner) writeIndex(role string, results map[string]autobahn.Result) error {
	dir := filepath.Join(r.reports, role)
	b, err := json.MarshalIndent(autobahn.Index{r.agent: results}, "", "   ")
	return errors.Join(err, os.RemoveAll(dir), os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "index.json"), b, 0o644))
}
