/**
 * Random programs for the translator: straight-line code, forward branches, loops and calls over registers and memory that
 * they cannot leave, so that every one ends - by VMCALL, or by a fault where one was asked for.
 *
 * RDI points at the data, RSP at the stack, R15 and R13 count loops, R14 points at a page that is not mapped.
 */
import type { Random } from "../cpu/random.ts";
import { DATA, STACK, UNMAPPED } from "./machine.ts";

/** Registers that instructions may use: not RSP, RDI, R13, R14, R15. */
const FREE = [0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 12];
const RDI = 7;

export interface Program {
  code: number[];
  registers: bigint[];
  data: Uint8Array;
}

class Writer {
  readonly code: number[] = [];
  /** Inside the inner loop, of which there is one. */
  in_loop = false;
  constructor(readonly random: Random) {}

  register(): number {
    return this.random.pick(FREE);
  }

  i32(value: number): void {
    this.code.push(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff);
  }

  /** Prefixes and opcode for an operand of `width` bytes; `opcode` is the byte form, its successor the others. */
  #head(
    width: number,
    reg: number,
    index: number,
    base: number,
    opcode: readonly number[],
    sized: boolean,
  ): void {
    if (width === 2) this.code.push(0x66);
    const rex = 0x40 | (width === 8 ? 8 : 0) | ((reg >> 3) << 2) | ((index >> 3) << 1) | (base >> 3);
    if (rex !== 0x40 || (width === 1 && this.random.chance(50))) this.code.push(rex);
    this.code.push(...opcode.slice(0, -1), opcode[opcode.length - 1]! + (sized && width > 1 ? 1 : 0));
  }

  /** opcode reg, rm with both registers. */
  registers(width: number, opcode: readonly number[], reg: number, rm: number, sized = true): void {
    this.#head(width, reg, 0, rm, opcode, sized);
    this.code.push(0xc0 | ((reg & 7) << 3) | (rm & 7));
  }

  /** opcode reg, [memory]. */
  memory(width: number, opcode: readonly number[], reg: number, sized = true): void {
    if (this.random.chance(1)) {
      // [r14 + disp8]: not mapped
      this.#head(width, reg, 0, 14, opcode, sized);
      this.code.push(0x40 | ((reg & 7) << 3) | 6, this.random.below(100));
      return;
    }
    this.#head(width, reg, 0, RDI, opcode, sized);
    if (this.random.chance(50)) {
      this.code.push(0x40 | ((reg & 7) << 3) | RDI, this.random.below(120));
    } else {
      // Sometimes across the end of the page.
      this.code.push(0x80 | ((reg & 7) << 3) | RDI);
      this.i32(this.random.chance(10) ? 4096 - this.random.below(8) : this.random.below(1000));
    }
  }
}

const WIDTHS = [1, 2, 4, 4, 8, 8];

/** Opcodes of operations on two vectors of integers, with prefix 66. */
const INTEGER_VECTORS = [
  0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x74, 0x75, 0x76, 0xd4,
  0xd5, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xe3, 0xe4, 0xe5, 0xe8, 0xe9, 0xea, 0xeb, 0xec,
  0xed, 0xee, 0xef, 0xf4, 0xf5, 0xf6, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0x14, 0x15, 0x54, 0x55, 0x56,
  0x57,
];

