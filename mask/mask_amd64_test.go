//go:build !purego

package mask

import "testing"

// processor stands for the two instructions that detect asks.
type processor struct{ highest, ecx1, ebx7, ecx7, xcr0 uint32 }

func (p processor) cpuid(leaf, _ uint32) (eax, ebx, ecx, edx uint32) {
	switch {
	case leaf == 0:
		return p.highest, 0, 0, 0
	case leaf > p.highest:
		return ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0) // not to be believed
	case leaf == leafFeatures:
		return 0, 0, p.ecx1, 0
	}
	return 0, p.ebx7, p.ecx7, 0
}

func TestDetect(t *testing.T) {
	const xmm, ymm, zmm = 0x3, 0x7, 0xe7 // XCR0 with x87 state, as operating systems set it
	full := processor{highest: 0x20, ecx1: osxsave | avx, ebx7: avx2 | avx512f, ecx7: avx512vbmi2, xcr0: zmm}
	tests := []struct {
		name   string
		change func(*processor)
		want   level
	}{
		{"AVX-512 of 2019 and later", func(*processor) {}, levelWide},
		{"AVX-512 before that", func(p *processor) { p.ecx7 = 0 }, levelVector},
		{"no AVX-512", func(p *processor) { p.ebx7 = avx2; p.ecx7 = 0 }, levelVector},
		{"VBMI2 without AVX-512F", func(p *processor) { p.ebx7 = avx2 }, levelVector},
		{"system without the ZMM state", func(p *processor) { p.xcr0 = ymm }, levelVector},
		{"system without the mask registers", func(p *processor) { p.xcr0 = zmm &^ 0x20 }, levelVector},
		{"system without the upper registers", func(p *processor) { p.xcr0 = zmm &^ 0x80 }, levelVector},
		{"system without the YMM state", func(p *processor) { p.xcr0 = xmm }, levelGeneric},
		{"AVX without AVX2", func(p *processor) { p.ebx7 = 0 }, levelGeneric},
		{"no AVX", func(p *processor) { p.ecx1 = osxsave }, levelGeneric},
		{"no OSXSAVE", func(p *processor) { p.ecx1 = avx }, levelGeneric},
		{"no leaf 7", func(p *processor) { p.highest = 6 }, levelGeneric},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := full
			tt.change(&p)
			xgetbv := func() uint32 {
				if p.ecx1&osxsave == 0 {
					t.Error("XGETBV without OSXSAVE")
				}
				return p.xcr0
			}
			if got := detect(p.cpuid, xgetbv); got != tt.want {
				t.Errorf("level %d, want %d", got, tt.want)
			}
		})
	}
}
