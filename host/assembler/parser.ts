/**
 * Lines of tokens to statements: labels, data, directives, instructions. What can be decided once is decided here; what needs
 * the value of a symbol waits for the passes in assemble.ts.
 */
import { InstructionStatement, isInstruction, PREFIXES, SIZE_PREFIXES } from "./encoder.ts";
import { AssemblyError } from "./error.ts";
import type { SourceSite } from "./error.ts";
import { Cursor, parseExpression } from "./expression.ts";
import type { Expression } from "./expression.ts";
import type { Operand } from "./operand.ts";
import { parseOperand, registerByName } from "./operand.ts";
import type { SourceLine } from "./preprocessor.ts";

/** An item of db ... dq: a number, or a string's bytes. */
export type DataItem = { readonly value: Expression } | { readonly bytes: Uint8Array };

export type Statement = { readonly line: SourceLine } & (
  | { readonly kind: "label"; readonly name: string }
  | { readonly kind: "equ"; readonly name: string; readonly value: Expression }
  | { readonly kind: "data"; readonly size: number; readonly items: readonly DataItem[] }
  | { readonly kind: "reserve"; readonly size: number; readonly count: Expression }
  | { readonly kind: "align"; readonly to: Expression; readonly fill: number }
  | { readonly kind: "org"; readonly value: Expression }
  | { readonly kind: "times"; readonly count: Expression; readonly body: Statement }
  | { readonly kind: "instruction"; readonly instruction: InstructionStatement }
);

const DATA_SIZES: Record<string, number> = { db: 1, dw: 2, dd: 4, dq: 8 };
const RESERVE_SIZES: Record<string, number> = { resb: 1, resw: 2, resd: 4, resq: 8 };
const DIRECTIVES = [
  "bits",
  "use16",
  "use32",
  "use64",
  "org",
  "align",
  "alignb",
  "default",
  "incbin",
  "times",
  "global",
  "cpu",
];
const NOP = 0x90;

export class Parser {
  readonly statements: Statement[] = [];
  #bits: number;
  /** Brackets without `rel` or `abs` mean `rel` in 64-bit code. */
  #relative = false;
  /** The label that local labels (.x) belong to. */
  #scope = "";

  constructor(
    bits: number,
    readonly incbin: (name: string, from: string) => Uint8Array | null,
  ) {
    this.#bits = bits;
  }

  parse(lines: readonly SourceLine[]): Statement[] {
    for (const line of lines) {
      const cursor = new Cursor(line.tokens, line.site, (name) =>
        name.startsWith(".") && name[1] !== "." ? this.#scope + name : name,
      );
      const statement = this.#line(cursor, line);
      if (statement !== null) this.statements.push(statement);
      if (!cursor.done) cursor.fail(`unexpected ${cursor.peek()!.text}`);
    }
    return this.statements;
  }

