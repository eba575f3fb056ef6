/** Alignment checking. SDM vol 3A "Interrupt 17 - Alignment Check Exception (#AC)". */
import { describe, expect, test } from "vitest";
import { DATA, enterLevel3, ProtectedMachine } from "./machine.ts";

const AC_FLAG = 0x4_0000;
const AC = 17;
const PF = 14;

function machine(code: string, cr0 = 0x4_0000, flags = AC_FLAG | 2): ProtectedMachine {
  return new ProtectedMachine(`
    mov eax, cr0
    or eax, ${cr0}
    mov cr0, eax
    mov eax, 0x600
    mov cr4, eax
    ${enterLevel3("level3", flags)}
  level3:
    mov ax, DATA3
    mov ds, ax
    mov es, ax
    mov esi, ${DATA}
    mov edi, ${DATA}
  here:
    ${code}
  after:
    jmp $
  `);
}

describe("#AC", () => {
  const refused = [
    "mov ax, [esi + 1]",
    "mov eax, [esi + 2]",
    "mov [esi + 6], eax",
    "add [esi + 1], eax",
    "lock cmpxchg8b [esi + 4]",
    "fld qword [esi + 4]",
    "fld tword [esi + 2]",
    "movq xmm0, [esi + 4]",
    "movups xmm0, [esi + 4]",
    "les eax, [esi + 2]",
    "push word 0\n here2: push dword 0",
    "inc esi\n here2: movsd",
    "bt [esi + 2], eax",
    "xchg [esi + 3], ax",
  ];
  for (const code of refused)
    test(code.replaceAll("\n", ";"), () => {
      const m = machine(code);
      expect(m.firstRaised()).toEqual({ vector: AC, code: 0, eip: m.symbols["here2"] ?? m.symbol("here") });
    });

  const allowed = [
    "mov al, [esi + 1]",
    "mov ax, [esi + 2]",
    "fld tword [esi + 8]",
    "movups xmm0, [esi + 8]",
    "lds eax, [esi + 4]",
    "mov eax, [esi + 4]",
  ];
  for (const code of allowed)
    test(`not: ${code}`, () => {
      const m = machine(code);
      expect(m.run(100)).toBe("budget");
      expect(m.raised).toEqual([]);
    });

  test("not without CR0.AM, without EFLAGS.AC, at CPL 0", () => {
    for (const m of [machine(refused[0], 0), machine(refused[0], 0x4_0000, 2)]) {
      expect(m.run(100)).toBe("budget");
      expect(m.raised).toEqual([]);
    }
    const m = new ProtectedMachine(
      `mov eax, cr0\n or eax, 0x40000\n mov cr0, eax\n push ${AC_FLAG}\n popfd\n mov eax, [${DATA + 1}]\n hlt`,
    );
    expect(m.run()).toBe("hlt");
    expect(m.raised).toEqual([]);
  });

  test("not for what the processor does itself: descriptors, interrupt stacks", () => {
    const m = machine("mov fs, ax\n int 0x30\nhandler: hlt");
    m.write32(0x3004, 0x7ffd);
    m.idtGate(0x30, 0x08, "handler", 0xee);
    expect(m.run()).toBe("hlt");
    expect(m.raised).toEqual([]);
  });

  test("gives way to #PF", () => {
    const m = machine("mov eax, [0x400001]", 0x8004_0000);
    m.write32(0x10_0000, 0x10_1007);
    for (let i = 0; i < 1024; i++) m.write32(0x10_1000 + i * 4, (i << 12) | 7);
    m.core.set_cr(3, 0x10_0000, 0);
    expect(m.firstRaised()).toMatchObject({ vector: PF, code: 4 });
  });
});
