/**
 * The assembler: Intel syntax as NASM writes it, flat binary output. Firmware, boot loader and the kernel's assembly parts
 * (host/build/) go through it, and so do tests that need machine code.
 *
 *     source -> preprocessor -> tokens -> parser -> statements -> passes until no label moves -> bytes, symbols, listing
 *
 * The first pass takes every jump for a short one; each further pass lets grow what did not fit. README.md lists the
 * directives.
 */
import { AssemblyError } from "./error.ts";
import type { SourceSite } from "./error.ts";
import { evaluate } from "./expression.ts";
import type { Expression, Scope } from "./expression.ts";
import { Parser } from "./parser.ts";
import type { Statement } from "./parser.ts";
import { Preprocessor } from "./preprocessor.ts";
import type { IncludeReader } from "./preprocessor.ts";

export interface AssembleOptions {
  /** Name of the source in messages and listing. Default "source". */
  readonly file?: string;
  /** Constants (or text) that the source may use, as if by %define. */
  readonly defines?: Readonly<Record<string, number | bigint | string>>;
  /** 16, 32 or 64 until the source says otherwise. Default 16, as in NASM's flat binaries. */
  readonly bits?: 16 | 32 | 64;
  /** Address of the first byte until the source says otherwise with `org`. Default 0. */
  readonly origin?: number | bigint;
  /** Finds what %include names. Default: nothing is found. */
  readonly include?: IncludeReader;
  /** Finds what incbin names. */
  readonly incbin?: (name: string, from: string) => Uint8Array | null;
}

export interface ListingLine {
  readonly site: SourceSite;
  /** Signed 64-bit address. */
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly text: string;
}

export interface Assembled {
  readonly bytes: Uint8Array;
  /** Labels and equ constants by full name ("main", "main.loop"), as signed 64-bit numbers. */
  readonly symbols: Record<string, number>;
  /** Made when it is asked for. */
  listing(): ListingLine[];
}

const MAX_PASSES = 100;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Assembles `source`. Throws AssemblyError, whose message starts with file:line. */
export function assemble(source: string, options: AssembleOptions = {}): Assembled {
  const file = options.file ?? "source";
  const lines = new Preprocessor(options.defines ?? {}, options.include ?? (() => null)).run(source, file);
  const statements = new Parser(options.bits ?? 16, options.incbin ?? (() => null)).parse(lines);
  return new Passes(statements, BigInt(options.origin ?? 0)).run();
}

