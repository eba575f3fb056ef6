/**
 * CpuState: everything the CPU is, laid over memory at offsets that TypeScript and translated code share (abi/state.ts).
 * Its base is an imported global, so that several CPUs can run the same code over one memory.
 */
import {
  CPU_A20_MASK,
  CPU_APIC_BASE,
  CPU_BLOCK_END,
  CPU_BUDGET,
  CPU_COUNT_DECODED_BLOCKS,
  CPU_COUNT_EXCEPTIONS,
  CPU_COUNT_INTERRUPTS,
  CPU_COUNT_INVALIDATED_BLOCKS,
  CPU_COUNT_RETIRED,
  CPU_COUNT_RETIRED_USER,
  CPU_COUNT_TLB_MISSES,
  CPU_COUNT_TRANSLATED_ENTRIES,
  CPU_COUNT_TRANSLATIONS,
  CPU_CPL,
  CPU_CR0,
  CPU_CR2,
  CPU_CR3,
  CPU_CR4,
  CPU_CSTAR,
  CPU_EFER,
  CPU_ENTRY_BUDGET,
  CPU_EVENTS,
  CPU_FLAGS_A,
  CPU_FLAGS_B,
  CPU_FLAGS_OP,
  CPU_FLAGS_RESULT,
  CPU_FMASK,
  CPU_GDTR_BASE,
  CPU_GDTR_LIMIT,
  CPU_HALTED,
  CPU_IDTR_BASE,
  CPU_IDTR_LIMIT,
  CPU_INSN,
  CPU_KERNEL_GS_BASE,
  CPU_LSTAR,
  CPU_MISC_ENABLE,
  CPU_MODE,
  CPU_MXCSR,
  CPU_NMI_BLOCKED,
  CPU_PAT,
  CPU_PENDING_TRAPS,
  CPU_RAISED_CODE,
  CPU_RAISED_VECTOR,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_RUN_BLOCK,
  CPU_STAR,
  CPU_STEPPING,
  CPU_SYSENTER_CS,
  CPU_SYSENTER_EIP,
  CPU_SYSENTER_ESP,
  CPU_TLB_GENERATION,
  CPU_TLB_PART,
  CPU_TSC_AUX,
  CPU_TSC_OFFSET,
  CPU_MISS,
  CPU_CALL_DEPTH,
  CPU_RESERVE,
  CPU_X87_CONTROL,
  CPU_X87_CS,
  CPU_X87_DP,
  CPU_X87_DS,
  CPU_X87_IP,
  CPU_X87_OPCODE,
  CPU_X87_STATUS,
  CPU_X87_TAGS,
  CPU_XCR0,
  CPU_REGS,
} from "../abi/state";

/** Address of this CPU's state; the host gives each instance of the core its own. */
@external("env", "cpu_base")
declare const cpu_base: usize;

