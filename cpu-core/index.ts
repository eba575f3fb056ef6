/** What the core exports to the host, and nothing else. */
import { PAGE_FLAGS_BASE, PAGE_FLAGS_SIZE, RAM_BASE, VRAM_DIRTY_BASE, VRAM_DIRTY_SIZE } from "./abi/layout";
import {
  APIC_BASE_RESET,
  CPU_SCRATCH,
  CR0_CD,
  CR0_NW,
  EVENT_INIT,
  EVENT_INTR,
  EVENT_NMI,
  EVENT_STOP,
  MXCSR_DEFAULT,
  STATE_BYTES,
} from "./abi/state";
import { dropAllBlocks, invalidateCode } from "./interpreter/block";
import { init } from "./interrupts/init";
import { setApicBase, setRamBytes } from "./mmu/physical";
import { flushTlb, invalidatePage } from "./mmu/tlb";
import { unwound } from "./run";
import { writeCr0, writeCr3, writeCr4 } from "./ops/control";
import { MISC_ENABLE_RESET, readMsr, writeMsr } from "./ops/msr";
import { cpu, cpuBase } from "./state/cpu";
import { updateMode } from "./state/mode";
import { materializeFlags } from "./state/rflags";
import { loadSegment } from "./state/segments";

export { run } from "./run";
export { fxrstorImage as fxrstor, fxsaveImage as fxsave } from "./ops/fx_image";
export * from "./jit/helpers";
export { setThreshold as set_translation_threshold } from "./jit/translate"; // entries of a block before it is translated; 0: never
export { cpuid } from "./state/cpuid"; // EAX, EBX, ECX, EDX go to CPU_SCRATCH

/** Power-on state. SDM vol 3A table "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT". */
export function reset(ramBytes: u32): void {
  setRamBytes(ramBytes);
  memory.fill(cpuBase(), 0, STATE_BYTES);
  const state = cpu();
  state.a20Mask = 0xffff_ffff;
  state.cr0 = CR0_CD | CR0_NW;
  state.pat = 0x0007_0406_0007_0406;
  setApicBase(APIC_BASE_RESET);
  state.x87Control = 0x40;
  state.miscEnable = MISC_ENABLE_RESET;
  state.mxcsr = MXCSR_DEFAULT;
  state.xcr0 = 1;
  memory.fill(PAGE_FLAGS_BASE, 0, PAGE_FLAGS_SIZE);
  memory.fill(VRAM_DIRTY_BASE, 1, VRAM_DIRTY_SIZE);
  dropAllBlocks();
  init();
}

/** Makes run() look at events after the current instruction. */
function signal(event: u32): void {
  cpu().events |= event;
  cpu().blockEnd = 0;
}

/** The INTR line from the interrupt controllers. */
export function set_intr(level: u32): void {
  if (level != 0) signal(EVENT_INTR);
  else cpu().events &= ~EVENT_INTR;
}

export function raise_nmi(): void {
  signal(EVENT_NMI);
}

export function raise_init(): void {
  signal(EVENT_INIT);
}

/** Makes run() return EXIT_UNWOUND after the current instruction. */
export function request_stop(): void {
  signal(EVENT_STOP);
}

/** Bytes of RAM changed from outside (DMA, the kernel): decoded code there is dropped. */
export function invalidate_code(pa: u32, length: u32): void {
  invalidateCode(RAM_BASE + pa, length);
}

export function flush_tlb(): void {
  flushTlb();
}

/** INVLPG for the linear address hi:lo. */
export function invlpg(lo: u32, hi: u32): void {
  invalidatePage((<u64>hi << 32) | <u64>lo);
}

/** MOV to CR0, CR3, CR4 with all their effects. */
export function set_cr(number: u32, lo: u32, hi: u32): void {
  const value = (<u64>hi << 32) | <u64>lo;
  if (number == 0) writeCr0(value);
  else if (number == 3) writeCr3(value);
  else if (number == 4) writeCr4(value);
}

/** WRMSR. Unwinds on a bad number or value. */
export function write_msr(number: u32, lo: u32, hi: u32): void {
  writeMsr(number, (<u64>hi << 32) | <u64>lo);
}

/** RDMSR; the value goes to CPU_SCRATCH. */
export function read_msr(number: u32): void {
  store<u64>(cpuBase(), readMsr(number), CPU_SCRATCH);
}

/** Works the status flags out; returns RFLAGS. */
export function materialize_flags(): u32 {
  return materializeFlags();
}

/** After an unwind: tidies up; the next run() delivers the exception. Returns 0. */
export function deliver_raised(): u32 {
  unwound();
  return 0;
}

/** MOV to ES, SS, DS, FS or GS with all its checks. Unwinds on a bad selector. */
export function load_segment(index: u32, selector: u32): void {
  loadSegment(index, selector);
}

/** Sets RFLAGS outright. */
export function set_rflags(value: u32): void {
  materializeFlags();
  cpu().rflags = value | 2;
  updateMode();
}

/** The A20 gate. */
export function set_a20(enabled: u32): void {
  cpu().a20Mask = enabled != 0 ? 0xffff_ffff : 0xffef_ffff;
  flushTlb();
}
