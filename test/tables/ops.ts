/** The members of Op and Simd with their numbers, read from cpu-core/ops: a const enum cannot be walked. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const CORE = join(import.meta.dirname, "../../cpu-core");

/** Members by name of the const enum `name` in `file`, which may refer to those of `known`. */
function readEnum(file: string, name: string, known: ReadonlyMap<string, number>): Map<string, number> {
  const source = readFileSync(join(CORE, file), "utf8").replaceAll(/\/\/.*|\/\*[^]*?\*\//g, "");
  const body = new RegExp(`const enum ${name} {([^]*?)}`).exec(source)?.[1];
  if (body === undefined) throw new Error(`no enum ${name} in ${file}`);
  const members = new Map<string, number>();
  let next = 0;
  for (const member of body.split(",")) {
    const [, key, value] = /^\s*(\w+)(?:\s*=\s*(\S+))?\s*$/.exec(member) ?? [];
    if (key === undefined) continue;
    if (value !== undefined) next = known.get(value.replace(/^\w+\./, "")) ?? Number(value);
    if (Number.isNaN(next)) throw new Error(`${file}: ${member}`);
    members.set(key, next++);
  }
  return members;
}

export const OPS: ReadonlyMap<string, number> = readEnum("ops/op.ts", "Op", new Map());
export const SIMD_OPS: ReadonlyMap<string, number> = readEnum("ops/simd_op.ts", "Simd", OPS);

/** What is added to a Simd to mean its MMX form. */
export const MMX_FORM = Number(
  /MMX_FORM: i32 = (\d+)/.exec(readFileSync(join(CORE, "ops/simd_op.ts"), "utf8"))![1],
);

export function numberOf(name: string): number {
  const found = OPS.get(name) ?? SIMD_OPS.get(name);
  if (found === undefined) throw new Error(`no Op ${name}`);
  return found;
}
