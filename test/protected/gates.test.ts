/** Call gates, returns to outer levels, delivery through gates of both sizes. SDM vol 2 "CALL", "RET", "INT n", "IRET". */
import { describe, expect, test } from "vitest";
import { enterLevel3, ProtectedMachine } from "./machine.ts";

const GP = 13;
const NP = 11;
const SS = 12;
const TS = 10;
const FREE = 0x50;

describe("call gates", () => {
  const source = `
    ${enterLevel3("level3")}
  level3:
    push 0x11111111
    push 0x22222222
    call (FREE | 3):0
  back:
    jmp $
  inner:
    mov eax, esp
    mov ecx, [esp + 8]
    mov edx, [esp + 12]
    mov ebx, [esp + 20]
    mov esi, cs
    retf 8
  `;

  test("CALL to an inner level switches the stack and copies parameters; RETF releases them on both", () => {
    const m = new ProtectedMachine(source);
    m.callGate(FREE, 0x08, "inner", 0xec, 2);
    expect(m.run(100)).toBe("budget");
    expect(m.raised).toEqual([]);
    expect(m.eip).toBe(m.symbol("back"));
    expect(m.reg("eax")).toBe(0x8000 - 24);
    expect([m.reg("ecx"), m.reg("edx")]).toEqual([0x2222_2222, 0x1111_1111]);
    expect(m.reg("ebx")).toBe(0x23);
    expect(m.reg("esi")).toBe(0x08);
    expect(m.reg("esp")).toBe(0x9000);
    expect(m.cpl).toBe(3);
  });

  test("through a 16-bit gate", () => {
    const m = new ProtectedMachine(`
      ${enterLevel3("level3")}
    level3:
      push 0x11112222
      call (FREE | 3):0
      jmp $
      bits 16
    inner:
      mov eax, [esp]
      mov ebx, [esp + 4]
      hlt
    `);
    m.descriptor(0x58, 0x1_0000, 0xffff, 0x9a, 0);
    m.callGate(FREE, 0x58, m.symbol("inner") - 0x1_0000, 0xe4, 1);
    expect(m.run()).toBe("hlt");
    // IP, CS, the parameter, SP.
    expect(m.reg("eax")).toBe((0x1b << 16) | ((m.symbol("inner") - 2) & 0xffff));
    expect(m.reg("ebx")).toBe((((0x9000 - 4) << 16) | 0x2222) >>> 0);
    expect(m.selector("ss")).toBe(0x10);
  });

  const refused = (name: string, expected: [number, number], prepare: (m: ProtectedMachine) => void) =>
    test(name, () => {
      const m = new ProtectedMachine(source);
      m.callGate(FREE, 0x08, "inner", 0xec, 2);
      prepare(m);
      const { vector, code, eip } = m.firstRaised();
      expect([vector, code]).toEqual(expected);
      expect(eip).toBe(m.symbol("back") - 7);
      expect(m.reg("esp")).toBe(0x9000 - 8);
    });
  refused("gate DPL < CPL", [GP, FREE], (m) => m.callGate(FREE, 0x08, "inner", 0x8c, 2));
  refused("gate not present", [NP, FREE], (m) => m.callGate(FREE, 0x08, "inner", 0x6c, 2));
  refused("null code selector", [GP, 0], (m) => m.callGate(FREE, 0, "inner", 0xec));
  refused("code selector of a data segment", [GP, 0x10], (m) => m.callGate(FREE, 0x10, "inner", 0xec));
  refused("code segment not present", [NP, 0x58], (m) => {
    m.descriptor(0x58, 0, 0xf_ffff, 0x1a, 0xc);
    m.callGate(FREE, 0x58, "inner", 0xec);
  });
  refused("target beyond the limit", [GP, 0], (m) => {
    m.descriptor(0x58, 0, 0xfff, 0x9a, 0x4);
    m.callGate(FREE, 0x58, "inner", 0xec);
  });
  refused("null stack in the TSS", [TS, 0], (m) => m.write32(0x3008, 0));
  refused("stack of another level in the TSS", [TS, 0x20], (m) => m.write32(0x3008, 0x23));
  refused("read-only stack", [TS, 0x58], (m) => {
    m.descriptor(0x58, 0, 0xf_ffff, 0x90, 0xc);
    m.write32(0x3008, 0x58);
  });
  refused("stack not present", [SS, 0x58], (m) => {
    m.descriptor(0x58, 0, 0xf_ffff, 0x12, 0xc);
    m.write32(0x3008, 0x58);
  });
  refused("stack too small", [SS, 0x58], (m) => {
    m.descriptor(0x58, 0, 0xfff, 0x92, 0x4);
    m.write32(0x3008, 0x58);
  });

  test("JMP does not change the level", () => {
    const m = new ProtectedMachine(`
      ${enterLevel3("level3")}
    level3:
      jmp (FREE | 3):0
    inner:
      hlt
    `);
    m.callGate(FREE, 0x08, "inner", 0xec);
    expect(m.firstRaised()).toMatchObject({ vector: GP, code: 0x08 });
  });
});