  /** Label part of a line, then the rest. */
  #line(cursor: Cursor, line: SourceLine): Statement | null {
    const first = cursor.peek();
    if (first?.kind !== "name") return cursor.fail(`expected a label, a directive or an instruction`);
    const second = cursor.peek(1);
    if (second?.kind === "name" && second.text.toLowerCase() === "equ") {
      const name = cursor.resolve(cursor.next().text);
      cursor.at++;
      return { kind: "equ", name, value: parseExpression(cursor), line };
    }
    if (second?.kind === "operator" && second.text === ":") {
      this.#label(first.text, line);
      cursor.at += 2;
    } else if (!isKeyword(first.text.toLowerCase())) {
      const follows = second?.kind === "name" ? second.text.toLowerCase() : "";
      if (second === undefined || follows in DATA_SIZES || follows in RESERVE_SIZES || follows === "times") {
        if (second === undefined && isInstruction(first.text.toLowerCase()))
          return this.#statement(cursor, line);
        this.#label(first.text, line);
        cursor.at++;
      }
    }
    return cursor.done ? null : this.#statement(cursor, line);
  }

  #label(written: string, line: SourceLine): void {
    const local = written.startsWith(".") && written[1] !== ".";
    if (!local && !written.startsWith("..")) this.#scope = written;
    if (registerByName(written)) throw new AssemblyError(line.site, `${written} is a register, not a label`);
    this.statements.push({ kind: "label", name: local ? this.#scope + written : written, line });
  }

  #statement(cursor: Cursor, line: SourceLine): Statement | null {
    const token = cursor.next();
    const name = token.text.toLowerCase();
    if (token.kind !== "name") return cursor.fail(`expected an instruction before ${token.text}`);
    if (name in DATA_SIZES)
      return { kind: "data", size: DATA_SIZES[name], items: dataItems(cursor, DATA_SIZES[name]), line };
    if (name in RESERVE_SIZES)
      return { kind: "reserve", size: RESERVE_SIZES[name], count: parseExpression(cursor), line };
    switch (name) {
      case "bits":
        return this.#setBits(Number(cursor.next().value), line.site);
      case "use16":
      case "use32":
      case "use64":
        return this.#setBits(Number(name.slice(3)), line.site);
      case "cpu":
      case "global":
        cursor.at = cursor.tokens.length;
        return null;
      case "default":
        this.#relative = cursor.next().text.toLowerCase() === "rel";
        return null;
      case "org":
        return { kind: "org", value: parseExpression(cursor), line };
      case "align":
      case "alignb":
        return { kind: "align", to: parseExpression(cursor), fill: alignFill(name, cursor), line };
      case "incbin": {
        const file = cursor.next().text;
        const bytes = this.incbin(file, line.site.file);
        if (bytes === null) return cursor.fail(`cannot find ${file}`);
        return { kind: "data", size: 1, items: [{ bytes }], line };
      }
      case "times": {
        const count = parseExpression(cursor);
        const body = this.#statement(cursor, line);
        if (body === null) return cursor.fail("times needs data or an instruction");
        return { kind: "times", count, body, line };
      }
      default:
        cursor.at--;
        return { kind: "instruction", instruction: this.#instruction(cursor, line.site), line };
    }
  }

  #setBits(bits: number, site: SourceSite): null {
    if (bits !== 16 && bits !== 32 && bits !== 64) throw new AssemblyError(site, "bits must be 16, 32 or 64");
    this.#bits = bits;
    return null;
  }

  #instruction(cursor: Cursor, site: SourceSite): InstructionStatement {
    const prefixes: number[] = [];
    let sizes = { operand: 0, address: 0 };
    let name = cursor.next().text.toLowerCase();
    while (name in PREFIXES || name in SIZE_PREFIXES) {
      if (name in PREFIXES) prefixes.push(PREFIXES[name]);
      else {
        const size = SIZE_PREFIXES[name];
        sizes = { operand: sizes.operand || size.operand, address: sizes.address || size.address };
      }
      if (cursor.done) cursor.fail(`prefix ${name} without an instruction`);
      name = cursor.next().text.toLowerCase();
    }
    const operands: Operand[] = [];
    if (!cursor.done) {
      do operands.push(parseOperand(cursor, this.#relative && this.#bits === 64));
      while (cursor.accept(","));
    }
    return new InstructionStatement(name, operands, prefixes, sizes, this.#bits, site);
  }
}

function isKeyword(name: string): boolean {
  return (
    name in DATA_SIZES ||
    name in RESERVE_SIZES ||
    name in PREFIXES ||
    name in SIZE_PREFIXES ||
    DIRECTIVES.includes(name)
  );
}

function dataItems(cursor: Cursor, size: number): DataItem[] {
  const items: DataItem[] = [];
  do {
    const token = cursor.peek();
    const next = cursor.peek(1);
    if (token?.kind === "string" && (next === undefined || next.text === ",")) {
      cursor.at++;
      const length = Math.ceil(token.text.length / size) * size;
      const bytes = new Uint8Array(length);
      for (let i = 0; i < token.text.length; i++) bytes[i] = token.text.charCodeAt(i);
      items.push({ bytes });
    } else items.push({ value: parseExpression(cursor) });
  } while (cursor.accept(","));
  return items;
}

/** `align 4` pads with NOPs, `align 4, db 0` with the byte given, `alignb` with zeros. */
function alignFill(name: string, cursor: Cursor): number {
  if (!cursor.accept(",")) return name === "alignb" ? 0 : NOP;
  if (cursor.peekName() !== "db") return cursor.fail("the padding of align is written as db N");
  cursor.at++;
  return Number(cursor.next().value) & 0xff;
}
