/** Debug registers, single-step, RF. SDM vol 3B "Debug, Branch Profile, TSC, and Intel Resource Director Technology Features". */
import { describe, expect, test } from "vitest";
import { DATA, enterLevel3, ProtectedMachine } from "./machine.ts";

const RF = 0x1_0000;
const TF = 0x100;
const DR6_CLEAR = 0xffff_0ff0;
const LOG = 0x3_0000;

/** One #DB: where it returns to, EFLAGS as pushed, DR6. */
interface Trap {
  at: string | number;
  rf: boolean;
  dr6: number;
}

/**
 * Runs a program whose #DB handler logs each exception, clears DR6 and sets RF in the image, as debuggers do. `at` is a label if
 * there is one.
 */
function traps(
  source: string,
  prepare: (m: ProtectedMachine) => void = () => undefined,
): { m: ProtectedMachine; log: Trap[] } {
  const m = new ProtectedMachine(`
    mov esi, ${LOG}
    ${source}
    hlt
  handler:
    push eax
    mov eax, [esp + 4]
    mov [ss:esi], eax
    mov eax, [esp + 12]
    mov [ss:esi + 4], eax
    mov eax, dr6
    mov [ss:esi + 8], eax
    mov eax, ${DR6_CLEAR}
    mov dr6, eax
    or dword [esp + 12], ${RF}
    add esi, 12
    pop eax
    iretd
  `);
  m.idtGate(1, 0x08, "handler", 0x8e);
  m.idtGate(0x40, 0x08, "handler", 0x8e);
  prepare(m);
  m.run();
  const log: Trap[] = [];
  const names = new Map(Object.entries(m.symbols).map(([name, value]) => [value, name]));
  for (let at = LOG; at < m.reg("esi"); at += 12) {
    const eip = m.read32(at);
    log.push({
      at: names.get(eip) ?? eip,
      rf: (m.read32(at + 4) & RF) !== 0,
      dr6: (m.read32(at + 8) ^ DR6_CLEAR) >>> 0,
    });
  }
  return { m, log };
}

/** Source that arms breakpoint `n` at `address`; `rw` and `len` as in DR7. */
function arm(n: number, address: string | number, rw: number, len: number, extra = 0): string {
  return `
    mov eax, ${address}
    mov dr${n}, eax
    mov eax, ${(2 << (n * 2)) | ((rw | (len << 2)) << (16 + n * 4)) | extra}
    mov dr7, eax
  `;
}

describe("instruction breakpoints", () => {
  test("fault before the instruction, without RF in the image; RF lets it execute once", () => {
    const { log, m } = traps(`
      mov ecx, 2
      ${arm(1, "here", 0, 0)}
    here:
      inc edx
      loop here
    `);
    expect(log).toEqual([{ at: "here", rf: false, dr6: 2 }, { at: "here", rf: false, dr6: 2 }]); // prettier-ignore
    expect(m.reg("edx")).toBe(2);
  });
  test("on a repeated instruction fire once", () => {
    const { log, m } = traps(`
      mov ecx, 5
      mov edi, ${DATA}
      ${arm(0, "here", 0, 0)}
    here:
      rep stosb
    `);
    expect(log).toEqual([{ at: "here", rf: false, dr6: 1 }]);
    expect(m.reg("ecx")).toBe(0);
  });
  test("not after MOV SS", () => {
    const { log } = traps(`${arm(0, "here", 0, 0)}\n mov ax, ss\n mov ss, ax\nhere:\n nop`);
    expect(log).toEqual([]);
  });
  test("status bits of those that are not enabled, if one is", () => {
    const { log } = traps(`mov eax, here\n mov dr3, eax\n ${arm(0, "here", 0, 0)}\nhere:\n nop`);
    expect(log).toEqual([{ at: "here", rf: false, dr6: 9 }]);
  });
  test("inside a block and in 64 instructions without a branch", () => {
    const { log } = traps(`${arm(2, "here", 0, 0)}\n ${"nop\n".repeat(40)}\nhere:\n ${"nop\n".repeat(40)}`);
    expect(log).toEqual([{ at: "here", rf: false, dr6: 4 }]);
  });
});

