#include "textflag.h"

// func prefetch(b []byte)
TEXT ·prefetch(SB), NOSPLIT, $0-24
	MOVQ b_base+0(FP), SI
	MOVQ b_len+8(FP), CX
	ADDQ SI, CX

line:
	CMPQ       SI, CX
	JGE        done
	PREFETCHT0 (SI)
	ADDQ       $64, SI
	JMP        line

done:
	RET
