/** Comparing what the real CPU and the core made of a case. */
import { Op } from "../../cpu-core/ops/op.ts";
import { Simd } from "../../cpu-core/ops/simd_op.ts";
import {
  CHANGES_HASHED,
  CHANGE_BYTES,
  FX_CONTROL,
  FX_DP,
  FX_IP,
  FX_MXCSR,
  FX_OPCODE,
  FX_ST,
  FX_STATUS,
  FX_TAGS,
  FX_XMM,
  Input,
  MODE_64,
  OUTPUT_CR2,
  OUTPUT_ERROR,
  OUTPUT_FS_BASE,
  OUTPUT_FX,
  OUTPUT_GS_BASE,
  OUTPUT_NR_CHANGES,
  OUTPUT_REGS,
  OUTPUT_RFLAGS,
  OUTPUT_RIP,
  OUTPUT_SELECTORS,
  OUTPUT_SIZE,
  Output,
  VECTOR_PF,
  hex,
} from "./case.ts";
import type { Form } from "./forms.ts";
import { USER_CS } from "./segments.ts";
import { type Tolerance, toleranceOf } from "./undefined.ts";

export const REG_NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs"];
/** CF PF AF ZF SF TF DF OF IOPL NT VM AC ID. */
export const COMPARED_FLAGS = 0x0026_7dd5;
const STATE_SAVES = new Set<number>([Simd.FXSAVE, Op.XSAVE, Op.XSAVEC, Op.XSAVEOPT]);
const FSW_ES = 0x80;
const FIRST_KERNEL_ADDRESS = 0x7fff_ffff_f000n;

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Numbers an 80-bit number in hex so that neighbours differ by one: the explicit integer bit is left out. */
function ordinal(text: string): bigint {
  const exponent = BigInt(`0x${text.slice(0, 4)}`);
  return (exponent << 63n) | (BigInt(`0x${text.slice(4)}`) & 0x7fff_ffff_ffff_ffffn);
}

/** Describes the differences between two results; empty if there are none. */
export function differences(form: Form, input: Input, native: Output, core: Output): string[] {
  if (isSame(native.bytes, core.bytes)) return [];
  const tolerance = toleranceOf(form, input, native);
  const found: string[] = [];
  const same = (name: string, a: number | bigint | string, b: number | bigint | string) => {
    if (a === b) return;
    const text = (value: number | bigint | string) =>
      typeof value === "string" ? value : value.toString(16);
    found.push(`${name}: CPU ${text(a)}, core ${text(b)}`);
  };
  const trap = native.trap;
  same("trap", trap | 0, core.trap | 0);
  let error = native.u32(OUTPUT_ERROR);
  let ours = core.u32(OUTPUT_ERROR);
  if (trap === VECTOR_PF && native.u64(OUTPUT_CR2) >= FIRST_KERNEL_ADDRESS) {
    // Linux tells user programs nothing about pages of the kernel's half (arch/x86/mm/fault.c set_signal_archinfo()).
    error |= 1;
    ours |= 1;
  }
  const unnamed = tolerance.cr2Bits ?? 0n;
  // If it is open which page faults first, so is the page's part of the error code.
  if (unnamed !== -1n || trap !== VECTOR_PF) same("error", error, ours);
  same("cr2", native.u64(OUTPUT_CR2) & ~unnamed, core.u64(OUTPUT_CR2) & ~unnamed);
  same("rip", native.u64(OUTPUT_RIP), core.u64(OUTPUT_RIP));
  // Outside 64-bit mode the upper halves are undefined (SDM vol 1 "General-Purpose Registers in 64-Bit Mode").
  const bits = input.mode === MODE_64 && native.u16(OUTPUT_SELECTORS + 2) === USER_CS ? 64 : 32;
  for (let i = 0; i < 16; i++) {
    const noise = tolerance.noise?.find(({ register }) => register === i)?.bits ?? 0;
    const at = OUTPUT_REGS + 8 * i;
    const value = (output: Output) => BigInt.asUintN(bits, output.u64(at)) >> BigInt(noise);
    same(REG_NAMES[i]!, value(native), value(core));
  }
  const flags = COMPARED_FLAGS & ~(tolerance.flags ?? 0);
  same("rflags", native.u32(OUTPUT_RFLAGS) & flags, core.u32(OUTPUT_RFLAGS) & flags);
  for (let i = 0; i < 6; i++) {
    const at = OUTPUT_SELECTORS + 2 * i;
    // Linux's IRET to the signal handler makes every null selector 0.
    const visible = (selector: number) => (selector < 4 ? 0 : selector);
    same(SEGMENT_NAMES[i]!, visible(native.u16(at)), visible(core.u16(at)));
  }
  same("fs base", native.u64(OUTPUT_FS_BASE), core.u64(OUTPUT_FS_BASE));
  same("gs base", native.u64(OUTPUT_GS_BASE), core.u64(OUTPUT_GS_BASE));
  compareFx(native, core, tolerance, same);
  compareMemory(form, native, core, same);
  return found;
}

