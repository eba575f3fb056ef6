/** What the source of cpu-core says of itself: which Ops have rows, cases and translations; QUIRK comments; CPUID bits. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CORE } from "./ops.ts";

const ROOT = join(CORE, "..");
const read = (file: string): string => readFileSync(join(CORE, file), "utf8");

/** Names of Op and Simd members that a text uses. */
function opsIn(text: string): Set<string> {
  const code = text.replaceAll(/\/\/.*|\/\*[^]*?\*\//g, "");
  return new Set(Array.from(code.matchAll(/\b(?:Op|Simd)\.(\w+)/g), ([, name]) => name!));
}

/** Ops that the translator has a form for: those of the pages of perform.ts that it instantiates. */
export function translatedOps(): Set<string> {
  const jit = readdirSync(join(CORE, "jit")).map((file) => read(`jit/${file}`));
  const pages = new Set(
    Array.from(jit.join("\n").matchAll(/\b(perform\w*)<Translator>/g), ([, name]) => name!),
  );
  const ops = ["perform.ts", "simd.ts"].map((file) => read(`ops/${file}`)).join("\n");
  const bodies = [...pages].map((page) => new RegExp(`function ${page}<B>[^]*?\n}\n`).exec(ops)?.[0] ?? "");
  return opsIn(bodies.join("\n"));
}

export interface Quirk {
  /** Path from the project's root. */
  file: string;
  text: string;
}

/** The QUIRK comments of the core and of the interrupt controllers, each to the end of its paragraph. */
export function quirks(): Quirk[] {
  const core = readdirSync(CORE, { recursive: true, encoding: "utf8" }).map((file) => `cpu-core/${file}`);
  const controllers = ["local_apic", "io_apic", "pic8259"].map((name) => `host/devices/${name}.ts`);
  const found: Quirk[] = [];
  for (const file of [...core.sort(), ...controllers]) {
    if (!/(?<!\.test)\.ts$/.test(file)) continue;
    const lines = readFileSync(join(ROOT, file), "utf8").split("\n");
    lines.forEach((line, at) => {
      if (!line.includes("QUIRK:")) return;
      const text = [line.slice(line.indexOf("QUIRK:") + "QUIRK:".length)];
      for (
        let next = at + 1;
        /^\s*(\/\/|\*) *[^\s*/]/.test(lines[next] ?? "") && !text.at(-1)!.includes("*/");
        next++
      )
        text.push(lines[next]!.replace(/^\s*(\/\/|\*)/, ""));
      const joined = text
        .join(" ")
        .replace(/\*\/.*/, "")
        .replaceAll(/\s+/g, " ")
        .trim();
      found.push({ file, text: joined });
    });
  }
  return found;
}

/** The feature bits that state/cpuid.ts knows, by "leaf, register". */
export function cpuidBits(): Map<string, string[]> {
  const bits = new Map<string, string[]>();
  let leaf = "";
  let register = "";
  for (const line of read("state/cpuid.ts").split("\n")) {
    const header = /^\/\/ (Leaf \w+(?:, subleaf \d)?)(?:, (E[ABCD]X))?/.exec(line);
    if (header) {
      leaf = header[1]!;
      register = header[2] ?? "";
    }
    const [, name, other] = /^const (\w+): u32 = (?:<u32>)?1 << \d+;(?: \/\/ (E[ABCD]X))?/.exec(line) ?? [];
    if (name === undefined) continue;
    register = other ?? register;
    const key = `${leaf}, ${register}`;
    bits.set(key, [...(bits.get(key) ?? []), name]);
  }
  return bits;
}
