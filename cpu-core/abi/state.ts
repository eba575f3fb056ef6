/**
 * CpuState: byte offsets of everything the CPU is, from the CPU's state base (abi/layout.ts).
 *
 *     0x000  general registers, a zero slot, RIP, flags
 *     0x100  segment registers ES CS SS DS FS GS LDTR TR, then GDTR, IDTR
 *     0x280  control registers, MSRs, debug registers
 *     0x400  x87, then XMM0-15, MXCSR
 *     0x600  upper halves of YMM0-15
 *     0x700  MTRRs
 *     0x800  the run loop's own words and the interrupt lines
 *     0x900  counters
 *     0xa00  scratch of the current instruction
 *
 * cpu-core/state/cpu.ts lays a class over it; a test pins each field to its offset here.
 */
export const CPU_REGS: u32 = 0x000; // 16 x u64: RAX RCX RDX RBX RSP RBP RSI RDI R8-R15
export const CPU_ZERO: u32 = 0x080; // always 0: "no base", "no index"
export const CPU_RIP: u32 = 0x088; // u64; while an instruction executes, the address of the next one
export const CPU_RFLAGS: u32 = 0x090; // u32; the six status flags are valid here only when CPU_FLAGS_OP is 0
export const CPU_FLAGS_OP: u32 = 0x094; // u32; which operation set the status flags last (state/rflags.ts)
export const CPU_FLAGS_A: u32 = 0x098; // u64; its first operand
export const CPU_FLAGS_B: u32 = 0x0a0; // u64; its second operand
export const CPU_FLAGS_RESULT: u32 = 0x0a8; // u64; its result

/** Register numbers, as ModRM and REX encode them. */
export const RAX: u32 = 0;
export const RCX: u32 = 1;
export const RDX: u32 = 2;
export const RBX: u32 = 3;
export const RSP: u32 = 4;
export const RBP: u32 = 5;
export const RSI: u32 = 6;
export const RDI: u32 = 7;

/** One segment register: selector u32, attributes u32 (descriptor bits 40-55), base u64, limit u32 (bytes, granularity applied). */
export const CPU_SEGMENTS: u32 = 0x100;
export const SEGMENT_SIZE: u32 = 0x20;
export const SEGMENT_SELECTOR: u32 = 0x00;
export const SEGMENT_ATTRIBUTES: u32 = 0x04;
export const SEGMENT_BASE: u32 = 0x08;
export const SEGMENT_LIMIT: u32 = 0x10;
export const SEG_ES: u32 = 0;
export const SEG_CS: u32 = 1;
export const SEG_SS: u32 = 2;
export const SEG_DS: u32 = 3;
export const SEG_FS: u32 = 4;
export const SEG_GS: u32 = 5;
export const SEG_LDTR: u32 = 6;
export const SEG_TR: u32 = 7;

export const CPU_GDTR_BASE: u32 = 0x200;
export const CPU_GDTR_LIMIT: u32 = 0x208;
export const CPU_IDTR_BASE: u32 = 0x210;
export const CPU_IDTR_LIMIT: u32 = 0x218;
export const CPU_CPL: u32 = 0x220; // u32
export const CPU_A20_MASK: u32 = 0x224; // u32; ANDed to physical addresses: 0xffffffff, or 0xffefffff while the gate is closed