describe("data breakpoints", () => {
  test("trap after a write, not after a read", () => {
    const { log } = traps(`
      ${arm(0, DATA + 4, 1, 3)}
      mov edx, [${DATA + 4}]
      mov [${DATA + 3}], dl
      mov [${DATA + 7}], dl
    after:
      nop
    `);
    expect(log).toEqual([{ at: "after", rf: false, dr6: 1 }]);
  });
  test("of reads and writes, met by any byte of the operand", () => {
    const { log } = traps(`
      ${arm(3, DATA + 4, 3, 0)}
      mov edx, [${DATA + 1}]
    one:
      mov [${DATA + 3}], dx
    two:
      push dword [${DATA + 4}]
    three:
      lea edx, [${DATA + 4}]
      mov edx, [${DATA + 5}]
    `);
    expect(log.map(({ at }) => at)).toEqual(["one", "two", "three"]);
  });
  test("in each iteration of a repeated instruction, with RF in the image but for the last", () => {
    const { log, m } = traps(`
      mov ecx, 3
      mov edi, ${DATA}
      ${arm(0, DATA, 1, 3)}
    here:
      rep stosb
    after:
      nop
    `);
    expect(log).toEqual([
      { at: "here", rf: true, dr6: 1 },
      { at: "here", rf: true, dr6: 1 },
      { at: "after", rf: false, dr6: 1 },
    ]);
    expect(m.reg("ecx")).toBe(0);
  });
  test("of an instruction that faults are forgotten", () => {
    const { log, m } = traps(
      `${arm(0, DATA, 3, 0)}\n mov edi, 0xffffffff\n mov si, ds\n mov esi, ${DATA}\n o32 movsd\n gp: mov esi, ${LOG}`,
      (machine) => machine.idtGate(13, 0x08, "gp", 0x8e),
    );
    expect(m.raised).toMatchObject([{ vector: 13 }]);
    expect(log).toEqual([]);
  });
  test("of MOV SS wait for the end of the next instruction", () => {
    const { log } = traps(`
      mov word [${DATA}], DATA0
      ${arm(0, DATA, 3, 1)}
      mov ss, [${DATA}]
      nop
    after:
      nop
    `);
    expect(log).toEqual([{ at: "after", rf: false, dr6: 1 }]);
  });
  test("I/O breakpoints with CR4.DE", () => {
    const { log } = traps(`
      mov eax, 8
      mov cr4, eax
      ${arm(0, 0x60, 2, 1)}
      in al, 0x61
    one:
      in al, 0x62
      out 0x60, ax
    two:
      nop
    `);
    expect(log.map(({ at }) => at)).toEqual(["one", "two"]);
  });
  test("a task switch clears the local ones", () => {
    const m = new ProtectedMachine("mov eax, 0x3ff\n mov dr7, eax\n jmp SEL_B:0\ntask:\n mov eax, dr7\n hlt");
    const fields: Record<number, number> = {
      32: m.symbol("task"),
      36: 2,
      56: 0x7000,
      72: 0x10,
      76: 8,
      80: 0x10,
      84: 0x10,
    };
    for (const [offset, value] of Object.entries(fields)) m.write32(0x3100 + Number(offset), value);
    expect(m.run()).toBe("hlt");
    expect(m.reg("eax")).toBe(0x6aa);
  });
});

describe("general detect", () => {
  test("an access to a debug register faults with BD, once", () => {
    const { log, m } = traps(`
      mov eax, 0x2000
      mov dr7, eax
    here:
      mov edx, dr7
    `);
    expect(log).toEqual([{ at: "here", rf: true, dr6: 0x2000 }]);
    expect(m.reg("edx")).toBe(0x400);
  });
  test("DR4 and DR5 are DR6 and DR7, or nothing with CR4.DE", () => {
    const m = new ProtectedMachine(
      "mov eax, 0xffffdfff\n mov dr5, eax\n mov ecx, dr7\n mov dr4, eax\n mov edx, dr6\n hlt",
    );
    m.run();
    expect([m.reg("ecx"), m.reg("edx")]).toEqual([0xffff_07ff, 0xffff_cfff]);
    const refused = new ProtectedMachine("mov eax, 8\n mov cr4, eax\n here: mov eax, dr4\n hlt");
    expect(refused.firstRaised()).toMatchObject({ vector: 6, eip: refused.symbol("here") });
  });
  test("CPL 0 only", () => {
    expect(
      new ProtectedMachine(`${enterLevel3("level3")}\nlevel3: mov eax, dr6`).firstRaised(),
    ).toMatchObject({ vector: 13, code: 0 });
  });
});

