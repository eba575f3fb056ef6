/** The hardware task switch. SDM vol 3A "Task Management". */
import { describe, expect, test } from "vitest";
import { enterLevel3, LDT, ProtectedMachine, TSS_A, TSS_B } from "./machine.ts";

const GP = 13;
const NP = 11;
const SS = 12;
const TS = 10;
const SEL_A = 0x38;
const SEL_B = 0x40;
const FREE = 0x50;
const FLAG_NT = 0x4000;
const CR0_TS = 8;

/** A 32-bit TSS of a task at `eip`, CPL 0, that differs in `fields`. */
function writeTss(m: ProtectedMachine, at: number, eip: string, fields: Record<number, number> = {}): void {
  const tss: Record<number, number> = {
    32: m.symbol(eip),
    36: 2,
    56: 0x7000,
    72: 0x10,
    76: 0x08,
    80: 0x10,
    84: 0x10,
    88: 0,
    92: 0,
  };
  for (const [offset, value] of Object.entries({ ...tss, ...fields })) m.write32(at + Number(offset), value);
}

function descriptorType(m: ProtectedMachine, selector: number): number {
  return m.read8(0x1000 + selector + 5) & 0x1f;
}

const PROGRAM = `
    mov eax, 0xaaaa
    jmp SEL_B:0
  resumed:
    mov ecx, eax
    hlt
  task:
    mov ebx, eax
    jmp SEL_A:0
`;