export const CPU_CR0: u32 = 0x280; // u32
export const CPU_CR4: u32 = 0x284; // u32
export const CPU_CR2: u32 = 0x288; // u64
export const CPU_CR3: u32 = 0x290; // u64
export const CPU_EFER: u32 = 0x29c; // u32
export const CPU_STAR: u32 = 0x2a0; // u64
export const CPU_LSTAR: u32 = 0x2a8;
export const CPU_CSTAR: u32 = 0x2b0;
export const CPU_FMASK: u32 = 0x2b8;
export const CPU_KERNEL_GS_BASE: u32 = 0x2c0;
export const CPU_SYSENTER_CS: u32 = 0x2c8;
export const CPU_SYSENTER_ESP: u32 = 0x2d0;
export const CPU_SYSENTER_EIP: u32 = 0x2d8;
export const CPU_TSC_OFFSET: u32 = 0x2e0; // u64; RDTSC = the host's TSC + this
export const CPU_TSC_AUX: u32 = 0x2e8;
export const CPU_PAT: u32 = 0x2f0;
export const CPU_APIC_BASE: u32 = 0x2f8;
export const CPU_DR: u32 = 0x300; // 8 x u64
export const CPU_MISC_ENABLE: u32 = 0x340;
export const CPU_XCR0: u32 = 0x348; // u32
export const CPU_PDPTE: u32 = 0x350; // 4 x u64; the PDPTE registers of PAE paging

export const CPU_X87_REGISTERS: u32 = 0x400; // 8 x 16 bytes, physical R0-R7: mantissa u64, sign and exponent u16
export const CPU_X87_CONTROL: u32 = 0x480; // u16 FCW
export const CPU_X87_STATUS: u32 = 0x482; // u16 FSW, TOP in it
export const CPU_X87_TAGS: u32 = 0x484; // u8, bit n: physical register n is in use (the abridged tag word of FXSAVE)
export const CPU_X87_OPCODE: u32 = 0x486; // u16 FOP
export const CPU_X87_IP: u32 = 0x488; // u64
export const CPU_X87_DP: u32 = 0x490; // u64
export const CPU_X87_CS: u32 = 0x498; // u16
export const CPU_X87_DS: u32 = 0x49a; // u16
export const CPU_MXCSR: u32 = 0x49c; // u32
export const CPU_XMM: u32 = 0x500; // 16 x 16 bytes
export const CPU_YMM_HIGH: u32 = 0x600; // 16 x 16 bytes

export const CPU_MTRR_DEF_TYPE: u32 = 0x700; // u64
export const CPU_MTRR_VARIABLE: u32 = 0x708; // 8 pairs of u64: PHYSBASE, PHYSMASK
export const CPU_MTRR_FIXED: u32 = 0x788; // 11 x u64: 64K, 2 of 16K, 8 of 4K

export const CPU_EVENTS: u32 = 0x800; // u32; non-zero: run() looks before the next block (EVENT_*)
export const CPU_INSN: u32 = 0x804; // u32; the Insn being executed
export const CPU_BLOCK_END: u32 = 0x808; // u32; where the current block's Insns end; 0 leaves it after the current one
export const CPU_BUDGET: u32 = 0x80c; // i32; instructions left in this run()
export const CPU_STEPPING: u32 = 0x810; // u32; why the next instruction runs alone (state/stepping.ts)
export const CPU_TLB_GENERATION: u32 = 0x814; // u32; the low 12 bits of every valid tag
export const CPU_MODE: u32 = 0x818; // u32; MODE_* : what decoding and address translation depend on
export const CPU_TLB_PART: u32 = 0x81c; // u32; address of the TLB part that accesses use (mmu/tlb.ts)
export const CPU_HALTED: u32 = 0x820; // u32
export const CPU_RUN_BLOCK: u32 = 0x824; // u32; first Insn of the current block
export const CPU_RAISED_VECTOR: u32 = 0x828; // u32; set by raise() before it unwinds
export const CPU_RAISED_CODE: u32 = 0x82c; // u32; error code, or NO_ERROR_CODE
export const CPU_ENTRY_BUDGET: u32 = 0x830; // i32; CPU_BUDGET when the current block or region was entered
export const CPU_MISS: u32 = 0x838; // u64; translated code left before an instruction: its Insn, its Block in the upper half; 0: it did not
export const CPU_CALL_DEPTH: u32 = 0x840; // u32; calls of translated code by translated code under way
export const CPU_RESERVE: u32 = 0x844; // i32; budget of this run() beyond CPU_BUDGET
export const CPU_PENDING_TRAPS: u32 = 0x848; // u32; bits of DR6: #DB for them waits for an instruction boundary
export const CPU_NMI_BLOCKED: u32 = 0x84c; // u32; an NMI is being handled, until IRET
export const NO_ERROR_CODE: u32 = 0xffff_ffff;