describe("single-step", () => {
  const step = `pushfd\n or dword [esp], ${TF}\n popfd\n`;
  const stop = `pushfd\n and dword [esp], ~${TF}\n popfd\n`;
  const where = (log: Trap[]) => log.filter(({ at }) => typeof at === "string").map(({ at }) => at);

  test("begins after the instruction that follows POPF", () => {
    const { log } = traps(`${step} zero: nop\none: nop\ntwo: ${stop}`);
    expect(log[0]).toEqual({ at: "one", rf: false, dr6: 0x4000 });
    expect(where(log)).toEqual(["one", "two"]);
  });
  test("each iteration of a repeated instruction", () => {
    const { log } = traps(`mov ecx, 3\n mov edi, ${DATA}\n ${step} here: rep stosb\nafter: ${stop}`);
    expect(log.slice(0, 3).map(({ at, rf }) => [at, rf])).toEqual([["here", true], ["here", true], ["after", false]]); // prettier-ignore
  });
  test("no trap between MOV SS and what follows it", () => {
    const { log } = traps(`mov ax, ss\n ${step} nop\none: mov ss, ax\ntwo: nop\nthree: nop\nfour: ${stop}`);
    expect(where(log)).toEqual(["one", "three", "four"]);
  });
  test("INT n clears it for the handler; there is no trap after INT", () => {
    const { log } = traps(
      `${step} nop\none: int 0x30\ntwo: nop\nthree: ${stop} hlt\nint30: nop\n nop\n iretd`,
      (m) => m.idtGate(0x30, 0x08, "int30", 0x8e),
    );
    expect(where(log)).toEqual(["one", "three"]);
  });
  test("INTO without OF is an instruction as any other", () => {
    const { log } = traps(`${step} nop\none: into\ntwo: ${stop}`);
    expect(where(log)).toEqual(["one", "two"]);
  });
  test("IRET that clears TF is itself trapped", () => {
    const { log } = traps(`push 2\n push 8\n push after\n ${step} iretd\nafter: nop\n last: nop`);
    expect(where(log)).toEqual(["after"]);
  });
  test("a breakpoint and a step together give one exception", () => {
    const { log } = traps(`${arm(0, DATA, 1, 0)}\n ${step} mov [${DATA}], al\none: ${stop}`);
    expect(log[0]).toEqual({ at: "one", rf: false, dr6: 0x4001 });
  });
  test("comes before an interrupt that waits", () => {
    const m = new ProtectedMachine(`
      push ${TF | 0x202}
      popfd
      nop
    after:
      hlt
    db_handler:
      mov ebx, [esp]
      mov ecx, 1
      hlt
    irq:
      mov edx, 1
      hlt
    `);
    m.idtGate(1, 0x08, "db_handler", 0x8e);
    m.idtGate(0x40, 0x08, "irq", 0x8e);
    m.run(2);
    expect(m.run(1)).toBe("budget");
    m.core.set_intr(1);
    expect(m.run()).toBe("hlt");
    expect([m.reg("ebx"), m.reg("ecx"), m.reg("edx")]).toEqual([m.symbol("after"), 1, 0]);
  });
});

describe("interrupts held off", () => {
  test("for one instruction by STI and by MOV SS, also if run() ends there", () => {
    for (const hold of ["sti", "mov ss, ax"]) {
      const m = new ProtectedMachine(`
        mov ax, ss
        ${hold === "sti" ? "" : "sti\n nop"}
      hold:
        ${hold}
        inc ecx
        inc edx
        hlt
      irq:
        hlt
      `);
      m.idtGate(0x40, 0x08, "irq", 0x8e);
      m.run(hold === "sti" ? 1 : 3);
      expect(m.eip).toBe(m.symbol("hold"));
      m.run(1);
      m.core.set_intr(1);
      m.run(0);
      expect(m.run()).toBe("hlt");
      expect([m.reg("ecx"), m.reg("edx")]).toEqual([1, 0]);
    }
  });
});
