/**
 * The preprocessor: includes, single-line definitions, macros with parameters, repetition and conditions. Turns source text
 * into the lines of tokens that the parser sees. NASM's directives: %include %define %assign %undef %macro/%endmacro
 * %rep/%endrep/%exitrep %if/%elif/%ifdef/%ifndef/%else/%endif %error; in a macro %1..%9 are the arguments, %0 their number
 * and %%name a label of this expansion; a %+ b joins two tokens into one name.
 */
import { AssemblyError } from "./error.ts";
import type { SourceSite } from "./error.ts";
import { Cursor, evaluate, parseExpression } from "./expression.ts";
import { tokenize } from "./lexer.ts";
import type { Token } from "./lexer.ts";

export interface SourceLine {
  readonly tokens: readonly Token[];
  readonly text: string;
  readonly site: SourceSite;
}

/** Gives the text of an included file and the name to show for it; null: there is none. */
export type IncludeReader = (name: string, from: string) => { file: string; text: string } | null;

interface RawLine {
  readonly text: string;
  readonly site: SourceSite;
}

interface Macro {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly defaults: readonly string[];
  readonly body: readonly RawLine[];
}

const MAX_DEPTH = 64; // of includes and macro expansions
const MAX_REPEAT = 1_000_000;
const DIRECTIVE = /^\s*%([a-z]+)\b\s*(.*)$/;

export class Preprocessor {
  readonly #output: SourceLine[] = [];
  readonly #defines = new Map<string, readonly Token[]>();
  readonly #macros = new Map<string, Macro[]>();
  #expansions = 0;
  #exit_rep = false;

