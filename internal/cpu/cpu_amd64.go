//go:build !purego

package cpu

// What the CPUID instruction reports, by leaf and register, and the parts of the processor's state
// that the operating system must save, as it says in XCR0 (Intel SDM volume 1, sections 14.3, 14.7
// and 15.2).
const (
	leafFeatures = 1
	osxsave      = 1 << 27 // leaf 1, ECX: XGETBV may be used
	avx          = 1 << 28 // leaf 1, ECX

	leafExtended = 7
	avx2         = 1 << 5  // leaf 7, EBX
	avx512f      = 1 << 16 // leaf 7, EBX
	avx512bw     = 1 << 30 // leaf 7, EBX
	avx512vbmi   = 1 << 1  // leaf 7, ECX
	avx512vbmi2  = 1 << 6  // leaf 7, ECX

	wideEBX = avx512f | avx512bw
	wideECX = avx512vbmi | avx512vbmi2

	stateYMM = 1<<1 | 1<<2     // XCR0: XMM, YMM
	stateZMM = stateYMM | 7<<5 // XCR0: and the mask registers and both parts of ZMM
)

// best returns the highest level of this processor.
func best() Level { return detect(cpuid, xgetbv) }

// detect returns the highest level of the processor that the two instructions describe. Leaf 0
// gives the highest leaf, and those beyond it hold nothing of use. Without OSXSAVE, XGETBV is an
// invalid instruction.
func detect(cpuid func(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32), xgetbv func() uint32) Level {
	highest, _, _, _ := cpuid(0, 0)
	if highest < leafExtended {
		return Generic
	}
	_, _, features, _ := cpuid(leafFeatures, 0)
	if features&osxsave == 0 || features&avx == 0 {
		return Generic
	}
	state := xgetbv()
	_, ebx, ecx, _ := cpuid(leafExtended, 0)
	switch {
	case state&stateYMM != stateYMM || ebx&avx2 == 0:
		return Generic
	case state&stateZMM != stateZMM || ebx&wideEBX != wideEBX || ecx&wideECX != wideECX:
		// No kernel needs VBMI2. It came with Ice Lake and Zen 4. Processors without it lower the
		// clock of everything else on the core while 512-bit registers are in use.
		return Vector
	}
	return Wide
}

// cpuid executes CPUID with EAX = leaf and ECX = subleaf.
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

// xgetbv returns the low half of XCR0. It may be called if CPUID reports OSXSAVE.
func xgetbv() uint32
