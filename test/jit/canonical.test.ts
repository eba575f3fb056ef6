/**
 * Addresses that are not canonical, interpreted and translated: #SS by way of SS, #GP otherwise; a branch faults before it changes
 * anything. SDM vol 2, "64-Bit Mode Exceptions" of each instruction.
 */
import { describe, expect, test } from "vitest";
import {
  CPU_RAISED_CODE,
  CPU_RAISED_VECTOR,
  CPU_REGS,
  CPU_RIP,
  RAX,
  RBP,
  RSI,
  RSP,
} from "../../cpu-core/abi/state.ts";
import { VECTOR_GP, VECTOR_SS } from "../../cpu-core/abi/vectors.ts";
import { assemble } from "../../host/assembler/assemble.ts";
import { BareMachine, CODE, DATA, STACK } from "./machine.ts";

/** `bad_stack`: RSP is not canonical either. */
const CASES: [string, number, bad_stack?: boolean][] = [
  ["mov rcx, [rax]", VECTOR_GP],
  ["mov rcx, [rbp]", VECTOR_SS],
  ["mov rcx, [rbp + rsi]", VECTOR_SS],
  ["mov rcx, [rsi + rbp]", VECTOR_GP],
  ["mov rcx, [fs:rbp]", VECTOR_GP],
  ["mov [r13], rcx", VECTOR_GP],
  ["add [rsp], rcx", VECTOR_SS, true],
  ["push rcx", VECTOR_SS, true],
  ["pop rcx", VECTOR_SS, true],
  ["push qword [rax]", VECTOR_GP],
  ["push qword [rsi]", VECTOR_SS, true],
  ["pop qword [rax]", VECTOR_GP],
  ["pop qword [rsi]", VECTOR_SS, true],
  ["call [rax]", VECTOR_GP],
  ["call [rsi]", VECTOR_SS, true],
  ["call rax", VECTOR_GP],
  ["jmp rax", VECTOR_GP],
  ["ret", VECTOR_SS, true],
  ["push rax\n ret: ret", VECTOR_GP],
  ["leave", VECTOR_SS],
];
const BAD = 0x8000_0000_0100n;

describe.each([0, 1])("threshold %i", (threshold) => {
  test.each(CASES)("%s: vector %i", (source, vector, bad_stack = false) => {
    const machine = new BareMachine(threshold);
    const { bytes, symbols } = assemble(`jmp case\n nop\n case: ${source}\n next: jmp next`, {
      bits: 64,
      origin: CODE,
    });
    const next = BigInt(symbols["next"]);
    const data = new Uint8Array(32);
    const memory = new DataView(data.buffer);
    memory.setBigUint64(0, next, true);
    /** Executes it with these values of RAX, RBP and R13, and of RSP; RSI points to the address of `next`. */
    const execute = (rax: bigint, rsp: bigint) => {
      const registers = Array.from({ length: 16 }, () => 0n);
      for (const register of [RAX, RBP, 13]) registers[register] = rax;
      registers[RSI] = BigInt(DATA);
      registers[RSP] = rsp;
      machine.stopped = null;
      machine.load([...bytes], registers, data);
      machine.run(100);
    };
    // First with addresses that are right, so that it is translated.
    const harmless = source.includes("+")
      ? 0n
      : source.includes("[") || source === "leave"
        ? BigInt(DATA)
        : next;
    for (let i = 0; i < 5; i++) {
      execute(harmless, BigInt(DATA));
      expect(machine.stopped).toBe(null);
    }
    const entries = machine.translated_entries;
    execute(BAD, bad_stack ? BAD : BigInt(STACK));
    expect(machine.stopped).toBe("fault");
    expect([machine.u32(CPU_RAISED_VECTOR), machine.u32(CPU_RAISED_CODE)]).toEqual([vector, 0]);
    expect(machine.u64(CPU_RIP)).toBe(BigInt(symbols["ret"] ?? symbols["case"]));
    const pushed = symbols["ret"] === undefined ? 0n : 8n;
    expect(machine.u64(CPU_REGS + RSP * 8)).toBe((bad_stack ? BAD : BigInt(STACK)) - pushed);
    expect(machine.translated_entries > entries).toBe(threshold > 0);
  });
});
