/** Virtual-8086 mode, with and without its extensions (CR4.VME), and CR4.PVI. SDM vol 3B "8086 Emulation". */
import { describe, expect, test } from "vitest";
import { enterLevel3, ProtectedMachine, TSS_A } from "./machine.ts";

const GP = 13;
const UD = 6;
const VM = 0x2_0000;
const IF = 0x200;
const IOPL = 0x3000;
const VIF = 0x8_0000;
const VIP = 0x10_0000;

/** A program that enters virtual-8086 mode at 1000:0000 (`code`, copied there) with `flags`, SS:SP 2000:0100, CR4 `cr4`. */
function machine(code: string, flags = 0, cr4 = 0, handlers = ""): ProtectedMachine {
  const m = new ProtectedMachine(`
      mov eax, ${cr4}
      mov cr4, eax
      push 0x5555     ; GS
      push 0x4444     ; FS
      push 0x3333     ; DS
      push 0x2222     ; ES
      push 0x2000     ; SS
      push 0x100      ; ESP
      push ${VM | 2 | flags}
      push (code >> 4)
      push 0
      iretd
      align 16
      bits 16
    code:
      ${code}
      bits 32
    handler:
      hlt
      ${handlers}
  `);
  m.idtGate(GP, 0x08, "handler", 0x8e);
  m.idtGate(UD, 0x08, "handler", 0x8e);
  return m;
}

describe("entering and leaving", () => {
  test("IRET loads all segments as an 8086 has them; an exception pushes them, clears VM and the data segments", () => {
    const m = machine("mov ax, 0x1234\nmov es, ax\nmov bx, [si]\nhlt", 0);
    m.write16(0x3_3330, 0x7777);
    expect(m.run()).toBe("hlt");
    expect(m.raised).toEqual([{ vector: GP, code: 0, eip: 7 }]);
    expect(m.reg("ebx") & 0xffff).toBe(0x7777);
    const frame = Array.from({ length: 10 }, (_, i) => m.read32(m.reg("esp") + i * 4));
    expect(frame).toEqual([
      0,
      7,
      m.symbol("code") >> 4,
      0x1_0002 | VM,
      0x100,
      0x2000,
      0x1234,
      0x3333,
      0x4444,
      0x5555,
    ]);
    expect(m.reg("esp")).toBe(0x8000 - 40);
    expect([m.selector("ds"), m.selector("es"), m.selector("fs"), m.selector("gs")]).toEqual([0, 0, 0, 0]);
    expect(m.cpl).toBe(0);
    expect(m.flags & VM).toBe(0);
  });

  test("by a task switch", () => {
    const m = new ProtectedMachine(
      "jmp SEL_B:0\n align 16\ncode:\n bits 16\n mov ax, cs\n hlt\n bits 32\nhandler:\n hlt",
    );
    m.idtGate(GP, 0x08, "handler", 0x8e);
    const fields: Record<number, number> = {
      36: VM | 2,
      56: 0x100,
      76: m.symbol("code") >> 4,
      80: 0x2000,
      4: 0x8000,
      8: 0x10,
    };
    for (const [offset, value] of Object.entries(fields)) m.write32(0x3100 + Number(offset), value);
    expect(m.run()).toBe("hlt");
    expect(m.reg("eax")).toBe(m.symbol("code") >> 4);
  });

  test("a handler must be at level 0", () => {
    const m = machine("int3", 0);
    m.idtGate(3, 0x58, 0, 0xee);
    m.descriptor(0x58, 0, 0xf_ffff, 0xba, 0xc);
    expect(m.firstRaised()).toMatchObject({ vector: GP, code: 0x58 });
  });
});