/** A random SSE2 instruction on XMM0-5, or memory; xmm6 and xmm7 hold small numbers that come back when others are lost. */
function vectorInstruction(w: Writer): void {
  const { random } = w;
  const reg = random.below(6);
  const rm = random.below(8);
  const registers = 0xc0 | (reg << 3) | rm;
  const memory = (size: number) => {
    w.code.push(
      0x40 | (reg << 3) | RDI,
      random.chance(95) ? random.below(8) * 16 : random.below(112) + (size & 1),
    );
  };
  const general = random.pick([0, 1, 2, 3, 6]);
  switch (random.below(16)) {
    case 12: // shuffles
      w.code.push(...random.pick([[0x66], [0xf2], [0xf3]]), 0x0f, 0x70, registers, random.below(256));
      return;
    case 13: // shifts by an immediate
      w.code.push(0x66, 0x0f);
      if (random.chance(40))
        w.code.push(0x73, 0xc0 | (random.pick([2, 3, 6, 7]) << 3) | rm, random.below(66));
      else
        w.code.push(random.pick([0x71, 0x72]), 0xc0 | (random.pick([2, 4, 6]) << 3) | rm, random.below(40));
      return;
    case 14:
      w.code.push(...random.pick([[0x66], []]), 0x0f);
      if (random.chance(50)) w.code.push(0xc6, registers, random.below(256));
      else w.code.push(random.pick([0x12, 0x16, 0x17, 0x13]), 0x40 | (reg << 3) | RDI, random.below(100));
      return;
    case 15: {
      // movhlps, movlhps, palignr, pmovmskb, movmskp, pextrw, pinsrw
      const choice = random.below(6);
      if (choice === 0) w.code.push(0x0f, random.pick([0x12, 0x16]), registers);
      else if (choice === 1) w.code.push(0x66, 0x0f, 0x3a, 0x0f, registers, random.below(36));
      else if (choice === 2) w.code.push(0x66, 0x0f, 0xd7, 0xc0 | (general << 3) | rm);
      else if (choice === 3)
        w.code.push(...random.pick([[0x66], []]), 0x0f, 0x50, 0xc0 | (general << 3) | rm);
      else if (choice === 4) w.code.push(0x66, 0x0f, 0xc5, 0xc0 | (general << 3) | rm, random.below(256));
      else w.code.push(0x66, 0x0f, 0xc4, 0xc0 | (reg << 3) | general, random.below(256));
      return;
    }
    case 0:
    case 1:
    case 2: // arithmetic
      w.code.push(
        ...random.pick([[0xf2], [0xf2], [0xf3], [0x66], []]),
        0x0f,
        random.pick([0x51, 0x58, 0x58, 0x59, 0x59, 0x5c, 0x5c, 0x5d, 0x5e, 0x5f]),
        registers,
      );
      return;
    case 3: // a fresh number: cvtsi2sd, cvtsi2ss
      w.code.push(
        random.pick([0xf2, 0xf3]),
        random.pick([0x40, 0x48]),
        0x0f,
        0x2a,
        0xc0 | (reg << 3) | random.pick([0, 1, 2, 3, 6]),
      );
      return;
    case 4: // and back
      w.code.push(
        random.pick([0xf2, 0xf3]),
        random.pick([0x40, 0x48]),
        0x0f,
        random.pick([0x2c, 0x2d]),
        0xc0 | (random.pick([0, 1, 2, 3, 6]) << 3) | rm,
      );
      return;
    case 5: // comparison, and a branch or a condition that reads it
      w.code.push(...random.pick([[0x66], []]), 0x0f, random.pick([0x2e, 0x2f]), registers);
      w.code.push(0x0f, 0x90 | random.pick([2, 3, 4, 5, 6, 7, 10, 11]), 0xc0 | random.pick([0, 1, 2, 3]));
      return;
    case 6: // between precisions
      w.code.push(random.pick([0xf2, 0xf3]), 0x0f, 0x5a, registers);
      return;
    case 7: // loads
      w.code.push(...random.pick([[0xf2], [0xf3], [0x66], []]), 0x0f, random.pick([0x10, 0x28]));
      if (w.code[w.code.length - 1] === 0x28 && (w.code[w.code.length - 3] ?? 0) > 0xf0)
        w.code[w.code.length - 1] = 0x10;
      memory(random.below(2));
      return;
    case 8: // stores
      w.code.push(...random.pick([[0xf2], [0xf3], [0x66], []]), 0x0f, 0x11);
      memory(random.below(2));
      return;
    case 9: // copies that restore what NaNs destroyed
      w.code.push(
        ...random.pick([[0xf2], [0xf3], [0x66], []]),
        0x0f,
        0x10,
        0xc0 | (reg << 3) | (6 + random.below(2)),
      );
      return;
    case 10:
      w.code.push(
        0x66,
        random.pick([0x40, 0x48]),
        0x0f,
        random.pick([0x6e, 0x7e]),
        0xc0 | (reg << 3) | random.pick([0, 1, 2, 3]),
      );
      return;
    default: // integers
      w.code.push(0x66, 0x0f, random.pick(INTEGER_VECTORS));
      if (random.chance(70)) w.code.push(registers);
      else memory(0);
  }
}