describe("RET far to an outer level", () => {
  const leave = (prepare: string) => `
    ${prepare}
  fault:
    retf
  outer:
    jmp $
  `;
  const cases: [string, string, number, number][] = [
    ["null stack", "push 0\npush 0x9000\npush CODE3\npush outer", GP, 0],
    ["stack RPL differs", "push DATA0\npush 0x9000\npush CODE3\npush outer", GP, 0x10],
    ["code DPL differs from RPL", "push DATA3\npush 0x9000\npush CODE0 | 3\npush outer", GP, 0x08],
    ["target beyond the limit", "push DATA3\npush 0x9000\npush FREE | 3\npush 0x2000", GP, 0],
    ["null code", "push 0\npush 0", GP, 0],
  ];
  for (const [name, prepare, vector, code] of cases)
    test(name, () => {
      const m = new ProtectedMachine(leave(prepare));
      m.descriptor(FREE, 0, 0xfff, 0xfa, 0x4);
      expect(m.firstRaised()).toEqual({ vector, code, eip: m.symbol("fault") });
      expect(m.selector("ss")).toBe(0x10);
      expect(m.cpl).toBe(0);
    });

  test("data segments of inner levels become null", () => {
    const m = new ProtectedMachine(`
      mov ax, DATA3
      mov fs, ax
      ${leave("push DATA3\npush 0x9000\npush CODE3\npush outer")}
    `);
    m.run(50);
    expect([m.selector("ds"), m.selector("es"), m.selector("fs"), m.selector("gs")]).toEqual([0, 0, 0x23, 0]);
    expect(m.selector("ss")).toBe(0x23);
  });
});

describe("delivery", () => {
  test("INT n needs the gate's DPL, and its fault has no EXT bit", () => {
    const m = new ProtectedMachine(`${enterLevel3("level3")}\nlevel3:\n int 0x30`);
    m.idtGate(0x30, 0x08, 0, 0x8e);
    expect(m.firstRaised()).toMatchObject({ vector: GP, code: 0x30 * 8 + 2 });
  });

  test("INT1 does not need it", () => {
    const m = new ProtectedMachine(
      `${enterLevel3("level3")}\nlevel3:\n db 0xf1\n after: nop\nhandler:\n pop eax\n hlt`,
    );
    m.idtGate(1, 0x08, "handler", 0x8e);
    expect(m.run()).toBe("hlt");
    expect(m.reg("eax")).toBe(m.symbol("after"));
  });

  test("a fault while an exception is delivered has EXT set, and two contributory ones make #DF", () => {
    const m = new ProtectedMachine("ud2\nhandler:\n pop eax\n hlt");
    m.idtGate(6, 0x58, 0, 0x8e); // outside the code segments there are
    m.idtGate(13, 0x58, 0, 0x8e);
    m.idtGate(8, 0x08, "handler", 0x8e);
    expect(m.run()).toBe("hlt");
    expect(m.raised.map(({ vector, code }) => [vector, code])).toEqual([
      [6, null],
      [GP, 0x59],
      [GP, 0x59],
    ]);
    expect(m.reg("eax")).toBe(0);
  });

  test("through a 16-bit gate to 32-bit code and back", () => {
    const m = new ProtectedMachine(`
      jmp (FREE + 8):(start - 0x10000)
    start:
      int 0x30
      mov ebx, 1
      hlt
    handler:
      mov eax, esp
      o16 iret
    `);
    m.descriptor(0x58, 0x1_0000, 0xffff, 0x9a, 0x4);
    m.idtGate(0x30, 0x58, m.symbol("handler") - 0x1_0000, 0x86);
    expect(m.run()).toBe("hlt");
    expect(m.reg("eax")).toBe(0x8000 - 6);
    expect(m.reg("ebx")).toBe(1);
  });

  test("NMIs wait for IRET, also for one that faults", () => {
    const m = new ProtectedMachine(`
      mov ebx, 0
    wait:
      nop
      jmp wait
    nmi:
      inc ebx
      cmp ebx, 2
      je done
      push 0xbad8
      push 0xbad8
      iretd
    done:
      hlt
    gp:
      mov ecx, ebx
      add esp, 4
      hlt
    `);
    m.idtGate(2, 0x08, "nmi", 0x8e);
    m.idtGate(13, 0x08, "gp", 0x8e);
    m.run(10);
    m.core.raise_nmi();
    m.run(4);
    m.core.raise_nmi();
    expect(m.run()).toBe("hlt");
    // The second came after the faulting IRET, before or in the handler of #GP.
    expect(m.reg("ebx")).toBe(2);
  });
});
