/** Executes single instructions at CPL 0 with all features enabled, to see whether they are there. */
import { RAM_BASE, STATE_BASE } from "../../cpu-core/abi/layout.ts";
import {
  CPU_CR4,
  CPU_EFER,
  CPU_MODE,
  CPU_RAISED_VECTOR,
  CPU_REGS,
  CPU_RIP,
  CPU_SEGMENTS,
  CR4_FSGSBASE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_OSXSAVE,
  CR4_PAE,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  SEG_CS,
  SEGMENT_ATTRIBUTES,
  SEGMENT_SIZE,
  STATE_BYTES,
} from "../../cpu-core/abi/state.ts";
import { BareMachine, CODE, DATA, STACK } from "../jit/machine.ts";
import type { Encoding } from "./encodings.ts";

const SLOT_BYTES = 16;
const CODE_64_SEGMENT = 0xa09b;
const CODE_32_SEGMENT = 0xc09b;
const CODE_16_SEGMENT = 0x809b;

export class Executor {
  readonly #machine = new BareMachine(0);
  readonly #state: Uint8Array;
  #next = CODE;

  constructor() {
    const { view, bytes } = this.#machine;
    const set = (offset: number, value: number): void => view.setUint32(STATE_BASE + offset, value, true);
    set(CPU_CR4, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_FSGSBASE);
    set(CPU_EFER, EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE);
    for (let register = 0; register < 16; register++)
      view.setBigUint64(
        STATE_BASE + CPU_REGS + 8 * register,
        BigInt(register === 4 ? STACK + 2048 : DATA),
        true,
      );
    this.#state = bytes.slice(STATE_BASE, STATE_BASE + STATE_BYTES);
  }

  /** The vector that the instruction raises, or null. */
  execute({ bytes, bits }: Encoding): number | null {
    const { view, bytes: memory } = this.#machine;
    memory.set(this.#state, STATE_BASE);
    memory.set(bytes, RAM_BASE + this.#next);
    view.setBigUint64(STATE_BASE + CPU_RIP, BigInt(this.#next), true);
    view.setUint32(STATE_BASE + CPU_MODE, [16, 32, 64].indexOf(bits), true);
    const segment = { 16: CODE_16_SEGMENT, 32: CODE_32_SEGMENT, 64: CODE_64_SEGMENT }[bits];
    view.setUint32(STATE_BASE + CPU_SEGMENTS + SEG_CS * SEGMENT_SIZE + SEGMENT_ATTRIBUTES, segment, true);
    this.#next += SLOT_BYTES;
    this.#machine.stopped = null;
    this.#machine.run(1);
    if (this.#machine.stopped !== "fault") return null;
    const vector = this.#machine.u32(CPU_RAISED_VECTOR);
    // What was raised is delivered, to nowhere.
    this.#machine.run(0);
    return vector;
  }
}
