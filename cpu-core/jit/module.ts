/**
 * The shape of a translated module: types, imports, one exported function f0, f1, ... per region. Imports are by name, so
 * that the host can link them straight to the core's exports (jit/helpers.ts) and to its table.
 */
import { linkModule } from "../host";
import { BODY_BASE, BODY_LIMIT, byte, copy, MODULE_BASE, patch, placeholder, position, seek, unsigned } from "./wasm_writer";
import { Type } from "./wasm_opcodes";

/** Signatures, by index in the type section. Translated functions take the CPU's state base: I32_VOID. */
export const enum Signature {
  I32_VOID,
  I32_I32,
  VOID_I32,
  I64_I32_VOID,
  COUNT,
}

/** Imported functions, in the order of writeImports(). */
// prettier-ignore
export const enum Import {
  PERFORM, CONDITION, CARRY, FIND, OVERRIDE,
  COUNT,
}

/** Regions in one module. */
export const MAX_FUNCTIONS: u32 = 16;

/** Where each body begins; the last one ends at the current position when it is added. */
const starts: StaticArray<u32> = new StaticArray<u32>(16);
const ends: StaticArray<u32> = new StaticArray<u32>(16);
let nrFunctions: u32 = 0;

function text(value: string): void {
  unsigned(<u32>value.length);
  for (let i = 0; i < value.length; i++) byte(<u32>value.charCodeAt(i));
}

/** "f" and the number, below 100. */
function exportName(n: u32): void {
  unsigned(n < 10 ? 2 : 3);
  byte(0x66);
  if (n >= 10) byte(0x30 + n / 10);
  byte(0x30 + (n % 10));
}

/** A signature with at most two parameters; Type.NONE stands for none. */
function signature(a: u32, b: u32, result: u32): void {
  byte(0x60);
  byte(a == Type.NONE ? 0 : b == Type.NONE ? 1 : 2);
  if (a != Type.NONE) byte(a);
  if (b != Type.NONE) byte(b);
  byte(result == Type.NONE ? 0 : 1);
  if (result != Type.NONE) byte(result);
}

function writeTypes(): void {
  unsigned(Signature.COUNT);
  signature(Type.I32, Type.NONE, Type.NONE);
  signature(Type.I32, Type.NONE, Type.I32);
  signature(Type.NONE, Type.NONE, Type.I32);
  signature(Type.I64, Type.I32, Type.NONE);
}

function importFunction(name: string, type: Signature): void {
  text("env");
  text(name);
  byte(0);
  unsigned(type);
}

function writeImports(): void {
  unsigned(<u32>Import.COUNT + 2);
  text("env");
  text("memory");
  byte(2);
  byte(0);
  unsigned(1);
  text("env");
  text("table");
  byte(1);
  byte(0x70);
  byte(0);
  unsigned(1);
  importFunction("jit_perform", Signature.I32_VOID);
  importFunction("jit_condition", Signature.I32_I32);
  importFunction("jit_carry", Signature.VOID_I32);
  importFunction("jit_find", Signature.VOID_I32);
  importFunction("jit_override", Signature.I64_I32_VOID);
}

/** Begins a module: bodies are written from here on. */
export function beginModule(): void {
  nrFunctions = 0;
  seek(BODY_BASE);
}

/** The body from `start` to here is complete. False: it is too large, and dropped. */
export function addFunction(start: u32): bool {
  if (position() > BODY_LIMIT) return false;
  starts[nrFunctions] = start;
  ends[nrFunctions++] = position();
  return true;
}

/** Writes the module around the bodies and has it linked; the table slot of the first function, or -1. */
export function finishModule(): i32 {
  seek(MODULE_BASE);
  byte(0); byte(0x61); byte(0x73); byte(0x6d); byte(1); byte(0); byte(0); byte(0); // prettier-ignore
  byte(1); // type section
  const types = placeholder();
  writeTypes();
  patch(types, position() - types - 5);
  byte(2); // import section
  const imports = placeholder();
  writeImports();
  patch(imports, position() - imports - 5);
  byte(3); // function section
  unsigned(nrFunctions + 1);
  unsigned(nrFunctions);
  for (let i: u32 = 0; i < nrFunctions; i++) unsigned(Signature.I32_VOID);
  byte(7); // export section
  const exports = placeholder();
  unsigned(nrFunctions);
  for (let i: u32 = 0; i < nrFunctions; i++) {
    exportName(i);
    byte(0);
    unsigned(<u32>Import.COUNT + i);
  }
  patch(exports, position() - exports - 5);
  byte(10); // code section
  const code = placeholder();
  unsigned(nrFunctions);
  for (let i: u32 = 0; i < nrFunctions; i++) {
    unsigned(ends[i] - starts[i]);
    copy(starts[i], ends[i] - starts[i]);
  }
  patch(code, position() - code - 5);
  return linkModule(MODULE_BASE, position() - MODULE_BASE, nrFunctions);
}
