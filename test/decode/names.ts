/** What iced-x86 calls the core's instructions: by the name of the Op or Simd, or by this table of aliases. */
import { Mnemonic } from "iced-x86";
import { MMX_FORM, numberOf, OPS, SIMD_OPS } from "../tables/ops.ts";

/** Simds of two vectors exist with MMX_FORM added, but for the last ones. */
const FIRST_MMX = numberOf("PUNPCKLBW");
const LAST_MMX = numberOf("PCMPEQQ") - 1;

/** Where one Op stands for several mnemonics, or has another name. */
const ALIASES: Record<string, string> = {
  JCC: "JO JNO JB JAE JE JNE JBE JA JS JNS JP JNP JL JGE JLE JG",
  CMOVCC:
    "CMOVO CMOVNO CMOVB CMOVAE CMOVE CMOVNE CMOVBE CMOVA CMOVS CMOVNS CMOVP CMOVNP CMOVL CMOVGE CMOVLE CMOVG",
  SETCC: "SETO SETNO SETB SETAE SETE SETNE SETBE SETA SETS SETNS SETP SETNP SETL SETGE SETLE SETG",
  MOVZX8: "MOVZX",
  MOVZX16: "MOVZX",
  MOVSX8: "MOVSX",
  MOVSX16: "MOVSX",
  SHL: "SHL SAL",
  NOP: "NOP PAUSE RESERVEDNOP",
  CMPXCHG8B: "CMPXCHG8B CMPXCHG16B",
  IMUL1: "IMUL",
  CBW: "CBW CWDE CDQE",
  CWD: "CWD CDQ CQO",
  JMP_INDIRECT: "JMP",
  CALL_INDIRECT: "CALL",
  MOVS: "MOVSB MOVSW MOVSD MOVSQ",
  STOS: "STOSB STOSW STOSD STOSQ",
  LODS: "LODSB LODSW LODSD LODSQ",
  SCAS: "SCASB SCASW SCASD SCASQ",
  CMPS: "CMPSB CMPSW CMPSD CMPSQ",
  INS: "INSB INSW INSD",
  OUTS: "OUTSB OUTSW OUTSD",
  JCXZ: "JCXZ JECXZ JRCXZ",
  XLAT: "XLATB",
  PUSHF: "PUSHF PUSHFD PUSHFQ",
  POPF: "POPF POPFD POPFQ",
  PUSHA: "PUSHA PUSHAD",
  POPA: "POPA POPAD",
  MOV_FROM_SREG: "MOV",
  MOV_TO_SREG: "MOV",
  PUSH_SREG: "PUSH",
  POP_SREG: "POP",
  LOAD_FAR: "LES LDS LSS LFS LGS",
  JMP_FAR: "JMP",
  CALL_FAR: "CALL",
  JMP_FAR_INDIRECT: "JMP",
  CALL_FAR_INDIRECT: "CALL",
  RET_FAR: "RETF",
  IRET: "IRET IRETD IRETQ",
  MOV_FROM_CR: "MOV",
  MOV_TO_CR: "MOV",
  MOV_FROM_DR: "MOV",
  MOV_TO_DR: "MOV",
  SYSRET: "SYSRET SYSRETQ",
  SYSEXIT: "SYSEXIT SYSEXITQ",
  INVD: "INVD WBINVD",
  FENCE: "LFENCE MFENCE SFENCE",
  CLFLUSH: "CLFLUSH CLFLUSHOPT",
  MOVUPS: "MOVUPS MOVUPD MOVDQU LDDQU",
  MOVAPS: "MOVAPS MOVAPD MOVDQA MOVNTDQA",
  MOVUPS_STORE: "MOVUPS MOVUPD MOVDQU",
  MOVAPS_STORE: "MOVAPS MOVAPD MOVDQA MOVNTPS MOVNTPD MOVNTDQ",
  MOVSS_STORE: "MOVSS",
  MOVSD_STORE: "MOVSD",
  MOVLPS: "MOVLPS MOVLPD MOVHLPS",
  MOVHPS: "MOVHPS MOVHPD MOVLHPS",
  MOVLPS_STORE: "MOVLPS MOVLPD MOVQ",
  MOVHPS_STORE: "MOVHPS MOVHPD",
  MOVD_TO_XMM: "MOVD MOVQ",
  MOVD_FROM_XMM: "MOVD MOVQ",
  MOVQ_XMM: "MOVQ",
  MOVD_TO_MMX: "MOVD MOVQ",
  MOVD_FROM_MMX: "MOVD MOVQ",
  MOVQ_MMX: "MOVQ",
  MOVQ_MMX_STORE: "MOVQ MOVNTQ",
  FXSAVE: "FXSAVE FXSAVE64",
  FXRSTOR: "FXRSTOR FXRSTOR64",
  XSAVE: "XSAVE XSAVE64",
  XSAVEOPT: "XSAVEOPT XSAVEOPT64",
  XSAVEC: "XSAVEC XSAVEC64",
  XRSTOR: "XRSTOR XRSTOR64",
  PAND: "PAND ANDPS ANDPD",
  PANDN: "PANDN ANDNPS ANDNPD",
  POR: "POR ORPS ORPD",
  PXOR: "PXOR XORPS XORPD",
  PUNPCKLQDQ: "PUNPCKLQDQ UNPCKLPD",
  PUNPCKHQDQ: "PUNPCKHQDQ UNPCKHPD",
  PINSRW_MMX: "PINSRW",
  PEXTRW_MMX: "PEXTRW",
  PEXTRW_STORE: "PEXTRW",
  PMOVMSKB_MMX: "PMOVMSKB",
  PALIGNR_MMX: "PALIGNR",
  SHIFT_IMM_W: "PSRLW PSRAW PSLLW",
  SHIFT_IMM_D: "PSRLD PSRAD PSLLD",
  SHIFT_IMM_Q: "PSRLQ PSLLQ PSRLDQ PSLLDQ",
  SHIFT_IMM_W_MMX: "PSRLW PSRAW PSLLW",
  SHIFT_IMM_D_MMX: "PSRLD PSRAD PSLLD",
  SHIFT_IMM_Q_MMX: "PSRLQ PSLLQ",
  PEXTRD: "PEXTRD PEXTRQ",
  PINSRD: "PINSRD PINSRQ",
  PCMPESTRM: "PCMPESTRM PCMPESTRM64",
  PCMPESTRI: "PCMPESTRI PCMPESTRI64",
};

