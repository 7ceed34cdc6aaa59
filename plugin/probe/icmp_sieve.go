package probe

import (
	"net"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// sieve lets the kernel drop what is not for a raw socket: else each of a
// thousand probes would be woken by the replies to all others. Where there is no
// such filter (all but Linux) nothing is lost: what is read is looked at anyway.
func sieve(socket net.PacketConn, sent echo) {
	opened, ok := socket.(interface {
		IPv4PacketConn() *ipv4.PacketConn
		IPv6PacketConn() *ipv6.PacketConn
	})
	if !ok {
		return
	}
	if four := opened.IPv4PacketConn(); four != nil {
		// The packet starts with its IP header, of variable length.
		attach(four.SetBPF, sent.program(bpf.LoadMemShift{Off: 0}))
	}
	if six := opened.IPv6PacketConn(); six != nil {
		attach(six.SetBPF, sent.program(bpf.LoadConstant{Dst: bpf.RegX, Val: 0}))
	}
}

func attach(set func([]bpf.RawInstruction) error, program []bpf.Instruction) {
	if assembled, err := bpf.Assemble(program); err == nil {
		_ = set(assembled)
	}
}

// program lets replies of e's id and every destination unreachable through. At
// its start skip puts the length of the IP header into register X.
func (e echo) program(skip bpf.Instruction) []bpf.Instruction {
	const whole = 1 << 16
	return []bpf.Instruction{
		skip,
		bpf.LoadIndirect{Off: 0, Size: 1}, // type
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(e.unreachable), SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(e.reply), SkipFalse: 2},
		bpf.LoadIndirect{Off: 4, Size: 2}, // id
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(e.id), SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: whole},
	}
}