export const EVENT_INTR: u32 = 1 << 0; // the interrupt controller's INTR line is up
export const EVENT_NMI: u32 = 1 << 1;
export const EVENT_STOP: u32 = 1 << 2; // a host import wants run() to return EXIT_UNWOUND
export const EVENT_TRAP: u32 = 1 << 3; // CPU_PENDING_TRAPS is not 0
export const EVENT_INIT: u32 = 1 << 4;

/** Counters, u64 each, only ever added to. */
export const CPU_COUNT_RETIRED: u32 = 0x900; // instructions retired
export const CPU_COUNT_RETIRED_USER: u32 = 0x908; // of these at CPL 3
export const CPU_COUNT_TLB_MISSES: u32 = 0x910; // page walks
export const CPU_COUNT_DECODED_BLOCKS: u32 = 0x918;
export const CPU_COUNT_INVALIDATED_BLOCKS: u32 = 0x920;
export const CPU_COUNT_EXCEPTIONS: u32 = 0x928;
export const CPU_COUNT_INTERRUPTS: u32 = 0x930;
export const CPU_COUNT_TRANSLATIONS: u32 = 0x938;
export const CPU_COUNT_TRANSLATED_ENTRIES: u32 = 0x940;

export const CPU_SCRATCH: u32 = 0xa00; // 512 bytes
/** All of it. */
export const STATE_BYTES: u32 = 0x1000;

/** RFLAGS. SDM vol 1 "EFLAGS Register". */
export const FLAG_CF: u32 = 1 << 0;
export const FLAG_PF: u32 = 1 << 2;
export const FLAG_AF: u32 = 1 << 4;
export const FLAG_ZF: u32 = 1 << 6;
export const FLAG_SF: u32 = 1 << 7;
export const FLAG_TF: u32 = 1 << 8;
export const FLAG_IF: u32 = 1 << 9;
export const FLAG_DF: u32 = 1 << 10;
export const FLAG_OF: u32 = 1 << 11;
export const FLAG_IOPL: u32 = 3 << 12;
export const FLAG_NT: u32 = 1 << 14;
export const FLAG_RF: u32 = 1 << 16;
export const FLAG_VM: u32 = 1 << 17;
export const FLAG_AC: u32 = 1 << 18;
export const FLAG_VIF: u32 = 1 << 19;
export const FLAG_VIP: u32 = 1 << 20;
export const FLAG_ID: u32 = 1 << 21;
export const FLAGS_STATUS: u32 = 0x8d5; // CF PF AF ZF SF OF

/** MXCSR. SDM vol 1 "MXCSR Control and Status Register". */
export const MXCSR_PE: u32 = 1 << 5;
export const MXCSR_DAZ: u32 = 1 << 6;
export const MXCSR_MASKS: u32 = 0x3f << 7;
export const MXCSR_RC: u32 = 3 << 13;
export const MXCSR_FTZ: u32 = 1 << 15;
export const MXCSR_MASK: u32 = 0xffff; // bits that exist; setting another one is #GP
export const MXCSR_DEFAULT: u32 = 0x1f80;

