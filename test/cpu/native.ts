/** The real CPU of this machine, through native.c. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./root.ts";
import { INPUT_SIZE, Input, MAX_OUTPUT_SIZE, Output, settleEnd } from "./case.ts";
import { readonlyPage } from "./memory.ts";
import { LDT, userDescriptors } from "./segments.ts";

const SOURCE = join(ROOT, "test/cpu/native.c");
const PROGRAM = join(ROOT, "dist/test/native");

/** Compiles the runner if need be. Returns why it cannot be used, or null. */
export function prepareNative(): string | null {
  if (process.arch !== "x64" || process.platform !== "linux") return "not an x86-64 Linux host";
  if (!existsSync(PROGRAM) || statSync(PROGRAM).mtimeMs < statSync(SOURCE).mtimeMs) {
    mkdirSync(join(PROGRAM, ".."), { recursive: true });
    // Tests run in parallel: each builds its own, the last one stays.
    const mine = `${PROGRAM}.${process.pid}`;
    const gcc = spawnSync("gcc", ["-O2", "-fno-stack-protector", "-pie", "-fPIE", "-o", mine, SOURCE], {
      encoding: "utf8",
    });
    if (gcc.error !== undefined) return "no gcc";
    if (gcc.status !== 0) return gcc.stderr;
    renameSync(mine, PROGRAM);
  }
  const trial = spawnSync(PROGRAM, { input: header() });
  return trial.status === 0 ? null : `no modify_ldt(2) or FSGSBASE (${trial.status ?? trial.signal})`;
}

function header(): Uint8Array {
  const descriptors = userDescriptors();
  const bytes = new Uint8Array(4 + descriptors.length + readonlyPage.length);
  new DataView(bytes.buffer).setUint32(0, LDT.length - 1, true);
  bytes.set(descriptors, 4);
  bytes.set(readonlyPage, 4 + descriptors.length);
  return bytes;
}

/** Runs records on the real CPU. */
export function runNative(inputs: Uint8Array): Output[] {
  const nr = inputs.length / INPUT_SIZE;
  const run = spawnSync(PROGRAM, {
    input: Buffer.concat([header(), inputs]),
    maxBuffer: nr * MAX_OUTPUT_SIZE + 1,
  });
  if (run.status !== 0) throw new Error(`native runner failed: ${run.signal ?? run.status} ${run.stderr}`);
  const all = new Uint8Array(run.stdout.buffer, run.stdout.byteOffset, run.stdout.length);
  const outputs: Output[] = [];
  let offset = 0;
  for (let i = 0; i < nr; i++) {
    const output = new Output(all, offset);
    settleEnd(new Input(inputs, i * INPUT_SIZE), output.view);
    outputs.push(output);
    offset += output.bytes.length;
  }
  return outputs;
}