describe("a switch", () => {
  test("by JMP saves one task, loads the other, and goes back", () => {
    const m = new ProtectedMachine(PROGRAM);
    writeTss(m, TSS_B, "task", { 40: 0xbbbb });
    expect(m.run()).toBe("hlt");
    expect([m.reg("ecx"), m.selector("tr"), m.reg("esp")]).toEqual([0xaaaa, SEL_A, 0x8000]);
    expect(m.read32(TSS_B + 40)).toBe(0xbbbb);
    expect(m.read32(TSS_B + 52)).toBe(0xbbbb); // EBX
    expect(m.read32(TSS_A + 32)).toBe(m.symbol("resumed"));
    expect([descriptorType(m, SEL_A), descriptorType(m, SEL_B)]).toEqual([11, 9]);
    expect(m.flags & FLAG_NT).toBe(0);
    expect(m.cr0 & CR0_TS).toBe(CR0_TS);
  });

  test("by CALL nests: back link, NT, both busy; IRET returns and clears what CALL set", () => {
    const m = new ProtectedMachine(`
      call SEL_B:0
      mov ecx, 1
      hlt
    task:
      pushfd
      pop ebx
      iretd
    `);
    writeTss(m, TSS_B, "task");
    m.run(3);
    expect(m.read16(TSS_B)).toBe(SEL_A);
    expect([descriptorType(m, SEL_A), descriptorType(m, SEL_B)]).toEqual([11, 11]);
    expect(m.flags & FLAG_NT).toBe(FLAG_NT);
    expect(m.run()).toBe("hlt");
    expect(m.reg("ecx")).toBe(1);
    expect([descriptorType(m, SEL_A), descriptorType(m, SEL_B)]).toEqual([11, 9]);
    expect(m.read32(TSS_B + 36) & FLAG_NT).toBe(0);
    expect(m.read32(TSS_B + 52) & FLAG_NT).toBe(FLAG_NT);
  });

  test("through a task gate of the GDT and of the IDT, with the error code on the new stack", () => {
    const m = new ProtectedMachine(`
      mov ax, 0x7778
      mov ds, ax
    after:
      hlt
    task:
      pop edx
      hlt
    `);
    m.idtGate(GP, SEL_B, 0, 0x85);
    writeTss(m, TSS_B, "task");
    expect(m.run()).toBe("hlt");
    expect(m.reg("edx")).toBe(0x7778);
    expect(m.read32(TSS_A + 32)).toBe(m.symbol("after") - 2);
    expect(m.read32(TSS_A + 36) & 0x1_0000).toBe(0x1_0000); // RF
    expect(m.selector("tr")).toBe(SEL_B);
  });

  test("to a 16-bit task and back", () => {
    const m = new ProtectedMachine(`
      mov eax, 0x12345678
      jmp FREE:0
    resumed:
      hlt
      bits 16
    task:
      mov bx, ax
      jmp dword SEL_A:0
    `);
    m.descriptor(FREE, 0x3200, 0x2b, 0x81, 0);
    m.descriptor(0x58, 0x1_0000, 0xffff, 0x9a, 0);
    const fields: Record<number, number> = {
      14: m.symbol("task") - 0x1_0000,
      16: 2,
      18: 0x4321,
      26: 0x7000,
      34: 0x10,
      36: 0x58,
      38: 0x30,
      40: 0x10,
    };
    for (const [offset, value] of Object.entries(fields)) m.write16(0x3200 + Number(offset), value);
    expect(m.run()).toBe("hlt");
    expect(m.reg("eax")).toBe(0x1234_5678);
    expect(m.read16(0x3200 + 24)).toBe(0x4321);
    expect(m.selector("fs")).toBe(0x10);
  });

  test("loads LDTR and segments of the LDT", () => {
    const m = new ProtectedMachine("jmp SEL_B:0\ntask:\n sldt eax\n hlt");
    m.descriptor(0x0c, 0x1234, 0xff, 0x92, 0x4);
    writeTss(m, TSS_B, "task", { 96: 0x48, 88: 0x0c });
    expect(m.run()).toBe("hlt");
    expect([m.reg("eax"), m.selector("fs")]).toEqual([0x48, 0x0c]);
    expect(m.read8(LDT + 0x0d) & 1).toBe(1); // accessed
  });

  test("with paging loads CR3", () => {
    const m = new ProtectedMachine(`
      mov eax, 0x100000
      mov cr3, eax
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax
      jmp SEL_B:0
    task:
      hlt
    `);
    for (const directory of [0x10_0000, 0x10_2000]) {
      m.write32(directory, 0x10_1003);
    }
    for (let i = 0; i < 1024; i++) m.write32(0x10_1000 + i * 4, (i << 12) | 3);
    writeTss(m, TSS_B, "task", { 28: 0x10_2000 });
    expect(m.run()).toBe("hlt");
    expect(m.cr3).toBe(0x10_2000);
  });

  test("with the T bit traps before the first instruction", () => {
    const m = new ProtectedMachine("jmp SEL_B:0\ntask:\n mov ecx, 1\n hlt\ndb_handler:\n pop edx\n hlt");
    m.idtGate(1, 0x08, "db_handler", 0x8e);
    writeTss(m, TSS_B, "task", { 100: 1 });
    expect(m.run()).toBe("hlt");
    expect([m.reg("edx"), m.reg("ecx")]).toEqual([m.symbol("task"), 0]);
    expect(m.dr(6) >>> 0).toBe(0xffff_8ff0);
  });
});

/** The first exception of JMP SEL_B:0, with the TSS in which it was raised. */
function refused(
  prepare: (m: ProtectedMachine) => void,
  source = PROGRAM,
): { raised: [number, number | null]; tr: number } {
  const m = new ProtectedMachine(source);
  writeTss(m, TSS_B, "task");
  prepare(m);
  let first: { raised: [number, number | null]; tr: number } | undefined;
  try {
    m.core.run(1000);
  } catch {
    m.core.deliver_raised();
    first = { raised: [m.get(0x828), m.get(0x82c)], tr: m.selector("tr") };
  }
  if (!first) throw new Error("nothing was raised");
  return first;
}

