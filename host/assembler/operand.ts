/**
 * Registers by name, and the operands of an instruction as they are written: register, immediate, memory, far pointer.
 * Memory operands are taken apart into base, index, scale and displacement here.
 */
import { Register } from "iced-x86";
import { Cursor, parseExpression } from "./expression.ts";
import type { Expression } from "./expression.ts";

export type RegisterClass = "gpr" | "segment" | "control" | "debug" | "st" | "mm" | "xmm" | "ymm";

export interface RegisterName {
  readonly register: Register;
  readonly kind: RegisterClass;
  /** Bytes. */
  readonly size: number;
}

const REGISTERS = new Map<string, RegisterName>();

for (const [name, register] of Object.entries(Register)) {
  if (typeof register !== "number") continue;
  const kind = classify(name);
  if (kind === null) continue;
  REGISTERS.set(name.toLowerCase(), { register, ...kind });
}
REGISTERS.set("st", REGISTERS.get("st0")!);
// iced-x86 calls the low bytes and words of R8-R15 R8L and R8W; NASM says r8b.
for (let n = 8; n < 16; n++) REGISTERS.set(`r${n}b`, REGISTERS.get(`r${n}l`)!);

function classify(name: string): { kind: RegisterClass; size: number } | null {
  if (/^([ABCD][LH]|SPL|BPL|SIL|DIL|R\d+L)$/.test(name)) return { kind: "gpr", size: 1 };
  if (/^([ABCD]X|SP|BP|SI|DI|R\d+W)$/.test(name)) return { kind: "gpr", size: 2 };
  if (/^(E[ABCD]X|ESP|EBP|ESI|EDI|R\d+D)$/.test(name)) return { kind: "gpr", size: 4 };
  if (/^(R[ABCD]X|RSP|RBP|RSI|RDI|R\d+)$/.test(name)) return { kind: "gpr", size: 8 };
  if (/^[CDEFGS]S$/.test(name)) return { kind: "segment", size: 2 };
  if (/^CR\d+$/.test(name)) return { kind: "control", size: 8 };
  if (/^DR\d+$/.test(name)) return { kind: "debug", size: 8 };
  if (/^ST\d$/.test(name)) return { kind: "st", size: 10 };
  if (/^MM\d$/.test(name)) return { kind: "mm", size: 8 };
  if (/^XMM(\d|1[0-5])$/.test(name)) return { kind: "xmm", size: 16 };
  if (/^YMM(\d|1[0-5])$/.test(name)) return { kind: "ymm", size: 32 };
  return null;
}

export function registerByName(name: string): RegisterName | undefined {
  return REGISTERS.get(name.toLowerCase());
}

export interface RegisterOperand extends RegisterName {
  readonly type: "register";
}

export interface ImmediateOperand {
  readonly type: "immediate";
  readonly value: Expression;
  /** Bytes, from `byte` ... `qword` before it; 0: not given. */
  readonly size: number;
  /** `short` and `near` before a branch target. */
  readonly distance: "short" | "near" | null;
}

/** `selector:offset` written out. */
export interface FarOperand {
  readonly type: "far";
  readonly selector: Expression;
  readonly offset: Expression;
  readonly size: number;
}

export interface MemoryOperand {
  readonly type: "memory";
  readonly size: number;
  /** `far` before it: the memory holds a far pointer. */
  readonly far: boolean;
  readonly segment: Register;
  readonly base: RegisterName | null;
  readonly index: RegisterName | null;
  readonly scale: number;
  readonly displacement: Expression | null;
  /** `[rel x]`: relative to RIP. */
  readonly relative: boolean;
  /** Address size in bits from `word`, `dword` or `a32` in the brackets; 0: from the registers, else the mode. */
  readonly address_size: number;
}

export type Operand = RegisterOperand | ImmediateOperand | FarOperand | MemoryOperand;

const SIZES: Record<string, number> = {
  byte: 1, word: 2, dword: 4, qword: 8, tword: 10, tbyte: 10, oword: 16, dqword: 16, xmmword: 16, yword: 32, ymmword: 32,
}; // prettier-ignore

/** Parses one operand. `relative`: what brackets without `rel` and `abs` mean in 64-bit code. */
export function parseOperand(cursor: Cursor, relative: boolean): Operand {
  let size = 0;
  let far = false;
  let distance: "short" | "near" | null = null;
  for (;;) {
    const name = cursor.peekName();
    if (name in SIZES) size = SIZES[name];
    else if (name === "far") far = true;
    else if (name === "short" || name === "near") distance = name;
    else if (name !== "strict" && name !== "ptr") break;
    cursor.at++;
  }
  if (cursor.accept("[")) return parseMemory(cursor, size, far, relative);
  const token = cursor.peek();
  if (token?.kind === "name") {
    const register = REGISTERS.get(token.text.toLowerCase());
    if (register !== undefined) {
      cursor.at++;
      return { type: "register", ...register };
    }
  }
  const value = parseExpression(cursor);
  if (cursor.accept(":")) return { type: "far", selector: value, offset: parseExpression(cursor), size };
  return { type: "immediate", value, size, distance };
}

