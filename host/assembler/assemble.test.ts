/** The assembler against encodings that NASM 2.16 gives for the same lines, and its directives, macros and messages. */
import { describe, expect, test } from "vitest";
import { assemble, formatListing } from "./assemble.ts";

function hex(source: string, bits: 16 | 32 | 64 = 16): string {
  return Buffer.from(assemble(source, { bits, origin: 0x1000 }).bytes).toString("hex");
}

// prettier-ignore
const ENCODINGS: Record<16 | 32 | 64, readonly (readonly [string, string])[]> = {
  16: [
    ["mov ax, 5", "b80500"], ["mov eax, 5", "66b805000000"], ["mov ds, ax", "8ed8"], ["mov ax, ds", "8cd8"],
    ["mov al, [0x10]", "a01000"], ["mov [bx+si+4], cx", "894804"], ["mov word [bp], 3", "c746000300"],
    ["mov [es:di], ax", "268905"], ["mov eax, [fs:esi+4]", "6466678b4604"], ["mov ax, [dword 0x12345]", "67a145230100"],
    ["mov eax, [esi+ecx*4+0x1000]", "66678b848e00100000"], ["cmp dword [0x8000], 1", "66833e008001"],
    ["jmp 0x08:0x1000", "ea00100800"], ["jmp dword 0x08:0x100000", "66ea000010000800"], ["jmp far [bx]", "ff2f"],
    ["call far [0x10]", "ff1e1000"], ["lgdt [0x10]", "0f01161000"], ["o32 lgdt [0x10]", "660f01161000"],
    ["in al, dx", "ec"], ["in eax, dx", "66ed"], ["out 0x20, al", "e620"], ["rep insw", "f36d"], ["rep insd", "f3666d"],
    ["rep outsw", "f36f"], ["a32 rep movsd", "f36667a5"], ["cs lodsb", "2eac"], ["es movsb", "26a4"],
    ["iret", "cf"], ["iretd", "66cf"], ["retf", "cb"], ["o32 retf", "66cb"], ["ret 2", "c20200"], ["pushfd", "669c"],
    ["push dword 5", "666a05"], ["push 0x1234", "683412"], ["push ds", "1e"], ["push word [bx]", "ff37"],
    ["movzx eax, byte [bx]", "660fb607"], ["mov cr0, eax", "0f22c0"], ["lfs si, [bx]", "0fb437"], ["add ax, 5", "83c005"],
    ["shl ax, 1", "d1e0"], ["imul ax, 5", "6bc005"], ["xchg ax, bx", "93"], ["jecxz $", "67e3fd"], ["loop $", "e2fe"],
    ["enter 8, 0", "c8080000"], ["lock inc word [bx]", "f0ff07"], ["wrmsr", "0f30"], ["jmp $", "ebfe"],
  ],
  32: [
    ["mov ax, ds", "668cd8"], ["mov ds, ax", "8ed8"], ["mov eax, [0x1000]", "a100100000"], ["jmp 0x10:0x100000", "ea000010001000"],
    ["ltr ax", "0f00d8"], ["push ds", "1e"], ["iret", "cf"], ["rep movsd", "f3a5"], ["mov eax, [ebx+0x80000000]", "8b8300000080"],
    ["mov eax, [eax*2]", "8b0400"], ["and eax, 0xffffffff", "83e0ff"], ["lea eax, [ebx+ecx*8-5]", "8d44cbfb"],
    ["cmpxchg [ebx], ecx", "0fb10b"],
  ],
  64: [
    ["mov rax, cr3", "0f20d8"], ["mov rax, 0xffffffff81000000", "48c7c000000081"], ["movabs rax, 0x1234567812345678", "48b87856341278563412"],
    ["mov eax, [0xffffffff81000000]", "8b042500000081"], ["lea rdi, [rel $ + 8]", "488d3d01000000"], ["push r12", "4154"],
    ["iretq", "48cf"], ["sysretq", "480f07"], ["sysret", "0f07"], ["o64 retf", "48cb"], ["swapgs", "0f01f8"], ["vmcall", "0f01c1"],
    ["mov rsp, [gs:0x18]", "65488b242518000000"], ["mov r13, [r13]", "4d8b6d00"], ["mov rsp, [rsp+8]", "488b642408"],
    ["rep stosq", "f348ab"], ["cmpxchg16b [rdi]", "480fc70f"], ["jmp [rax]", "ff20"], ["call rax", "ffd0"], ["mov r9b, al", "4188c1"],
    ["movsd xmm1, [rax]", "f20f1008"], ["cvtsi2sd xmm0, qword [rax]", "f2480f2a00"], ["fld tword [rax]", "db28"], ["faddp", "dec1"],
    ["fxsave64 [rax]", "480fae00"], ["pushfq", "9c"], ["in al, dx", "ec"], ["mov dr7, rax", "0f23f8"], ["cmp dword [rax+0x100], 0", "83b80001000000"],
  ],
};