describe("is refused in the old task", () => {
  const cases: [string, [number, number], (m: ProtectedMachine) => void][] = [
    ["TSS busy", [GP, SEL_B], (m) => m.descriptor(SEL_B, TSS_B, 0x67, 0x8b, 0)],
    ["TSS not present", [NP, SEL_B], (m) => m.descriptor(SEL_B, TSS_B, 0x67, 0x09, 0)],
    ["TSS too small", [TS, SEL_B], (m) => m.descriptor(SEL_B, TSS_B, 0x66, 0x89, 0)],
    ["an LDT in its place", [GP, SEL_B], (m) => m.descriptor(SEL_B, TSS_B, 0x67, 0x82, 0)],
  ];
  for (const [name, raised, prepare] of cases)
    test(name, () => expect(refused(prepare)).toEqual({ raised, tr: SEL_A }));

  test("TSS of a level that the caller may not use", () => {
    const source = `${enterLevel3("level3")}\nlevel3:\n jmp SEL_B:0\ntask:\n hlt`;
    expect(refused(() => undefined, source)).toEqual({ raised: [GP, SEL_B], tr: SEL_A });
  });
  test("IRET to a task that is not busy", () => {
    const source = `pushfd\n or dword [esp], 0x4000\n popfd\n iretd\ntask:\n hlt`;
    expect(refused((m) => m.write16(TSS_A, SEL_B), source)).toEqual({ raised: [TS, SEL_B], tr: SEL_A });
    expect(refused((m) => m.write16(TSS_A, 0), source)).toEqual({ raised: [TS, 0], tr: SEL_A });
  });
});

describe("is refused in the new task", () => {
  const tss = (fields: Record<number, number>) => (m: ProtectedMachine) => writeTss(m, TSS_B, "task", fields);
  const cases: [string, [number, number], (m: ProtectedMachine) => void][] = [
    ["LDT selector of a code segment", [TS, 0x08], tss({ 96: 0x08 })],
    ["LDT not present", [TS, 0x48], (m) => { tss({ 96: 0x48 })(m); m.descriptor(0x48, LDT, 0xff, 0x02, 0); }],
    ["null CS", [TS, 0], tss({ 76: 0 })],
    ["CS of a data segment", [TS, 0x10], tss({ 76: 0x10 })],
    ["CS whose DPL is not its RPL", [TS, 0x08], tss({ 76: 0x0b })],
    ["CS not present", [NP, FREE], (m) => { tss({ 76: FREE })(m); m.descriptor(FREE, 0, 0xf_ffff, 0x1a, 0xc); }],
    ["null SS", [TS, 0], tss({ 80: 0 })],
    ["SS of another level", [TS, 0x20], tss({ 80: 0x23 })],
    ["SS not present", [SS, FREE], (m) => { tss({ 80: FREE })(m); m.descriptor(FREE, 0, 0xf_ffff, 0x12, 0xc); }],
    ["DS of an execute-only segment", [TS, FREE], (m) => { tss({ 84: FREE })(m); m.descriptor(FREE, 0, 0xf_ffff, 0x98, 0xc); }],
    ["ES not present", [NP, FREE], (m) => { tss({ 72: FREE })(m); m.descriptor(FREE, 0, 0xf_ffff, 0x12, 0xc); }],
    ["GS beyond the GDT", [TS, 0xf00], (m) => { tss({ 92: 0xf00 })(m); m.set(0x208, 0x7f); }],
    ["EIP beyond the limit", [GP, 0], (m) => { tss({ 76: FREE })(m); m.descriptor(FREE, 0, 0xff, 0x9a, 0x4); }],
  ]; // prettier-ignore
  for (const [name, raised, prepare] of cases)
    test(name, () => expect(refused(prepare)).toEqual({ raised, tr: SEL_B }));

  test("and the fault finds the new task's EIP, the old one being saved", () => {
    const m = new ProtectedMachine(`${PROGRAM}\nhandler:\n mov edx, [esp + 4]\n hlt`);
    writeTss(m, TSS_B, "task", { 84: 0x7f8 });
    m.idtGate(TS, 0x08, "handler", 0x8e);
    expect(m.run()).toBe("hlt");
    expect(m.reg("edx")).toBe(m.symbol("task"));
    expect(m.read32(TSS_A + 32)).toBe(m.symbol("resumed"));
  });
});
