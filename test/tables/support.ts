/**
 * The table of what the CPU supports, in cpu-core/README.md between two markers: instructions by CPUID feature (as iced-x86 assigns
 * them) as far as the opcode maps have them and CPUID offers them, feature bits, known gaps.
 *
 *     npm run docs        writes it; support.test.ts sees that it was
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CpuidFeature, Instruction, Mnemonic } from "iced-x86";
import { DecoderCore } from "../decode/core.ts";
import { nameOps } from "../decode/names.ts";
import { Offered } from "../decode/offered.ts";
import { enumerateEncodings } from "./encodings.ts";
import { CORE } from "./ops.ts";
import { cpuidBits, quirks, translatedOps } from "./source.ts";

const README = join(CORE, "README.md");
const BEGIN = "<!-- prettier-ignore-start -->\n<!-- what follows is written by `npm run docs` -->";
const END = "<!-- prettier-ignore-end -->";

/** Features that need no bit, together. */
const BASE = /^(INTEL\w+|X64|PAUSE|MULTIBYTENOP|CPUID|RDPMC)$/;
/** Families, told by one name. */
const FAMILIES: Record<string, string> = { JCC: "Jcc", CMOVCC: "CMOVcc", SETCC: "SETcc", NOP: "NOP" };

interface Row {
  translated: Set<string>;
  called: Set<string>;
}

/** The features of an instruction as a row's name. */
function groupOf(instruction: Instruction): string {
  const features = Array.from(instruction.cpuidFeatures(), (feature) => CpuidFeature[feature]!);
  const special = features.filter((feature) => !BASE.test(feature));
  if (special.length === 0) return instruction.isPrivileged ? "Base, privileged" : "Base";
  if (special.every((feature) => feature.startsWith("FPU"))) return "x87 FPU";
  if (special[0] === "VMX") return "Of this machine";
  return special.map((feature) => (feature.startsWith("FPU") ? "x87" : feature)).join(", ");
}

function instructionRows(): Map<string, Row> {
  const rows = new Map<string, Row>();
  const names = nameOps();
  const translated = translatedOps();
  const offered = new Offered(new DecoderCore(1));
  const instruction = new Instruction();
  for (const { code, op } of enumerateEncodings().values()) {
    instruction.code = code;
    const { name, isMmx } = names.get(op)!;
    if (!offered.isOffered(instruction, code)) continue;
    const group = groupOf(instruction);
    const row = rows.get(group) ?? { translated: new Set(), called: new Set() };
    rows.set(group, row);
    const shown = FAMILIES[name] ?? Mnemonic[instruction.mnemonic]!.toUpperCase();
    if (translated.has(name) && !isMmx) row.translated.add(shown);
    else row.called.add(shown);
  }
  // One name in both columns: some of its forms are translated.
  for (const row of rows.values()) for (const name of row.translated) row.called.delete(name);
  return new Map([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const list = (names: Iterable<string>): string => [...names].sort().join(" ");

export function supportText(): string {
  const lines = [
    BEGIN,
    "",
    "Instructions by the CPUID feature that they need. All run in the interpreter; the translator writes WebAssembly for the",
    "left ones and calls the interpreter for the others.",
    "",
    "| Feature | Translated | Called |",
    "| --- | --- | --- |",
  ];
  for (const [group, row] of instructionRows())
    lines.push(`| ${group} | ${list(row.translated)} | ${list(row.called)} |`);
  lines.push("", "CPUID tells of:", "", "| Leaf, register | Bits |", "| --- | --- |");
  for (const [where, bits] of cpuidBits()) lines.push(`| ${where} | ${bits.join(" ")} |`);
  lines.push("", "Known gaps:", "");
  for (const { file, text } of quirks()) lines.push(`- \`${file}\`: ${text}`);
  lines.push("", END);
  return lines.join("\n");
}

/** The README as it ought to be. */
export function readmeWithSupport(): string {
  const text = readFileSync(README, "utf8");
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${README} has no markers`);
  return text.slice(0, begin) + supportText() + text.slice(end + END.length);
}

export function writeReadme(): void {
  writeFileSync(README, readmeWithSupport());
}