// prettier-ignore
@unmanaged @final
export class CpuState {
  /** While an instruction executes: the address of the next one. */
  @inline get rip(): u64 { return load<u64>(changetype<usize>(this), CPU_RIP); }
  @inline set rip(value: u64) { store<u64>(changetype<usize>(this), value, CPU_RIP); }
  /** The status flags in it are valid only while `flagsOp` is FlagsOf.RFLAGS. */
  @inline get rflags(): u32 { return load<u32>(changetype<usize>(this), CPU_RFLAGS); }
  @inline set rflags(value: u32) { store<u32>(changetype<usize>(this), value, CPU_RFLAGS); }
  /** What set the status flags last (state/rflags.ts). */
  @inline get flagsOp(): u32 { return load<u32>(changetype<usize>(this), CPU_FLAGS_OP); }
  @inline set flagsOp(value: u32) { store<u32>(changetype<usize>(this), value, CPU_FLAGS_OP); }
  /** First operand, sign-extended. */
  @inline get flagsA(): i64 { return load<i64>(changetype<usize>(this), CPU_FLAGS_A); }
  @inline set flagsA(value: i64) { store<i64>(changetype<usize>(this), value, CPU_FLAGS_A); }
  /** Second operand, sign-extended. */
  @inline get flagsB(): i64 { return load<i64>(changetype<usize>(this), CPU_FLAGS_B); }
  @inline set flagsB(value: i64) { store<i64>(changetype<usize>(this), value, CPU_FLAGS_B); }
  /** Result, sign-extended. */
  @inline get flagsResult(): i64 { return load<i64>(changetype<usize>(this), CPU_FLAGS_RESULT); }
  @inline set flagsResult(value: i64) { store<i64>(changetype<usize>(this), value, CPU_FLAGS_RESULT); }
  @inline get miss(): u64 { return load<u64>(changetype<usize>(this), CPU_MISS); }
  @inline set miss(value: u64) { store<u64>(changetype<usize>(this), value, CPU_MISS); }
  @inline get callDepth(): u32 { return load<u32>(changetype<usize>(this), CPU_CALL_DEPTH); }
  @inline set callDepth(value: u32) { store<u32>(changetype<usize>(this), value, CPU_CALL_DEPTH); }
  @inline get reserve(): i32 { return load<i32>(changetype<usize>(this), CPU_RESERVE); }
  @inline set reserve(value: i32) { store<i32>(changetype<usize>(this), value, CPU_RESERVE); }
  @inline get gdtrBase(): u64 { return load<u64>(changetype<usize>(this), CPU_GDTR_BASE); }
  @inline set gdtrBase(value: u64) { store<u64>(changetype<usize>(this), value, CPU_GDTR_BASE); }
  @inline get gdtrLimit(): u32 { return load<u32>(changetype<usize>(this), CPU_GDTR_LIMIT); }
  @inline set gdtrLimit(value: u32) { store<u32>(changetype<usize>(this), value, CPU_GDTR_LIMIT); }
  @inline get idtrBase(): u64 { return load<u64>(changetype<usize>(this), CPU_IDTR_BASE); }
  @inline set idtrBase(value: u64) { store<u64>(changetype<usize>(this), value, CPU_IDTR_BASE); }
  @inline get idtrLimit(): u32 { return load<u32>(changetype<usize>(this), CPU_IDTR_LIMIT); }
  @inline set idtrLimit(value: u32) { store<u32>(changetype<usize>(this), value, CPU_IDTR_LIMIT); }
  /** Current privilege level. */
  @inline get cpl(): u32 { return load<u32>(changetype<usize>(this), CPU_CPL); }
  @inline set cpl(value: u32) { store<u32>(changetype<usize>(this), value, CPU_CPL); }
  @inline get a20Mask(): u32 { return load<u32>(changetype<usize>(this), CPU_A20_MASK); }
  @inline set a20Mask(value: u32) { store<u32>(changetype<usize>(this), value, CPU_A20_MASK); }
  @inline get cr0(): u32 { return load<u32>(changetype<usize>(this), CPU_CR0); }
  @inline set cr0(value: u32) { store<u32>(changetype<usize>(this), value, CPU_CR0); }
  @inline get cr4(): u32 { return load<u32>(changetype<usize>(this), CPU_CR4); }
  @inline set cr4(value: u32) { store<u32>(changetype<usize>(this), value, CPU_CR4); }
  @inline get cr2(): u64 { return load<u64>(changetype<usize>(this), CPU_CR2); }
  @inline set cr2(value: u64) { store<u64>(changetype<usize>(this), value, CPU_CR2); }
  @inline get cr3(): u64 { return load<u64>(changetype<usize>(this), CPU_CR3); }
  @inline set cr3(value: u64) { store<u64>(changetype<usize>(this), value, CPU_CR3); }
  @inline get efer(): u32 { return load<u32>(changetype<usize>(this), CPU_EFER); }
  @inline set efer(value: u32) { store<u32>(changetype<usize>(this), value, CPU_EFER); }
  @inline get star(): u64 { return load<u64>(changetype<usize>(this), CPU_STAR); }
  @inline set star(value: u64) { store<u64>(changetype<usize>(this), value, CPU_STAR); }
  @inline get lstar(): u64 { return load<u64>(changetype<usize>(this), CPU_LSTAR); }
  @inline set lstar(value: u64) { store<u64>(changetype<usize>(this), value, CPU_LSTAR); }
  @inline get cstar(): u64 { return load<u64>(changetype<usize>(this), CPU_CSTAR); }
  @inline set cstar(value: u64) { store<u64>(changetype<usize>(this), value, CPU_CSTAR); }
  @inline get fmask(): u64 { return load<u64>(changetype<usize>(this), CPU_FMASK); }
  @inline set fmask(value: u64) { store<u64>(changetype<usize>(this), value, CPU_FMASK); }
  @inline get kernelGsBase(): u64 { return load<u64>(changetype<usize>(this), CPU_KERNEL_GS_BASE); }
  @inline set kernelGsBase(value: u64) { store<u64>(changetype<usize>(this), value, CPU_KERNEL_GS_BASE); }
  @inline get sysenterCs(): u64 { return load<u64>(changetype<usize>(this), CPU_SYSENTER_CS); }
  @inline set sysenterCs(value: u64) { store<u64>(changetype<usize>(this), value, CPU_SYSENTER_CS); }
  @inline get sysenterEsp(): u64 { return load<u64>(changetype<usize>(this), CPU_SYSENTER_ESP); }
  @inline set sysenterEsp(value: u64) { store<u64>(changetype<usize>(this), value, CPU_SYSENTER_ESP); }
  @inline get sysenterEip(): u64 { return load<u64>(changetype<usize>(this), CPU_SYSENTER_EIP); }
  @inline set sysenterEip(value: u64) { store<u64>(changetype<usize>(this), value, CPU_SYSENTER_EIP); }
  @inline get tscOffset(): u64 { return load<u64>(changetype<usize>(this), CPU_TSC_OFFSET); }
  @inline set tscOffset(value: u64) { store<u64>(changetype<usize>(this), value, CPU_TSC_OFFSET); }
  @inline get tscAux(): u32 { return load<u32>(changetype<usize>(this), CPU_TSC_AUX); }
  @inline set tscAux(value: u32) { store<u32>(changetype<usize>(this), value, CPU_TSC_AUX); }
  @inline get pat(): u64 { return load<u64>(changetype<usize>(this), CPU_PAT); }
  @inline set pat(value: u64) { store<u64>(changetype<usize>(this), value, CPU_PAT); }
  @inline get apicBase(): u64 { return load<u64>(changetype<usize>(this), CPU_APIC_BASE); }
  @inline set apicBase(value: u64) { store<u64>(changetype<usize>(this), value, CPU_APIC_BASE); }
  @inline get miscEnable(): u64 { return load<u64>(changetype<usize>(this), CPU_MISC_ENABLE); }
  @inline set miscEnable(value: u64) { store<u64>(changetype<usize>(this), value, CPU_MISC_ENABLE); }
  @inline get xcr0(): u32 { return load<u32>(changetype<usize>(this), CPU_XCR0); }
  @inline set xcr0(value: u32) { store<u32>(changetype<usize>(this), value, CPU_XCR0); }
  /** FCW. */
  @inline get x87Control(): u16 { return load<u16>(changetype<usize>(this), CPU_X87_CONTROL); }
  @inline set x87Control(value: u16) { store<u16>(changetype<usize>(this), value, CPU_X87_CONTROL); }
  /** FSW; TOP is in bits 11-13. */
  @inline get x87Status(): u16 { return load<u16>(changetype<usize>(this), CPU_X87_STATUS); }
  @inline set x87Status(value: u16) { store<u16>(changetype<usize>(this), value, CPU_X87_STATUS); }
  /** Bit n: physical register n is in use. */
  @inline get x87Tags(): u8 { return load<u8>(changetype<usize>(this), CPU_X87_TAGS); }
  @inline set x87Tags(value: u8) { store<u8>(changetype<usize>(this), value, CPU_X87_TAGS); }
  /** FOP. */
  @inline get x87Opcode(): u16 { return load<u16>(changetype<usize>(this), CPU_X87_OPCODE); }
  @inline set x87Opcode(value: u16) { store<u16>(changetype<usize>(this), value, CPU_X87_OPCODE); }
  @inline get x87Ip(): u64 { return load<u64>(changetype<usize>(this), CPU_X87_IP); }
  @inline set x87Ip(value: u64) { store<u64>(changetype<usize>(this), value, CPU_X87_IP); }
  @inline get x87Dp(): u64 { return load<u64>(changetype<usize>(this), CPU_X87_DP); }
  @inline set x87Dp(value: u64) { store<u64>(changetype<usize>(this), value, CPU_X87_DP); }
  @inline get x87Cs(): u16 { return load<u16>(changetype<usize>(this), CPU_X87_CS); }
  @inline set x87Cs(value: u16) { store<u16>(changetype<usize>(this), value, CPU_X87_CS); }
  @inline get x87Ds(): u16 { return load<u16>(changetype<usize>(this), CPU_X87_DS); }
  @inline set x87Ds(value: u16) { store<u16>(changetype<usize>(this), value, CPU_X87_DS); }
  @inline get mxcsr(): u32 { return load<u32>(changetype<usize>(this), CPU_MXCSR); }
  @inline set mxcsr(value: u32) { store<u32>(changetype<usize>(this), value, CPU_MXCSR); }
  /** Non-zero: run() looks before the next block (EVENT_*). */
  @inline get events(): u32 { return load<u32>(changetype<usize>(this), CPU_EVENTS); }
  @inline set events(value: u32) { store<u32>(changetype<usize>(this), value, CPU_EVENTS); }
  /** The Insn being executed, 0 between instructions. */
  @inline get insn(): u32 { return load<u32>(changetype<usize>(this), CPU_INSN); }
  @inline set insn(value: u32) { store<u32>(changetype<usize>(this), value, CPU_INSN); }
  /** Where the current block's Insns end; 0 leaves it after the current one. */
  @inline get blockEnd(): u32 { return load<u32>(changetype<usize>(this), CPU_BLOCK_END); }
  @inline set blockEnd(value: u32) { store<u32>(changetype<usize>(this), value, CPU_BLOCK_END); }
  /** Instructions left in this run(). */
  @inline get budget(): i32 { return load<i32>(changetype<usize>(this), CPU_BUDGET); }
  @inline set budget(value: i32) { store<i32>(changetype<usize>(this), value, CPU_BUDGET); }
  /** `budget` when the current block or region was entered. */
  @inline get entryBudget(): i32 { return load<i32>(changetype<usize>(this), CPU_ENTRY_BUDGET); }
  @inline set entryBudget(value: i32) { store<i32>(changetype<usize>(this), value, CPU_ENTRY_BUDGET); }
  /** Not 0: the next instruction runs alone (state/stepping.ts). */
  @inline get stepping(): u32 { return load<u32>(changetype<usize>(this), CPU_STEPPING); }
  @inline set stepping(value: u32) { store<u32>(changetype<usize>(this), value, CPU_STEPPING); }
  @inline get tlbGeneration(): u32 { return load<u32>(changetype<usize>(this), CPU_TLB_GENERATION); }
  @inline set tlbGeneration(value: u32) { store<u32>(changetype<usize>(this), value, CPU_TLB_GENERATION); }
  /** CODE_16, CODE_32 or CODE_64 (state/mode.ts). */
  @inline get mode(): u32 { return load<u32>(changetype<usize>(this), CPU_MODE); }
  @inline set mode(value: u32) { store<u32>(changetype<usize>(this), value, CPU_MODE); }
  /** Address of the TLB part whose rights accesses have (mmu/tlb.ts). */
  @inline get tlbPart(): u32 { return load<u32>(changetype<usize>(this), CPU_TLB_PART); }
  @inline set tlbPart(value: u32) { store<u32>(changetype<usize>(this), value, CPU_TLB_PART); }
  @inline get halted(): u32 { return load<u32>(changetype<usize>(this), CPU_HALTED); }
  @inline set halted(value: u32) { store<u32>(changetype<usize>(this), value, CPU_HALTED); }
  /** First Insn of the run of instructions being executed. */
  @inline get runBlock(): u32 { return load<u32>(changetype<usize>(this), CPU_RUN_BLOCK); }
  @inline set runBlock(value: u32) { store<u32>(changetype<usize>(this), value, CPU_RUN_BLOCK); }
  @inline get raisedVector(): u32 { return load<u32>(changetype<usize>(this), CPU_RAISED_VECTOR); }
  @inline set raisedVector(value: u32) { store<u32>(changetype<usize>(this), value, CPU_RAISED_VECTOR); }
  @inline get raisedCode(): u32 { return load<u32>(changetype<usize>(this), CPU_RAISED_CODE); }
  @inline set raisedCode(value: u32) { store<u32>(changetype<usize>(this), value, CPU_RAISED_CODE); }
  /** Bits of DR6: #DB for them waits for an instruction boundary (EVENT_TRAP). */
  @inline get pendingTraps(): u32 { return load<u32>(changetype<usize>(this), CPU_PENDING_TRAPS); }
  @inline set pendingTraps(value: u32) { store<u32>(changetype<usize>(this), value, CPU_PENDING_TRAPS); }
  /** An NMI is being handled: others wait until IRET. */
  @inline get nmiBlocked(): u32 { return load<u32>(changetype<usize>(this), CPU_NMI_BLOCKED); }
  @inline set nmiBlocked(value: u32) { store<u32>(changetype<usize>(this), value, CPU_NMI_BLOCKED); }
  @inline get countRetired(): u64 { return load<u64>(changetype<usize>(this), CPU_COUNT_RETIRED); }
  @inline set countRetired(value: u64) { store<u64>(changetype<usize>(this), value, CPU_COUNT_RETIRED); }
  @inline get countRetiredUser(): u64 { return load<u64>(changetype<usize>(this), CPU_COUNT_RETIRED_USER); }
  @inline set countRetiredUser(value: u64) { store<u64>(changetype<usize>(this), value, CPU_COUNT_RETIRED_USER); }
  @inline get countTlbMisses(): u64 { return load<u64>(changetype<usize>(this), CPU_COUNT_TLB_MISSES); }
  @inline set countTlbMisses(value: u64) { store<u64>(changetype<usize>(this), value, CPU_COUNT_TLB_MISSES); }
  @inline get countDecodedBlocks(): u64 { return load<u64>(changetype<usize>(this), CPU_COUNT_DECODED_BLOCKS); }
  @inline set countDecodedBlocks(value: u64) { store<u64>(changetype<usize>(this), value, CPU_COUNT_DECODED_BLOCKS); }
  @inline get countInvalidatedBlocks(): u64 { return load<u64>(changetype<usize>(this), CPU_COUNT_INVALIDATED_BLOCKS); }
  @inline set countInvalidatedBlocks(value: u64) { store<u64>(changetype<usize>(this), value, CPU_COUNT_INVALIDATED_BLOCKS); }
  @inline get countExceptions(): u64 { return load<u64>(changetype<usize>(this), CPU_COUNT_EXCEPTIONS); }
  @inline set countExceptions(value: u64) { store<u64>(changetype<usize>(this), value, CPU_COUNT_EXCEPTIONS); }
  @inline get countInterrupts(): u64 { return load<u64>(changetype<usize>(this), CPU_COUNT_INTERRUPTS); }
  @inline set countInterrupts(value: u64) { store<u64>(changetype<usize>(this), value, CPU_COUNT_INTERRUPTS); }
  @inline get countTranslations(): u64 { return load<u64>(changetype<usize>(this), CPU_COUNT_TRANSLATIONS); }
  @inline set countTranslations(value: u64) { store<u64>(changetype<usize>(this), value, CPU_COUNT_TRANSLATIONS); }
  @inline get countTranslatedEntries(): u64 { return load<u64>(changetype<usize>(this), CPU_COUNT_TRANSLATED_ENTRIES); }
  @inline set countTranslatedEntries(value: u64) { store<u64>(changetype<usize>(this), value, CPU_COUNT_TRANSLATED_ENTRIES); }
}

/** This CPU. */
// prettier-ignore
@inline
export function cpu(): CpuState {
  return changetype<CpuState>(cpu_base);
}

/** Address of the CPU's state, for offsets known only when decoding. */
// prettier-ignore
@inline
export function cpuBase(): usize {
  return cpu_base;
}

/** Reads part of a general register; `offset` is a byte offset from CPU_REGS (AH is 1). */
// prettier-ignore
@inline
export function readReg<T>(offset: u32): T {
  return load<T>(cpu_base + offset, CPU_REGS);
}

/** Writes a general register: 32-bit writes clear the upper half, narrower ones leave the rest. */
// prettier-ignore
@inline
export function writeReg<T>(offset: u32, value: T): void {
  if (sizeof<T>() == 4) store<u64>(cpu_base + offset, <u64>(<u32>value), CPU_REGS);
  else store<T>(cpu_base + offset, value, CPU_REGS);
}