describe("encodings", () => {
  for (const bits of [16, 32, 64] as const) {
    test.each(ENCODINGS[bits].map(([line, bytes]) => ({ line, bytes })))(
      `${bits}: $line`,
      ({ line, bytes }) => {
        expect(hex(line, bits)).toBe(bytes);
      },
    );
  }
});

test("jumps are short when they can be, in both directions", () => {
  expect(hex("a: jz b\ntimes 127 nop\nb:").slice(0, 4)).toBe("747f");
  expect(hex("a: jz b\ntimes 128 nop\nb:").slice(0, 8)).toBe("0f848000");
  expect(hex("a: times 126 nop\njmp a").slice(-4)).toBe("eb80");
  expect(hex("a: times 127 nop\njmp a").slice(-6)).toBe("e97eff");
});

test("labels, local labels, equ, $ and $$", () => {
  const { bytes, symbols } = assemble(`
        org 0x7c00
start:  jmp .end
.data:  dw .end, $ - $$, size
.end:   ret
other:
.end:   dw start.end
size    equ $ - start
        times 16 - ($ - $$) db 0xaa`);
  expect(symbols).toEqual({
    start: 0x7c00, "start.data": 0x7c02, "start.end": 0x7c08, other: 0x7c09, "other.end": 0x7c09, size: 11,
  }); // prettier-ignore
  expect(Buffer.from(bytes).toString("hex")).toBe("eb06087c02000b00c3087caaaaaaaaaa");
});

test("addresses of the upper half come out as signed numbers", () => {
  const { symbols, bytes } = assemble("here: dq here", { origin: 0xffffffff81000000n });
  expect(symbols.here).toBe(-0x7f000000);
  expect(Buffer.from(bytes).toString("hex")).toBe("00000081ffffffff");
});

test("data: strings, escapes, numbers of all bases", () => {
  expect(hex("db 'ab', \"c;d\", `\\n\\x41`, 0x10, 10h, 1010b, 1_0")).toBe("6162633b640a4110100a0a");
  expect(hex("dw 'ab', 'c'\ndd -1\nresb 2\nalign 4, db 0xff\ndb 1")).toBe("61626300ffffffff0000ffff01");
});

test("macros, repetition, conditions, pasting", () => {
  const source = `
%macro put 1-2 7
        db %1, %2, %0
        jmp %%skip
%%skip:
%endmacro
        put 1
        put 2, 3
%assign i 0
%rep 3
entry_ %+ i: db i * 2
%assign i i + 1
%endrep
%if i == 3 && LIMIT > 4
        db 0x33
%else
        db 0x44
%endif
%ifdef ABSENT
        db 0x55
%endif`;
  const { bytes, symbols } = assemble(source, { defines: { LIMIT: 5 } });
  // %0 is the number of parameters, defaults included.
  expect(Buffer.from(bytes).toString("hex")).toBe("010702eb00020302eb0000020433");
  expect(symbols.entry_2).toBe(12);
});

test("a parameter in braces is passed on with its commas", () => {
  const source = `
%macro bytes 1
        db %1
%endmacro
%macro pass 2
        bytes {%1}
%{2}_end:
%endmacro
        pass {1, 2}, x`;
  const { bytes, symbols } = assemble(source);
  expect([...bytes]).toEqual([1, 2]);
  expect(symbols.x_end).toBe(2);
});

test("includes come from the reader given", () => {
  const include = (name: string): { file: string; text: string } | null =>
    name === "x.asm" ? { file: "dir/x.asm", text: "db 1" } : null;
  expect([...assemble('%include "x.asm"\ndb 2', { include }).bytes]).toEqual([1, 2]);
});

test.each([
  ["mov ax, [bx+cx]", /^f\.asm:1: /],
  ["nop\nfrobnicate ax", /^f\.asm:2: unknown instruction frobnicate/],
  ["jmp nowhere", /^f\.asm:1: undefined symbol nowhere/],
  ["a: nop\na: nop", /^f\.asm:2: a is defined twice, first in f\.asm:1/],
  ["mov [bx], 1", /operation size not specified/],
  ["mov al, 256", /0x100 does not fit 8 bits/],
  ["jmp short a\ntimes 200 nop\na:", /f\.asm:1: .*too far/],
  ["%macro m 0\nbad\n%endmacro\nnop\nm x", /macro m does not take 1 arguments/],
  ["%macro m 1\nmov al, %1\n%endmacro\nnop\nm 999", /^f\.asm:2: .*\n {4}from f\.asm:5/],
  ["mov rax, 1", /no form of mov takes these operands in 16-bit code/],
  ['%include "missing.asm"', /f\.asm:1: cannot find missing\.asm/],
  ["db 'abc", /string without closing/],
])("message for %j", (source, message) => {
  expect(() => assemble(source, { file: "f.asm" })).toThrow(message);
});

test("listing", () => {
  const { listing } = assemble("org 0x100\nstart: mov ax, 1\n  ret");
  expect(formatListing(listing()).split("\n").slice(-2)).toEqual([
    `00000100  ${"b80100".padEnd(28)}start: mov ax, 1`,
    `00000103  ${"c3".padEnd(28)}  ret`,
  ]);
});