/** The listing as text: address, bytes, source line. */
export function formatListing(listing: readonly ListingLine[]): string {
  return listing
    .map(({ address, bytes, text }) => {
      const hex = Array.from(bytes.subarray(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("");
      const where = BigInt.asUintN(64, BigInt(address)).toString(16).padStart(8, "0");
      return `${where}  ${(bytes.length > 12 ? `${hex}..` : hex).padEnd(28)}${text}`;
    })
    .join("\n");
}

class Passes {
  readonly #symbols = new Map<string, bigint>();
  readonly #defined = new Map<string, SourceSite>();
  #output = new Uint8Array(0x10000);
  #length = 0;
  /** Where the current statement starts: what $ means in it. */
  #start = 0;
  #origin: bigint;
  /** A label moved, or something was not known yet: one more pass. */
  #changed = false;
  #unknown: { name: string; site: SourceSite } | null = null;
  #site: SourceSite = { file: "", line: 0, via: null };
  readonly #scope: Scope;

  constructor(
    readonly statements: readonly Statement[],
    readonly default_origin: bigint,
  ) {
    this.#origin = default_origin;
    const address = (): bigint => this.#origin + BigInt(this.#start);
    const origin = (): bigint => this.#origin;
    this.#scope = {
      symbol: (name) => {
        const value = this.#symbols.get(name);
        if (value !== undefined) return value;
        this.#unknown ??= { name, site: this.#site };
        return null;
      },
      get here(): bigint {
        return address();
      },
      get origin(): bigint {
        return origin();
      },
    };
  }

  run(): Assembled {
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      this.#pass(pass === 0);
      if (this.#changed) continue;
      if (this.#unknown !== null) {
        const { name, site } = this.#unknown as { name: string; site: SourceSite };
        throw new AssemblyError(site, `undefined symbol ${name}`);
      }
      return this.#result();
    }
    throw new AssemblyError(this.#site, `labels still move after ${MAX_PASSES} passes`);
  }

  #here(): bigint {
    return this.#origin + BigInt(this.#length);
  }

  #pass(first: boolean): void {
    this.#length = 0;
    this.#origin = this.default_origin;
    this.#changed = false;
    this.#unknown = null;
    for (const statement of this.statements) {
      this.#site = statement.line.site;
      this.#statement(statement, first);
    }
  }

  #statement(statement: Statement, first: boolean): void {
    this.#start = this.#length;
    switch (statement.kind) {
      case "label":
        this.#define(statement.name, this.#here(), first);
        return;
      case "equ": {
        const value = evaluate(statement.value, this.#scope, this.#site);
        if (value !== null) this.#define(statement.name, value, first);
        return;
      }
      case "org":
        if (this.#length > 0) throw new AssemblyError(this.#site, "org must come before the first byte");
        this.#origin = this.#number(statement.value);
        return;
      case "data":
        for (const item of statement.items) {
          if ("bytes" in item) this.#emit(item.bytes);
          else this.#emitNumber(evaluate(item.value, this.#scope, this.#site) ?? 0n, statement.size);
        }
        return;
      case "reserve":
        this.#pad(this.#number(statement.count) * BigInt(statement.size), 0);
        return;
      case "align": {
        const to = this.#number(statement.to);
        if (to <= 0n) throw new AssemblyError(this.#site, "alignment must be positive");
        this.#pad(((-this.#here() % to) + to) % to, statement.fill);
        return;
      }
      case "times": {
        const count = this.#number(statement.count);
        if (count < 0n)
          throw new AssemblyError(
            this.#site,
            `times ${count}: nothing can be repeated a negative number of times`,
          );
        const fill = constantByte(statement.body);
        if (fill !== null) this.#pad(count, fill);
        else for (let i = 0n; i < count; i++) this.#statement(statement.body, first);
        return;
      }
      case "instruction":
        this.#emit(statement.instruction.encode(this.#scope));
    }
  }

  #define(name: string, value: bigint, first: boolean): void {
    if (first) {
      const before = this.#defined.get(name);
      if (before)
        throw new AssemblyError(
          this.#site,
          `${name} is defined twice, first in ${before.file}:${before.line}`,
        );
      this.#defined.set(name, this.#site);
    }
    if (this.#symbols.get(name) === value) return;
    if (!first && !this.#defined.has(name)) this.#defined.set(name, this.#site);
    this.#symbols.set(name, value);
    this.#changed = true;
  }

  /** A number that the layout depends on; 0 while it is not known. */
  #number(expression: Expression): bigint {
    return evaluate(expression, this.#scope, this.#site) ?? 0n;
  }

  #pad(count: bigint, fill: number): void {
    if (count < 0n) throw new AssemblyError(this.#site, `cannot reserve ${count} bytes`);
    const end = this.#length + Number(count);
    this.#grow(end);
    this.#output.fill(fill, this.#length, end);
    this.#length = end;
  }

  #emit(bytes: Uint8Array): void {
    this.#grow(this.#length + bytes.length);
    this.#output.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #emitNumber(value: bigint, size: number): void {
    const bits = BigInt(size * 8);
    if (value < -(1n << (bits - 1n)) || value >= 1n << bits) {
      throw new AssemblyError(this.#site, `0x${value.toString(16)} does not fit ${bits} bits`);
    }
    this.#grow(this.#length + size);
    for (let i = 0; i < size; i++) this.#output[this.#length++] = Number((value >> BigInt(i * 8)) & 0xffn);
  }

  #grow(length: number): void {
    if (length <= this.#output.length) return;
    if (length > MAX_OUTPUT_BYTES) throw new AssemblyError(this.#site, "the output is too large");
    const larger = new Uint8Array(Math.max(length, this.#output.length * 2));
    larger.set(this.#output.subarray(0, this.#length));
    this.#output = larger;
  }

  #result(): Assembled {
    const bytes = this.#output.slice(0, this.#length);
    const symbols: Record<string, number> = {};
    for (const [name, value] of this.#symbols) symbols[name] = Number(BigInt.asIntN(64, value));
    return { bytes, symbols, listing: () => this.#listing(bytes) };
  }

  /** One more walk over the statements, now that nothing moves. */
  #listing(bytes: Uint8Array): ListingLine[] {
    const listing: ListingLine[] = [];
    this.#length = 0;
    this.#origin = this.default_origin;
    for (const statement of this.statements) {
      this.#site = statement.line.site;
      const start = this.#length;
      const address = Number(BigInt.asIntN(64, this.#here()));
      this.#statement(statement, false);
      const { site, text } = statement.line;
      listing.push({ site, address, bytes: bytes.subarray(start, this.#length), text });
    }
    return listing;
  }
}

/** The byte of a `db N` with a plain number: padding, which need not be emitted byte by byte. */
function constantByte(body: Statement): number | null {
  if (body.kind !== "data" || body.size !== 1 || body.items.length !== 1) return null;
  const [item] = body.items;
  if ("bytes" in item) return item.bytes.length === 1 ? item.bytes[0] : null;
  return item.value.kind === "number" && item.value.value < 256n ? Number(item.value.value) : null;
}