  constructor(
    defines: Readonly<Record<string, number | bigint | string>>,
    readonly include: IncludeReader,
  ) {
    const site = { file: "(defines)", line: 0, via: null };
    for (const [name, value] of Object.entries(defines)) {
      this.#defines.set(
        name,
        typeof value === "string" ? tokenize(value, site) : numberTokens(BigInt(value)),
      );
    }
  }

  run(source: string, file: string): SourceLine[] {
    this.#lines(rawLines(source, file, null), 0);
    return this.#output;
  }

  #lines(lines: readonly RawLine[], depth: number): void {
    if (depth > MAX_DEPTH) throw new AssemblyError(lines[0].site, "includes or macros are nested too deeply");
    let at = 0;
    while (at < lines.length && !this.#exit_rep) {
      const line = lines[at];
      const directive = DIRECTIVE.exec(line.text);
      if (directive) at = this.#directive(directive[1], directive[2], lines, at, depth);
      else {
        this.#plain(line, depth);
        at++;
      }
    }
  }

  /** Handles the directive in lines[at]; returns the index of the line after it. */
  #directive(name: string, rest: string, lines: readonly RawLine[], at: number, depth: number): number {
    const { site } = lines[at];
    switch (name) {
      case "include": {
        const [token] = tokenize(rest, site);
        if (token?.kind !== "string") throw new AssemblyError(site, "%include needs a file name in quotes");
        const found = this.include(token.text, site.file);
        if (found === null) throw new AssemblyError(site, `cannot find ${token.text}`);
        this.#lines(rawLines(found.text, found.file, null), depth + 1);
        return at + 1;
      }
      case "define":
      case "xdefine":
      case "assign": {
        const [token, ...value] = tokenize(rest, site);
        if (token?.kind !== "name") throw new AssemblyError(site, `%${name} needs a name`);
        if (name === "define") this.#defines.set(token.text, value);
        else if (name === "xdefine") this.#defines.set(token.text, this.#expand(value));
        else this.#defines.set(token.text, numberTokens(this.#constant(value, site)));
        return at + 1;
      }
      case "undef":
        this.#defines.delete(rest.split(/[\s;]/)[0]);
        return at + 1;
      case "error":
        throw new AssemblyError(site, rest);
      case "exitrep":
        this.#exit_rep = true;
        return at + 1;
      case "macro": {
        const end = matching(lines, at, "macro", "endmacro");
        this.#defineMacro(rest, lines.slice(at + 1, end), site);
        return end + 1;
      }
      case "rep": {
        const end = matching(lines, at, "rep", "endrep");
        const count = this.#constant(tokenize(rest, site), site);
        if (count > MAX_REPEAT) throw new AssemblyError(site, `%rep ${count} is too many`);
        const body = lines.slice(at + 1, end);
        for (let i = 0n; i < count && !this.#exit_rep; i++) this.#lines(body, depth + 1);
        this.#exit_rep = false;
        return end + 1;
      }
      case "if":
      case "ifdef":
      case "ifndef":
        return this.#conditional(lines, at, depth);
      default:
        throw new AssemblyError(site, `unknown or misplaced directive %${name}`);
    }
  }

  /** %if ... %elif ... %else ... %endif: runs the first branch whose condition holds. */
  #conditional(lines: readonly RawLine[], at: number, depth: number): number {
    let taken = false;
    for (;;) {
      const { site, text } = lines[at];
      const [, name, rest] = DIRECTIVE.exec(text)!;
      const end = nextBranch(lines, at);
      if (!taken && (name === "else" || this.#condition(name, rest, site))) {
        taken = true;
        this.#lines(lines.slice(at + 1, end), depth);
      }
      at = end;
      if (DIRECTIVE.exec(lines[at].text)![1] === "endif") return at + 1;
    }
  }

  #condition(name: string, rest: string, site: SourceSite): boolean {
    if (name === "if" || name === "elif") return this.#constant(tokenize(rest, site), site) !== 0n;
    const symbol = rest.split(/[\s;]/)[0];
    return (this.#defines.has(symbol) || this.#macros.has(symbol)) === (name === "ifdef");
  }

  #constant(tokens: readonly Token[], site: SourceSite): bigint {
    const cursor = new Cursor(this.#expand(tokens), site);
    const expression = parseExpression(cursor);
    if (!cursor.done) cursor.fail(`unexpected ${cursor.peek()!.text}`);
    const symbol = (name: string): never => {
      throw new AssemblyError(site, `${name} is not known to the preprocessor`);
    };
    return evaluate(expression, { symbol, here: 0n, origin: 0n }, site)!;
  }

  #defineMacro(header: string, body: readonly RawLine[], site: SourceSite): void {
    const match = /^([A-Za-z_.?@][\w.$@?]*)\s+(\d+)(?:-(\d+))?\s*([^;]*)/.exec(header);
    if (!match) throw new AssemblyError(site, "%macro needs a name and a number of parameters");
    const [, name, min, max, defaults] = match;
    const macro = {
      name,
      min: Number(min),
      max: Number(max ?? min),
      defaults: defaults.trim() === "" ? [] : defaults.split(",").map((text) => text.trim()),
      body,
    };
    const list = this.#macros.get(name);
    if (list) list.push(macro);
    else this.#macros.set(name, [macro]);
  }

  /** A line that is no directive: expands definitions, then a macro if it names one. */
  #plain(line: RawLine, depth: number): void {
    const tokens = tokenize(line.text, line.site);
    if (tokens.length === 0) return;
    let first = 0;
    if (tokens.length > 2 && tokens[1].text === ":" && tokens[0].kind === "name") first = 2;
    const macros = tokens[first].kind === "name" ? this.#macros.get(tokens[first].text) : undefined;
    if (macros === undefined) {
      this.#output.push({ tokens: this.#expand(tokens), text: line.text, site: line.site });
      return;
    }
    if (first > 0) this.#output.push({ tokens: tokens.slice(0, first), text: line.text, site: line.site });
    const args = splitArguments(tokens.slice(first + 1), line.text);
    const macro = macros.find(({ min, max }) => args.length >= min && args.length <= max);
    if (macro === undefined) {
      throw new AssemblyError(
        line.site,
        `macro ${tokens[first].text} does not take ${args.length} arguments`,
      );
    }
    for (let i = args.length; i < macro.max; i++) args.push(macro.defaults[i - macro.min] ?? "");
    this.#lines(this.#instantiate(macro, args, line.site), depth + 1);
  }

  #instantiate(macro: Macro, args: readonly string[], via: SourceSite): RawLine[] {
    const unique = ++this.#expansions;
    return macro.body.map(({ text, site }) => ({
      text: text.replace(
        /%%([\w.]+)|%\{(\d+)\}|%(\d+)/g,
        (_all, label?: string, braced?: string, bare?: string) => {
          if (label !== undefined) return `..@${unique}.${label}`;
          const number = braced ?? bare;
          return number === "0" ? String(args.length) : (args[Number(number) - 1] ?? "");
        },
      ),
      site: { file: site.file, line: site.line, via },
    }));
  }

  /** Replaces defined names, then joins what %+ stands between. */
  #expand(tokens: readonly Token[], busy: readonly string[] = []): readonly Token[] {
    if (
      !tokens.some((token) => token.kind === "name" && this.#defines.has(token.text)) &&
      !tokens.some(isPaste)
    ) {
      return tokens;
    }
    const output: Token[] = [];
    for (const token of tokens) {
      const value = token.kind === "name" ? this.#defines.get(token.text) : undefined;
      if (value === undefined || busy.includes(token.text)) output.push(token);
      else output.push(...this.#expand(value, [...busy, token.text]));
    }
    for (let i = 1; i + 1 < output.length; i++) {
      if (!isPaste(output[i])) continue;
      const left = output[i - 1];
      const right = output[i + 1];
      output.splice(i - 1, 3, { ...left, kind: "name", text: left.text + right.text, end: right.end });
      i--;
    }
    return output;
  }
}

