package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// image is the suite as its makers publish it.
const image = "crossbario/autobahn-testsuite:25.10.1"

// docker runs the suite in a container that shares the host's network, so that
// addresses on the loopback interface mean the same inside and outside.
type docker struct{}

// findDocker reports whether a Docker daemon answers, and has the image or can get it.
func findDocker(ctx context.Context) bool {
	if exec.CommandContext(ctx, "docker", "info", "--format", "{{.ServerVersion}}").Run() != nil {
		return false
	}
	if exec.CommandContext(ctx, "docker", "image", "inspect", image).Run() == nil {
		return true
	}
	fmt.Printf("pulling %s\n", image)
	return exec.CommandContext(ctx, "docker", "pull", "-q", image).Run() == nil
}

// command returns the command that runs wstest with args. The last argument is the path of the
// specification. Its folder is mounted at the same path, so that paths in the specification
// are right inside, too.
func (docker) command(ctx context.Context, args ...string) *exec.Cmd {
	dir := filepath.Dir(args[len(args)-1])
	run := []string{"run", "--rm", "--init", "--network", "host", "-v", dir + ":" + dir, image, "wstest"}
	return exec.CommandContext(ctx, "docker", append(run, args...)...)
}