interface Term {
  readonly register: RegisterName;
  scale: number;
}

function parseMemory(cursor: Cursor, size: number, far: boolean, default_relative: boolean): MemoryOperand {
  let segment = Register.None;
  let relative: boolean | null = null;
  let address_size = 0;
  for (;;) {
    const name = cursor.peekName();
    if (name === "rel") relative = true;
    else if (name === "abs") relative = false;
    else if (name === "word" || name === "a16") address_size = 16;
    else if (name === "dword" || name === "a32") address_size = 32;
    else if (name === "qword" || name === "a64") address_size = 64;
    else if (REGISTERS.get(name)?.kind === "segment" && cursor.peek(1)?.text === ":") {
      segment = REGISTERS.get(name)!.register;
      cursor.at++;
    } else break;
    cursor.at++;
  }

  const terms: Term[] = [];
  const parts: { negative: boolean; value: Expression }[] = [];
  do {
    const negative = cursor.accept("-");
    if (!negative) cursor.accept("+");
    const term = parseTerm(cursor);
    if ("register" in term) {
      if (negative) cursor.fail("a register cannot be subtracted in an address");
      const same = terms.find(({ register }) => register.register === term.register.register);
      if (same && same.scale + term.scale > 2) same.scale += term.scale;
      else terms.push(term);
    } else parts.push({ negative, value: term });
  } while (cursor.is("+") || cursor.is("-"));
  cursor.expect("]");

  let displacement: Expression | null = null;
  for (const { negative: minus, value } of parts) {
    if (displacement !== null)
      displacement = { kind: "binary", operator: minus ? "-" : "+", a: displacement, b: value };
    else displacement = minus ? { kind: "unary", operator: "-", a: value } : value;
  }
  const { base, index, scale } = baseAndIndex(terms, cursor);
  // As in NASM, FS and GS turn `default rel` off: thread-local data is not near RIP.
  const thread_local = segment === Register.FS || segment === Register.GS;
  return {
    type: "memory",
    size,
    far,
    segment,
    base,
    index,
    scale,
    displacement,
    relative: (relative ?? (default_relative && !thread_local)) && base === null && index === null,
    address_size,
  };
}

/** One term of an address: a register, register*n, n*register, or a product of constants. */
function parseTerm(cursor: Cursor): Term | Expression {
  const token = cursor.peek();
  const register = token?.kind === "name" ? REGISTERS.get(token.text.toLowerCase()) : undefined;
  if (register !== undefined) {
    cursor.at++;
    if (!cursor.accept("*")) return { register, scale: 1 };
    const factor = cursor.next();
    if (factor.kind !== "number") cursor.fail("the scale of an index register must be a number");
    return { register, scale: Number(factor.value) };
  }
  const scaled =
    cursor.peek(2)?.kind === "name" ? REGISTERS.get(cursor.peek(2)!.text.toLowerCase()) : undefined;
  if (token?.kind === "number" && cursor.peek(1)?.text === "*" && scaled !== undefined) {
    cursor.at += 3;
    return { register: scaled, scale: Number(token.value) };
  }
  return parseProduct(cursor);
}

/** A sub-expression that ends at + or - on the top level, so that registers may follow. */
function parseProduct(cursor: Cursor): Expression {
  const start = cursor.at;
  let depth = 0;
  let end = start;
  for (; end < cursor.tokens.length; end++) {
    const { kind, text } = cursor.tokens[end];
    if (kind !== "operator") continue;
    if (text === "(") depth++;
    else if (text === ")") depth--;
    else if (depth === 0 && (text === "]" || ((text === "+" || text === "-") && end > start))) break;
  }
  const inner = new Cursor(cursor.tokens.slice(start, end), cursor.site, cursor.resolve);
  const expression = parseExpression(inner);
  if (!inner.done) cursor.fail(`unexpected ${inner.peek()!.text} in an address`);
  cursor.at = end;
  return expression;
}

function baseAndIndex(
  terms: Term[],
  cursor: Cursor,
): { base: RegisterName | null; index: RegisterName | null; scale: number } {
  // [eax*3], *5 and *9 are a base and an index in one; [eax*2] is shorter as [eax+eax].
  if (terms.length === 1 && [2, 3, 5, 9].includes(terms[0].scale) && terms[0].register.size > 2) {
    const { register, scale } = terms[0];
    return { base: register, index: register, scale: scale - 1 };
  }
  if (terms.length > 2) cursor.fail("more than two registers in an address");
  let base = terms.find(({ scale }) => scale === 1) ?? null;
  let index = terms.find((term) => term !== base) ?? null;
  // The stack pointer cannot be an index; BX and BP come first in 16-bit addresses.
  const swap =
    base !== null &&
    index?.scale === 1 &&
    ([Register.ESP, Register.RSP].includes(index.register.register) ||
      (base.register.size === 2 && [Register.SI, Register.DI].includes(base.register.register)));
  if (swap) [base, index] = [index, base];
  return { base: base?.register ?? null, index: index?.register ?? null, scale: index?.scale ?? 1 };
}
