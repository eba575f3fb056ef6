/** A failing case for people: disassembly, what it was given, what differs. */
import { Decoder, Formatter, FormatterSyntax } from "iced-x86";
import {
  FX_CONTROL,
  FX_MXCSR,
  FX_ST,
  FX_STATUS,
  FX_TAGS,
  FX_XMM,
  INPUT_FS_BASE,
  INPUT_FX,
  INPUT_GS_BASE,
  INPUT_MEMORY,
  INPUT_RFLAGS,
  Input,
  MODE_64,
  hex,
} from "./case.ts";
import { REG_NAMES } from "./compare.ts";

export function disassemble(input: Input): string {
  const decoder = new Decoder([16, 32, 64][input.mode]!, input.code, 0);
  decoder.ip = BigInt(input.start);
  const formatter = new Formatter(FormatterSyntax.Nasm);
  const instruction = decoder.decode();
  const text = formatter.format(instruction);
  instruction.free();
  formatter.free();
  decoder.free();
  return text;
}

/** One line: bytes and disassembly. */
export function codeLine(input: Input): string {
  const bytes = [...input.code].map((b) => b.toString(16).padStart(2, "0")).join(" ");
  return `${bytes}  ${disassemble(input)}`;
}

/** Everything the instruction could see. */
export function inputLines(input: Input): string[] {
  const { bytes } = input;
  const lines: string[] = [];
  const nr = input.mode === MODE_64 ? 16 : 8;
  for (let i = 0; i < nr; i += 4) {
    const row = [0, 1, 2, 3].map((j) => `${REG_NAMES[i + j]!.padEnd(3)} ${hex(bytes, 8 * (i + j), 8)}`);
    lines.push(row.join("  "));
  }
  const segments = ["es", "cs", "ss", "ds", "fs", "gs"].map(
    (name, i) => `${name} ${input.selector(i).toString(16)}`,
  );
  lines.push(
    `rip ${input.start.toString(16)}  rflags ${hex(bytes, INPUT_RFLAGS, 4)}  ${segments.join(" ")}  ` +
      `fs base ${hex(bytes, INPUT_FS_BASE, 8)} gs base ${hex(bytes, INPUT_GS_BASE, 8)}`,
  );
  const fx = (offset: number, length: number) => hex(bytes, INPUT_FX + offset, length);
  lines.push(
    `fcw ${fx(FX_CONTROL, 2)} fsw ${fx(FX_STATUS, 2)} tags ${fx(FX_TAGS, 1)} mxcsr ${fx(FX_MXCSR, 4)}`,
  );
  for (let i = 0; i < 8; i += 4)
    lines.push([0, 1, 2, 3].map((j) => `st${i + j} ${fx(FX_ST + 16 * (i + j), 10)}`).join("  "));
  for (let i = 0; i < nr; i += 2)
    lines.push(
      [0, 1].map((j) => `xmm${(i + j).toString().padEnd(2)} ${fx(FX_XMM + 16 * (i + j), 16)}`).join("  "),
    );
  for (let i = 0; i < 512; i += 32) {
    const row = Array.from({ length: 4 }, (_, j) => hex(bytes, INPUT_MEMORY + i + 8 * j, 8));
    lines.push(`memory+${i.toString(16).padStart(3, "0")} ${row.join(" ")}`);
  }
  return lines;
}