type Same = (name: string, a: number | bigint | string, b: number | bigint | string) => void;

function compareFx(native: Output, core: Output, tolerance: Tolerance, same: Same): void {
  const u16 = (name: string, offset: number, mask = 0xffff) =>
    same(name, native.u16(OUTPUT_FX + offset) & mask, core.u16(OUTPUT_FX + offset) & mask);
  u16("fcw", FX_CONTROL);
  u16("fsw", FX_STATUS, 0xffff & ~(tolerance.fsw ?? 0));
  u16("tags", FX_TAGS, 0xff);
  if ((native.u16(OUTPUT_FX + FX_STATUS) & FSW_ES) !== 0) {
    // AMD saves and restores the pointers only while an exception is pending.
    u16("fop", FX_OPCODE, 0x7ff);
    same("fip", native.u64(OUTPUT_FX + FX_IP), core.u64(OUTPUT_FX + FX_IP));
    same("fdp", native.u64(OUTPUT_FX + FX_DP), core.u64(OUTPUT_FX + FX_DP));
  }
  same("mxcsr", native.u32(OUTPUT_FX + FX_MXCSR), core.u32(OUTPUT_FX + FX_MXCSR));
  const top = (native.u16(OUTPUT_FX + FX_STATUS) >> 11) & 7;
  const tags = native.u16(OUTPUT_FX + FX_TAGS);
  for (let i = 0; i < 8; i++) {
    // What an empty register holds does not matter.
    if (((tags >> ((top + i) & 7)) & 1) === 0) continue;
    const at = OUTPUT_FX + FX_ST + 16 * i;
    const a = hex(native.bytes, at, 10);
    const b = hex(core.bytes, at, 10);
    if (a === b) continue;
    if (tolerance.ulps !== undefined) {
      const distance = ordinal(a) - ordinal(b);
      const limit = BigInt(tolerance.ulps);
      if (distance <= limit && distance >= -limit) continue;
    }
    same(`st${i}`, a, b);
  }
  for (let i = 0; i < 16; i++) {
    const at = OUTPUT_FX + FX_XMM + 16 * i;
    const a = hex(native.bytes, at, 16);
    const b = hex(core.bytes, at, 16);
    if (a === b || (tolerance.isNear !== undefined && tolerance.isNear(a, b))) continue;
    same(`xmm${i}`, a, b);
  }
}

function changesOf(output: Output): Map<number, string> {
  const changes = new Map<number, string>();
  for (let i = 0; i < output.u32(OUTPUT_NR_CHANGES); i++) {
    const at = OUTPUT_SIZE + CHANGE_BYTES * i;
    changes.set(output.u32(at), hex(output.bytes, at + 4, 8));
  }
  return changes;
}

function compareMemory(form: Form, native: Output, core: Output, same: Same): void {
  const a = changesOf(native);
  const b = changesOf(core);
  for (const offset of new Set([...a.keys(), ...b.keys()])) {
    // MXCSR_MASK in the image: AMD has a bit more, the misaligned exception mask.
    if (
      STATE_SAVES.has(form.op) &&
      a.get(offset)?.startsWith("0002ffff") &&
      b.get(offset)?.startsWith("0000ffff")
    )
      continue;
    const name = offset === CHANGES_HASHED ? "memory (hash)" : `memory+${offset.toString(16)}`;
    same(name, a.get(offset) ?? "as before", b.get(offset) ?? "as before");
  }
}
