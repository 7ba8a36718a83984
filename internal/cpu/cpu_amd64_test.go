//go:build !purego

package cpu

import "testing"

// processor stands in for the two instructions that detect uses.
type processor struct{ highest, ecx1, ebx7, ecx7, xcr0 uint32 }

func (p processor) cpuid(leaf, _ uint32) (eax, ebx, ecx, edx uint32) {
	switch {
	case leaf == 0:
		return p.highest, 0, 0, 0
	case leaf > p.highest:
		return ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0) // has no meaning
	case leaf == leafFeatures:
		return 0, 0, p.ecx1, 0
	}
	return 0, p.ebx7, p.ecx7, 0
}

func TestDetect(t *testing.T) {
	const xmm, ymm, zmm = 0x3, 0x7, 0xe7 // XCR0 with x87 state, as operating systems set it
	full := processor{highest: 0x20, ecx1: osxsave | avx, ebx7: avx2 | wideEBX, ecx7: wideECX, xcr0: zmm}
	tests := []struct {
		name   string
		change func(*processor)
		want   Level
	}{
		{"AVX-512 of 2019 and later", func(*processor) {}, Wide},
		{"AVX-512 before that", func(p *processor) { p.ecx7 = 0 }, Vector},
		{"VBMI without VBMI2", func(p *processor) { p.ecx7 = avx512vbmi }, Vector},
		{"VBMI2 without VBMI", func(p *processor) { p.ecx7 = avx512vbmi2 }, Vector},
		{"no AVX-512BW", func(p *processor) { p.ebx7 = avx2 | avx512f }, Vector},
		{"no AVX-512", func(p *processor) { p.ebx7 = avx2; p.ecx7 = 0 }, Vector},
		{"VBMI2 without AVX-512F", func(p *processor) { p.ebx7 = avx2 }, Vector},
		{"system without the ZMM state", func(p *processor) { p.xcr0 = ymm }, Vector},
		{"system without the mask registers", func(p *processor) { p.xcr0 = zmm &^ 0x20 }, Vector},
		{"system without the upper registers", func(p *processor) { p.xcr0 = zmm &^ 0x80 }, Vector},
		{"system without the YMM state", func(p *processor) { p.xcr0 = xmm }, Generic},
		{"AVX without AVX2", func(p *processor) { p.ebx7 = 0 }, Generic},
		{"no AVX", func(p *processor) { p.ecx1 = osxsave }, Generic},
		{"no OSXSAVE", func(p *processor) { p.ecx1 = avx }, Generic},
		{"no leaf 7", func(p *processor) { p.highest = 6 }, Generic},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := full
			tt.change(&p)
			xgetbv := func() uint32 {
				if p.ecx1&osxsave == 0 {
					t.Error("XGETBV was used without OSXSAVE, want it not used")
				}
				return p.xcr0
			}
			if got := detect(p.cpuid, xgetbv); got != tt.want {
				t.Errorf("level %v, want %v", got, tt.want)
			}
		})
	}
}