/** One random instruction; `depth` allows branches over others. */
function instruction(w: Writer, depth: number): void {
  const { random } = w;
  const width = random.pick(WIDTHS);
  const wide = random.pick([2, 4, 4, 8, 8]);
  const cc = random.below(16);
  switch (random.below(44)) {
    case 0:
    case 1:
    case 2: return w.registers(width, [random.below(8) * 8], w.register(), w.register()); // prettier-ignore
    case 3:
    case 4: return w.memory(width, [random.below(8) * 8 + 2], w.register()); // prettier-ignore
    case 5:
    case 6: return w.memory(width, [random.below(8) * 8], w.register()); // prettier-ignore
    case 7:
      w.registers(wide, [0x83], random.below(8), w.register(), false);
      w.code.push(random.below(256));
      return;
    case 8: return w.registers(width, [0x88], w.register(), w.register()); // prettier-ignore
    case 9: return w.memory(width, [0x8a], w.register()); // prettier-ignore
    case 10: return w.memory(width, [0x88], w.register()); // prettier-ignore
    case 11: {
      // lea r, [base + index * scale + disp8]
      const reg = w.register();
      const base = w.register();
      const index = w.register();
      w.code.push(
        0x48 | ((reg >> 3) << 2) | ((index >> 3) << 1) | (base >> 3),
        0x8d,
        0x44 | ((reg & 7) << 3),
      );
      w.code.push((random.below(4) << 6) | ((index & 7) << 3) | (base & 7), random.below(256));
      return;
    }
    case 12:
      w.registers(width, [0xc0], random.pick([0, 1, 2, 3, 4, 5, 7]), w.register());
      w.code.push(random.below(66));
      return;
    case 13: return w.registers(width, [0xd2], random.pick([4, 5, 7]), w.register()); // prettier-ignore
    case 14: return w.memory(width, [0xd2], random.pick([4, 5, 7])); // prettier-ignore
    case 15: return w.registers(wide, [0x0f, 0xaf], w.register(), w.register(), false); // prettier-ignore
    case 16:
      w.registers(wide, [0x6b], w.register(), w.register(), false);
      w.code.push(random.below(256));
      return;
    case 17: return w.registers(width, [0xf6], random.pick([2, 3, 4, 5]), w.register()); // prettier-ignore
    case 18: return w.registers(width, [0xfe], random.below(2), w.register()); // prettier-ignore
    case 19: return w.memory(width, [0xfe], random.below(2)); // prettier-ignore
    case 20: {
      // push, pop
      const from = w.register();
      const to = w.register();
      if (from > 7) w.code.push(0x41);
      w.code.push(0x50 | (from & 7));
      instruction(w, 0);
      if (to > 7) w.code.push(0x41);
      w.code.push(0x58 | (to & 7));
      return;
    }
    case 21: return w.registers(1, [0x0f, 0x90 + cc], 0, w.register(), false); // prettier-ignore
    case 22: return w.registers(wide, [0x0f, 0x40 + cc], w.register(), w.register(), false); // prettier-ignore
    case 23: return w.registers(wide, [0x0f, random.pick([0xb6, 0xb7, 0xbe, 0xbf])], w.register(), w.register(), false); // prettier-ignore
    case 24: return random.chance(50) ? w.registers(width, [0x0f, 0xb0], w.register(), w.register()) : w.memory(width, [0x0f, 0xb0], w.register()); // prettier-ignore
    case 25: return random.chance(50) ? w.memory(width, [0x0f, 0xc0], w.register()) : w.memory(width, [0x86], w.register()); // prettier-ignore
    case 26:
    case 40:
    case 41:
    case 42: return vectorInstruction(w); // prettier-ignore
    case 27: {
      // push rdi; lea rsi, [rdi + n]; mov ecx, n; rep movsb; pop rdi
      w.code.push(0x57, 0x48, 0x8d, 0x77, random.below(100), 0xb9);
      w.i32(random.below(200));
      w.code.push(0xf3, random.chance(50) ? 0xa4 : 0xaa, 0x5f);
      return;
    }
    // Rotates and shifts by CL, of registers and memory.
    case 28: return w.registers(width, [0xd2], random.pick([0, 1, 2, 3, 4, 5, 7]), w.register()); // prettier-ignore
    case 29: return w.memory(width, [0xd2], random.pick([0, 1])); // prettier-ignore
    case 30:
      w.registers(width, [0xc0], random.pick([0, 1]), w.register());
      w.code.push(random.below(66));
      return;
    case 31: {
      // bt, bts, btr, btc
      if (random.chance(50)) {
        w.registers(wide, [0x0f, 0xba], 4 + random.below(4), w.register(), false);
        w.code.push(random.below(70));
      } else {
        w.registers(wide, [0x0f, random.pick([0xa3, 0xab, 0xb3, 0xbb])], w.register(), w.register(), false);
      }
      return;
    }
    case 32: return w.registers(wide, [0x0f, random.pick([0xbc, 0xbd])], w.register(), w.register(), false); // prettier-ignore
    case 33: {
      const [to, from] = [w.register(), w.register()];
      w.code.push(
        0xf3,
        0x48 | ((to >> 3) << 2) | (from >> 3),
        0x0f,
        0xb8,
        0xc0 | ((to & 7) << 3) | (from & 7),
      );
      return;
    }
    case 34: {
      const to = w.register();
      w.code.push((random.chance(50) ? 0x48 : 0x40) | (to >> 3), 0x0f, 0xc8 | (to & 7)); // bswap
      return;
    }
    case 35:
      if (random.chance(50)) w.code.push(random.pick([0x66, 0x48, 0x40]));
      w.code.push(random.pick([0x98, 0x99])); // cbw, cwd and wider
      return;
    case 36: {
      // xor edx, edx; or r, 1; div r: or as it comes
      if (random.chance(90)) {
        const by = random.pick([1, 3, 6, 8, 9]);
        w.code.push(0x31, 0xd2, 0x48 | (by >> 3), 0x83, 0xc8 | (by & 7), 1);
        w.registers(wide, [0xf7], random.pick([6, 6, 7]), by, false);
      } else {
        w.registers(width, [0xf6], random.pick([6, 7]), w.register());
      }
      return;
    }
    case 37:
      // push rbp; mov rbp, rsp; sub rsp, 40; leave
      w.code.push(0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 40);
      instruction(w, 0);
      w.code.push(0x48, 0x8d, 0x6c, 0x24, 40, 0xc9); // lea rbp, [rsp + 40]: it may have changed
      return;
    case 38: {
      // An inner loop: mov r13d, n; body; dec r13; jnz body
      if (depth === 0 || w.in_loop) return;
      const body = new Writer(random);
      body.in_loop = true;
      const count = 1 + random.below(4);
      for (let i = 0; i < count; i++) instruction(body, depth - 1);
      w.code.push(0x41, 0xbd, 1 + random.below(9), 0, 0, 0, ...body.code, 0x49, 0xff, 0xcd, 0x0f, 0x85);
      w.i32(-(body.code.length + 9));
      return;
    }
    default: {
      if (depth === 0) return;
      const body = new Writer(random);
      body.in_loop = w.in_loop;
      const count = 1 + random.below(4);
      for (let i = 0; i < count; i++) instruction(body, depth - 1);
      if (random.chance(25)) {
        // call over the next jump: call +2; jmp past; body; ret
        w.code.push(0xe8, 2, 0, 0, 0);
        if (body.code.length + 1 > 127) w.code.push(0x90, 0x90, 0x48, 0x83, 0xc4, 8);
        else w.code.push(0xeb, body.code.length + 1, ...body.code, 0xc3);
        return;
      }
      if (body.code.length > 127) {
        w.code.push(0x0f, 0x80 + cc);
        w.i32(body.code.length);
      } else {
        w.code.push(0x70 + cc, body.code.length);
      }
      w.code.push(...body.code);
    }
  }
}

/** A loop of random instructions, run a few dozen times. */
export function randomProgram(random: Random): Program {
  const w = new Writer(random);
  const count = 1 + random.below(20);
  for (let i = 0; i < count; i++) instruction(w, 2);
  const code = [...w.code];
  code.push(0x49, 0xff, 0xcf); // dec r15
  code.push(0x0f, 0x85); // jnz to the beginning
  const back = -(code.length + 4);
  code.push(back & 0xff, (back >> 8) & 0xff, (back >> 16) & 0xff, (back >> 24) & 0xff);
  code.push(0x0f, 0x01, 0xc1); // vmcall
  const registers = Array.from({ length: 16 }, () => (BigInt(random.u32()) << 32n) | BigInt(random.u32()));
  if (random.chance(50))
    for (const r of FREE)
      registers[r] = BigInt(random.pick([0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0x8000_0000]));
  registers[4] = BigInt(STACK + 2048);
  registers[RDI] = BigInt(DATA);
  registers[14] = BigInt(UNMAPPED);
  registers[15] = BigInt(5 + random.below(30));
  const data = new Uint8Array(8192);
  for (let i = 0; i < data.length; i++) data[i] = random.below(256);
  return { code, registers, data };
}