/** iced's own number of a mnemonic. */
const BY_NAME = new Map(
  Object.entries(Mnemonic)
    .filter(([, value]) => typeof value === "number")
    .map(([name, value]) => [name.toUpperCase(), value as Mnemonic]),
);

export interface Name {
  /** Op or Simd, of the XMM form. */
  name: string;
  isMmx: boolean;
  /** The mnemonics it may have; empty for x87, which ops/x87.ts tells apart by opcode and ModRM. */
  mnemonics: ReadonlySet<Mnemonic>;
}

/** All Ops and Simds by number. */
export function nameOps(): Map<number, Name> {
  const names = new Map<number, Name>();
  const add = (op: number, name: string, isMmx: boolean): void => {
    const mnemonics = (ALIASES[name] ?? name).split(" ");
    const known = mnemonics.map((mnemonic) => {
      const found = BY_NAME.get(mnemonic);
      if (found === undefined && !WITHOUT_MNEMONIC.has(name)) throw new Error(`iced-x86 has no ${mnemonic}`);
      return found;
    });
    names.set(op, { name, isMmx, mnemonics: new Set(known.filter((mnemonic) => mnemonic !== undefined)) });
  };
  for (const [name, op] of OPS) if (name !== "SIMD") add(op, name, false);
  for (const [name, op] of SIMD_OPS) {
    add(op, name, false);
    if (op >= FIRST_MMX && op <= LAST_MMX) add(op + MMX_FORM, name, true);
  }
  return names;
}

/** Ops that are no instruction. */
const WITHOUT_MNEMONIC: ReadonlySet<string> = new Set(["UD", "TOO_LONG", "X87"]);