describe("sensitive instructions", () => {
  for (const code of ["cli", "sti", "pushf", "popf", "int 0x30", "iret", "o32 pushf", "o32 iret"]) {
    test(`${code} needs IOPL 3`, () => {
      expect(machine(code).firstRaised()).toEqual({ vector: GP, code: 0, eip: 0 });
    });
  }
  test("with IOPL 3 they reach IF; HLT and CLTS are refused at any", () => {
    const m = machine("sti\npushf\npop ax\ncli\npushf\npop bx\nclts", IOPL);
    expect(m.run()).toBe("hlt");
    expect(m.raised).toEqual([{ vector: GP, code: 0, eip: 6 }]);
    expect([m.reg("eax") & 0xffff, m.reg("ebx") & 0xffff]).toEqual([IOPL | IF | 2, IOPL | 2]);
  });
  for (const code of [
    "lldt ax",
    "ltr ax",
    "sldt ax",
    "str ax",
    "lar ax, bx",
    "lsl ax, bx",
    "verr ax",
    "verw ax",
    "arpl ax, bx",
  ]) {
    test(`${code} is not recognized`, () => {
      expect(machine(code, IOPL).firstRaised()).toEqual({ vector: UD, code: null, eip: 0 });
    });
  }
  test("ports by the I/O bitmap alone, whatever IOPL is", () => {
    const bitmap = (m: ProtectedMachine) => {
      m.descriptor(0x38, TSS_A, 0x100, 0x8b, 0);
      m.set(0x100 + 7 * 0x20 + 0x10, 0x100);
      m.write16(TSS_A + 102, 0x80);
      m.write32(TSS_A + 0x80, 0xffff_ff00);
      m.write32(TSS_A + 0x84, 0xffff_ffff);
    };
    const allowed = machine("in al, 7\nin ax, 6\nin ax, 7\nhlt", IOPL);
    bitmap(allowed);
    expect(allowed.firstRaised()).toEqual({ vector: GP, code: 0, eip: 4 });
    expect(allowed.ports).toEqual([[7, 1, null], [6, 2, null]]); // prettier-ignore
  });
});

describe("extensions", () => {
  const VME = 1;
  test("CLI, STI, PUSHF, POPF work on VIF", () => {
    const m = machine("sti\npushf\npop ax\ncli\npushf\npop bx\npush 0x202\npopf\nhlt", 0, VME);
    expect(m.run()).toBe("hlt");
    expect([m.reg("eax") & 0xffff, m.reg("ebx") & 0xffff]).toEqual([IOPL | IF | 2, IOPL | 2]);
    const flags = m.read32(m.reg("esp") + 12);
    expect(flags & (VIF | IF)).toBe(VIF);
  });
  test("STI and POPF with a virtual interrupt pending", () => {
    expect(machine("sti", VIP, VME).firstRaised()).toEqual({ vector: GP, code: 0, eip: 0 });
    expect(machine("push 0x200\npopf", VIP, VME).firstRaised()).toMatchObject({
      vector: GP,
      code: 0,
      eip: 3,
    });
    expect(machine("push 0x100\npopf", 0, VME).firstRaised()).toMatchObject({ vector: GP, code: 0, eip: 3 });
  });
  test("INT n by the redirection bitmap: to the program, or #GP", () => {
    const m = machine("sti\nint 0x30\nback: int 0x31\n", 0, VME, "");
    m.descriptor(0x38, TSS_A, 0x100, 0x8b, 0);
    m.set(0x100 + 7 * 0x20 + 0x10, 0x100);
    m.write16(TSS_A + 102, 0x88);
    m.write32(TSS_A + 0x68 + 4, 0x2_0000); // 31H
    m.write32(0x30 * 4, 0x6000_0000);
    m.ram.set([0x58, 0x50, 0x8b, 0xec, 0x8b, 0x5e, 0x04, 0xcf], 0x6_0000); // pop ax, push ax, mov bp, sp, mov bx, [bp+4], iret
    m.write32(TSS_A + 0x68, 0);
    expect(m.run()).toBe("hlt");
    expect(m.raised).toEqual([{ vector: GP, code: 0, eip: 3 }]);
    expect([m.reg("eax") & 0xffff, m.reg("ebx") & 0xffff]).toEqual([3, IOPL | IF | 2]);
  });
  test("PVI: CLI and STI at CPL 3", () => {
    const m = new ProtectedMachine(`
      mov eax, 2
      mov cr4, eax
      ${enterLevel3("level3")}
    level3:
      sti
      pushfd
      pop eax
      cli
      pushfd
      pop ebx
      hlt
    `);
    m.run(16);
    expect([m.reg("eax") & (VIF | IF), m.reg("ebx") & (VIF | IF)]).toEqual([VIF, 0]);
  });
});
