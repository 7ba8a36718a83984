//go:build !linux

package loop

// WakeMonitor has nothing to do: the scheduler knows of every system call here, and each has woken
// its monitor.
func WakeMonitor() {}

// KeepMonitorAwake has nothing to do, as [WakeMonitor].
func KeepMonitorAwake() {}
