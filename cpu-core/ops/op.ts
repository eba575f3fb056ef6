/**
 * Op: one member per mnemonic. The number orders the pages of perform.ts: the first 32 are the hot page, then pages
 * of 32 (128 codes, since a code is Op << 2 | log2(operand bytes)). 0 is an Op that always has a form, so that an
 * all-zero row can mean #UD.
 */
// prettier-ignore
export const enum Op {
  // page 0: nine tenths of what compilers emit
  JCC = 0, ADD, SUB, CMP, AND, OR, XOR, TEST,
  LEA, INC, DEC, PUSH, POP, MOV, JMP, CALL,
  RET, MOVZX8, MOVZX16, MOVSX8, MOVSX16, MOVSXD, SHL, SHR,
  SAR, IMUL, ADC, SBB, NEG, NOT, CMOVCC, SETCC,
  // page 1: the rest of the integer instructions
  NOP = 32, XCHG, XADD, CMPXCHG, CMPXCHG8B, ROL, ROR, RCL,
  POPCNT, SHLD, SHRD, MUL, IMUL1, DIV, IDIV, BT,
  BTS, BTR, BTC, BSF, BSR, BSWAP, CBW, CWD,
  JMP_INDIRECT, CALL_INDIRECT, LEAVE, MOVS, STOS, LODS, SCAS, CMPS,
  // page 2: flags, loops, decimal, rarely emitted
  RCR = 64, MOVBE, CRC32, LOOP, LOOPE, LOOPNE,
  JCXZ, XLAT, CLC, STC, CMC, CLD, STD, LAHF,
  SAHF, SALC, ENTER, PUSHF, POPF, PUSHA, POPA, AAA,
  AAS, AAM, AAD, DAA, DAS, BOUND,
  // page 3: segments, far control transfer, ports
  MOV_FROM_SREG = 96, MOV_TO_SREG, PUSH_SREG, POP_SREG, LOAD_FAR, JMP_FAR, CALL_FAR, JMP_FAR_INDIRECT,
  CALL_FAR_INDIRECT, RET_FAR, IRET, INT, INT1, INT3, INTO, IN,
  OUT, INS, OUTS, ARPL, LAR, LSL, VERR, VERW,
  SLDT, STR, LLDT, LTR, SGDT, SIDT, LGDT, LIDT,
  // page 4: system
  SMSW = 128, LMSW, INVLPG, CLTS, HLT, CLI, STI, MOV_FROM_CR,
  MOV_TO_CR, MOV_FROM_DR, MOV_TO_DR, SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS,
  RDMSR, WRMSR, RDTSC, RDTSCP, RDPMC, CPUID, VMCALL, INVD,
  UD, TOO_LONG, RDRAND, RDSEED, RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE,
  // page 5
  CLFLUSH = 160, XGETBV, XSETBV, CLAC, STAC, FENCE, XSAVE, XRSTOR,
  XSAVEOPT, XSAVEC, INVPCID,
  // x87 and vector instructions follow, in pages of their own (ops/x87.ts, ops/simd_*.ts)
  X87 = 192,
  SIMD = 224,
}
