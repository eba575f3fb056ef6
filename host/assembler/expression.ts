/**
 * Expressions: parsed once, evaluated in every pass over the source, in 64-bit two's complement by way of BigInt.
 * Precedence as in NASM (like C, weakest first): ?: || && == < | ^ & << + * unary. `$` is the address of the statement,
 * `$$` the origin. A symbol that no pass has seen yet evaluates to null, and so does all that contains it.
 */
import { AssemblyError } from "./error.ts";
import type { SourceSite } from "./error.ts";
import type { Token } from "./lexer.ts";

export type Expression =
  | { readonly kind: "number"; readonly value: bigint }
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "here" }
  | { readonly kind: "origin" }
  | { readonly kind: "unary"; readonly operator: string; readonly a: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly a: Expression; readonly b: Expression }
  | {
      readonly kind: "choice";
      readonly condition: Expression;
      readonly a: Expression;
      readonly b: Expression;
    };

/** What an expression may ask for while it is evaluated. */
export interface Scope {
  /** Value of a symbol; null when it is not known (yet). */
  symbol(name: string): bigint | null;
  readonly here: bigint;
  readonly origin: bigint;
}

/** Reads tokens one after the other. */
export class Cursor {
  at = 0;

  constructor(
    readonly tokens: readonly Token[],
    readonly site: SourceSite,
    /** Turns a name as written into the symbol's full name (local labels). */
    readonly resolve: (name: string) => string = (name) => name,
  ) {}

  get done(): boolean {
    return this.at >= this.tokens.length;
  }

  peek(offset = 0): Token | undefined {
    return this.tokens[this.at + offset];
  }

  next(): Token {
    const token = this.tokens[this.at++];
    if (token === undefined) this.fail("unexpected end of line");
    return token;
  }

  is(text: string): boolean {
    const token = this.tokens[this.at];
    return token !== undefined && token.kind === "operator" && token.text === text;
  }

  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.at++;
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) this.fail(`expected ${text}${this.done ? "" : ` before ${this.peek()!.text}`}`);
  }

  /** The next token as a lower-case name, without taking it; "" if it is none. */
  peekName(): string {
    const token = this.tokens[this.at];
    return token?.kind === "name" ? token.text.toLowerCase() : "";
  }

  fail(reason: string): never {
    throw new AssemblyError(this.site, reason);
  }
}

const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["==", "=", "!=", "<>"],
  ["<", ">", "<=", ">="],
  ["|"],
  ["^"],
  ["&"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "//", "%"],
];

export function parseExpression(cursor: Cursor): Expression {
  const condition = parseLevel(cursor, 0);
  if (!cursor.accept("?")) return condition;
  const a = parseExpression(cursor);
  cursor.expect(":");
  return { kind: "choice", condition, a, b: parseExpression(cursor) };
}

function parseLevel(cursor: Cursor, level: number): Expression {
  if (level === LEVELS.length) return parseUnary(cursor);
  let a = parseLevel(cursor, level + 1);
  for (;;) {
    const token = cursor.peek();
    if (token?.kind !== "operator" || !LEVELS[level].includes(token.text)) return a;
    cursor.at++;
    a = { kind: "binary", operator: token.text, a, b: parseLevel(cursor, level + 1) };
  }
}

function parseUnary(cursor: Cursor): Expression {
  const token = cursor.next();
  if (token.kind === "number") return { kind: "number", value: token.value };
  if (token.kind === "string") return { kind: "number", value: characterConstant(token.text) };
  if (token.kind === "name") return { kind: "symbol", name: cursor.resolve(token.text) };
  switch (token.text) {
    case "-":
    case "+":
    case "~":
    case "!":
      return { kind: "unary", operator: token.text, a: parseUnary(cursor) };
    case "$":
      return { kind: "here" };
    case "$$":
      return { kind: "origin" };
    case "(": {
      const inner = parseExpression(cursor);
      cursor.expect(")");
      return inner;
    }
    default:
      return cursor.fail(`expected an expression before ${token.text}`);
  }
}

/** 'ab' is 0x6261: the bytes as they would lie in memory. */
function characterConstant(text: string): bigint {
  let value = 0n;
  for (let i = text.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(text.charCodeAt(i));
  return value;
}

/** Value of `expression`, or null if it depends on a symbol that is not known yet. */
export function evaluate(expression: Expression, scope: Scope, site: SourceSite): bigint | null {
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "symbol":
      return scope.symbol(expression.name);
    case "here":
      return scope.here;
    case "origin":
      return scope.origin;
    case "unary": {
      const a = evaluate(expression.a, scope, site);
      if (a === null) return null;
      switch (expression.operator) {
        case "-":
          return -a;
        case "~":
          return ~a;
        case "!":
          return a === 0n ? 1n : 0n;
        default:
          return a;
      }
    }
    case "binary": {
      const a = evaluate(expression.a, scope, site);
      const b = evaluate(expression.b, scope, site);
      if (a === null || b === null) return null;
      return binary(expression.operator, a, b, site);
    }
    case "choice": {
      const condition = evaluate(expression.condition, scope, site);
      if (condition === null) return null;
      return evaluate(condition !== 0n ? expression.a : expression.b, scope, site);
    }
  }
}

function binary(operator: string, a: bigint, b: bigint, site: SourceSite): bigint {
  const truth = (value: boolean): bigint => (value ? 1n : 0n);
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
    case "//":
    case "%":
      if (b === 0n) throw new AssemblyError(site, "division by zero");
      return operator === "%" ? a % b : a / b;
    case "<<":
      return a << b;
    case ">>":
      return (a < 0n ? BigInt.asUintN(64, a) : a) >> b;
    case "&":
      return a & b;
    case "|":
      return a | b;
    case "^":
      return a ^ b;
    case "&&":
      return truth(a !== 0n && b !== 0n);
    case "||":
      return truth(a !== 0n || b !== 0n);
    case "==":
    case "=":
      return truth(a === b);
    case "!=":
    case "<>":
      return truth(a !== b);
    case "<":
      return truth(a < b);
    case ">":
      return truth(a > b);
    case "<=":
      return truth(a <= b);
    default:
      return truth(a >= b);
  }
}