function isPaste(token: Token): boolean {
  return token.kind === "operator" && token.text === "%+";
}

function numberTokens(value: bigint): Token[] {
  const number = (text: bigint): Token => ({
    kind: "number",
    text: String(text),
    value: text,
    start: 0,
    end: 0,
  });
  const operator = (text: string): Token => ({ kind: "operator", text, value: 0n, start: 0, end: 0 });
  return value >= 0n ? [number(value)] : [operator("("), operator("-"), number(-value), operator(")")];
}

/** Lines of a file; a backslash at the end joins the next one. */
function rawLines(source: string, file: string, via: SourceSite | null): RawLine[] {
  const lines: RawLine[] = [];
  const texts = source.split("\n");
  for (let i = 0; i < texts.length; i++) {
    const line = i + 1;
    let text = texts[i];
    while (text.endsWith("\\") && i + 1 < texts.length) text = text.slice(0, -1) + texts[++i];
    if (text.trim() !== "") lines.push({ text, site: { file, line, via } });
  }
  return lines;
}

/** Index of the line that closes the block opened in lines[at]. */
function matching(lines: readonly RawLine[], at: number, open: string, close: string): number {
  let depth = 0;
  for (let i = at; i < lines.length; i++) {
    const name = DIRECTIVE.exec(lines[i].text)?.[1];
    if (name === open) depth++;
    else if (name === close && --depth === 0) return i;
  }
  throw new AssemblyError(lines[at].site, `%${open} without %${close}`);
}

/** Index of the %elif, %else or %endif that ends the branch starting in lines[at]. */
function nextBranch(lines: readonly RawLine[], at: number): number {
  let depth = 0;
  for (let i = at + 1; i < lines.length; i++) {
    const name = DIRECTIVE.exec(lines[i].text)?.[1] ?? "";
    if (name === "if" || name === "ifdef" || name === "ifndef") depth++;
    else if (depth === 0 && (name === "elif" || name === "else" || name === "endif")) return i;
    else if (name === "endif") depth--;
  }
  throw new AssemblyError(lines[at].site, "%if without %endif");
}

/** Cuts the argument text at commas outside of brackets; {...} keeps commas together. */
function splitArguments(tokens: readonly Token[], text: string): string[] {
  if (tokens.length === 0) return [];
  const args: string[] = [];
  let depth = 0;
  let start = tokens[0].start;
  for (const token of tokens) {
    if (token.kind !== "operator") continue;
    if ("([{".includes(token.text)) depth++;
    else if (")]}".includes(token.text)) depth--;
    else if (token.text === "," && depth === 0) {
      args.push(text.slice(start, token.start));
      start = token.end;
    }
  }
  args.push(text.slice(start, tokens[tokens.length - 1].end));
  return args.map((arg) => arg.trim().replace(/^\{(.*)\}$/s, "$1"));
}