/** CR0, CR4, EFER. SDM vol 3A "Control Registers". */
export const CR0_PE: u32 = 1 << 0;
export const CR0_MP: u32 = 1 << 1;
export const CR0_EM: u32 = 1 << 2;
export const CR0_TS: u32 = 1 << 3;
export const CR0_ET: u32 = 1 << 4;
export const CR0_NE: u32 = 1 << 5;
export const CR0_WP: u32 = 1 << 16;
export const CR0_AM: u32 = 1 << 18;
export const CR0_NW: u32 = 1 << 29;
export const CR0_CD: u32 = 1 << 30;
export const CR0_PG: u32 = 1 << 31;
export const CR4_VME: u32 = 1 << 0;
export const CR4_PVI: u32 = 1 << 1;
export const CR4_TSD: u32 = 1 << 2;
export const CR4_DE: u32 = 1 << 3;
export const CR4_PSE: u32 = 1 << 4;
export const CR4_PAE: u32 = 1 << 5;
export const CR4_MCE: u32 = 1 << 6;
export const CR4_PGE: u32 = 1 << 7;
export const CR4_PCE: u32 = 1 << 8;
export const CR4_OSFXSR: u32 = 1 << 9;
export const CR4_OSXMMEXCPT: u32 = 1 << 10;
export const CR4_UMIP: u32 = 1 << 11;
export const CR4_FSGSBASE: u32 = 1 << 16;
export const CR4_PCIDE: u32 = 1 << 17;
export const CR4_OSXSAVE: u32 = 1 << 18;
export const CR4_SMEP: u32 = 1 << 20;
export const CR4_SMAP: u32 = 1 << 21;
export const EFER_SCE: u32 = 1 << 0;
export const EFER_LME: u32 = 1 << 8;
export const EFER_LMA: u32 = 1 << 10;
export const EFER_NXE: u32 = 1 << 11;

/** Model-specific registers. SDM vol 4 "Architectural MSRs". */
export const MSR_TSC: u32 = 0x10;
export const MSR_P5_MC_ADDR: u32 = 0;
export const MSR_P5_MC_TYPE: u32 = 1;
export const MSR_PLATFORM_ID: u32 = 0x17;
export const MSR_APIC_BASE: u32 = 0x1b;
export const MSR_BIOS_SIGN_ID: u32 = 0x8b;
export const MSR_MTRRCAP: u32 = 0xfe;
export const MSR_SYSENTER_CS: u32 = 0x174;
export const MSR_SYSENTER_ESP: u32 = 0x175;
export const MSR_SYSENTER_EIP: u32 = 0x176;
export const MSR_MCG_CAP: u32 = 0x179;
export const MSR_MCG_STATUS: u32 = 0x17a;
export const MSR_TSC_DEADLINE: u32 = 0x6e0;
export const MSR_X2APIC: u32 = 0x800; // 256 of them
export const MSR_MISC_ENABLE: u32 = 0x1a0;
export const MSR_MTRR_PHYSBASE0: u32 = 0x200;
export const MSR_MTRR_FIX64K_00000: u32 = 0x250;
export const MSR_MTRR_FIX16K_80000: u32 = 0x258;
export const MSR_MTRR_FIX4K_C0000: u32 = 0x268;
export const MSR_PAT: u32 = 0x277;
export const MSR_MTRR_DEF_TYPE: u32 = 0x2ff;
export const MSR_EFER: u32 = 0xc000_0080;
export const MSR_STAR: u32 = 0xc000_0081;
export const MSR_LSTAR: u32 = 0xc000_0082;
export const MSR_CSTAR: u32 = 0xc000_0083;
export const MSR_FMASK: u32 = 0xc000_0084;
export const MSR_FS_BASE: u32 = 0xc000_0100;
export const MSR_GS_BASE: u32 = 0xc000_0101;
export const MSR_KERNEL_GS_BASE: u32 = 0xc000_0102;
export const MSR_TSC_AUX: u32 = 0xc000_0103;

/** Bits of IA32_APIC_BASE. SDM vol 3A "Local APIC Status and Location". */
export const APIC_BASE_BSP: u32 = 1 << 8;
export const APIC_BASE_X2APIC: u32 = 1 << 10;
export const APIC_BASE_ENABLE: u32 = 1 << 11;
/** Its value after reset in the bootstrap processor. */
export const APIC_BASE_RESET: u32 = 0xfee0_0900;
