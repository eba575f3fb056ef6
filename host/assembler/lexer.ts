/**
 * One source line to tokens. NASM's lexical rules: identifiers may hold . $ @ ? # ~, numbers come as 10, 0x1f, 1fh, 0b11,
 * 11b, 0o17 and with _ between digits, strings in '...', "..." or `...` (the last with C escapes), ; starts a comment.
 */
import { AssemblyError } from "./error.ts";
import type { SourceSite } from "./error.ts";

export interface Token {
  readonly kind: "name" | "number" | "string" | "operator";
  /** As written; operators and names are compared by it. Strings: the contents, one char per byte. */
  readonly text: string;
  readonly value: bigint;
  /** Where it starts in the line, and where it ends: macro arguments are cut out of the text by these. */
  readonly start: number;
  readonly end: number;
}

const NAME_START = /[A-Za-z_.?@]/;
const NAME = /[A-Za-z0-9_.$@?#~]*/y;
const NUMBER = /[0-9][0-9A-Za-z_]*/y;
const OPERATORS = [
  "%+", "<<", ">>", "==", "!=", "<=", ">=", "<>", "&&", "||", "//", "$$",
  "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "(", ")", "[", "]", "{", "}", ",", ":", "<", ">", "=", "?", "$",
]; // prettier-ignore
const ESCAPES: Record<string, string> = { n: "\n", r: "\r", t: "\t", 0: "\0", e: "\x1b", b: "\b", a: "\x07" };

export function tokenize(line: string, site: SourceSite): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < line.length) {
    const char = line[at];
    if (char === " " || char === "\t" || char === "\r") {
      at++;
      continue;
    }
    if (char === ";") break;
    const start = at;
    if (NAME_START.test(char)) {
      NAME.lastIndex = at;
      at += NAME.exec(line)![0].length;
      tokens.push({ kind: "name", text: line.slice(start, at), value: 0n, start, end: at });
    } else if (char >= "0" && char <= "9") {
      NUMBER.lastIndex = at;
      at += NUMBER.exec(line)![0].length;
      const text = line.slice(start, at);
      tokens.push({ kind: "number", text, value: parseNumber(text, site), start, end: at });
    } else if (char === '"' || char === "'" || char === "`") {
      const { text, end } = readString(line, at, site);
      at = end;
      tokens.push({ kind: "string", text, value: 0n, start, end });
    } else {
      const text = OPERATORS.find((operator) => line.startsWith(operator, at));
      if (text === undefined) throw new AssemblyError(site, `unexpected character ${JSON.stringify(char)}`);
      at += text.length;
      tokens.push({ kind: "operator", text, value: 0n, start, end: at });
    }
  }
  return tokens;
}

function parseNumber(written: string, site: SourceSite): bigint {
  const text = written.replaceAll("_", "").toLowerCase();
  if (/^0x[0-9a-f]+$/.test(text) || /^0b[01]+$/.test(text) || /^0o[0-7]+$/.test(text)) return BigInt(text);
  if (/^[0-9]+$/.test(text)) return BigInt(text);
  if (/^[0-9][0-9a-f]*h$/.test(text)) return BigInt(`0x${text.slice(0, -1)}`);
  if (/^[01]+b$/.test(text)) return BigInt(`0b${text.slice(0, -1)}`);
  if (/^[0-9]+d$/.test(text)) return BigInt(text.slice(0, -1));
  throw new AssemblyError(site, `bad number ${written}`);
}

function readString(line: string, start: number, site: SourceSite): { text: string; end: number } {
  const quote = line[start];
  let text = "";
  for (let at = start + 1; at < line.length; at++) {
    if (line[at] === quote) return { text: latin1(text), end: at + 1 };
    if (line[at] !== "\\" || quote !== "`") {
      text += line[at];
      continue;
    }
    at++;
    const hex = /^x([0-9a-fA-F]{1,2})/.exec(line.slice(at, at + 3));
    if (hex) {
      text += String.fromCharCode(parseInt(hex[1], 16));
      at += hex[0].length - 1;
    } else text += ESCAPES[line[at]] ?? line[at];
  }
  throw new AssemblyError(site, `string without closing ${quote}`);
}

/** Characters beyond one byte become their UTF-8 bytes, one char each. */
function latin1(text: string): string {
  if (/^[\0-\xff]*$/.test(text)) return text;
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}
