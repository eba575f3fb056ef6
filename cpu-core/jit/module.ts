/**
 * The shape of every translated module: types, imports, one exported function per translation. Imports are by name, so
 * that the host can link them straight to the core's exports (jit/helpers.ts).
 */
import { byte, copy, MODULE_BASE, patch, placeholder, position, seek, unsigned } from "./wasm_writer";
import { Type } from "./wasm_opcodes";

/** Signatures, by index in the type section. Translated functions take the CPU's state base: I32_VOID. */
export const enum Signature {
  I32_VOID,
  I64_I32,
  I64_I64,
  I64_I32_VOID,
  I64_I64_VOID,
  I64_VOID,
  I32_I32,
  VOID_I32,
  I32X5_VOID,
  I32_I64_I32_I64_VOID,
  I32X4_VOID,
  I64X3_VOID,
  COUNT,
}

/** Imported functions, in the order of importAll(). */
// prettier-ignore
export const enum Import {
  READ8, READ16, READ32, READ64, WRITE8, WRITE16, WRITE32, WRITE64,
  UPDATE8, UPDATE16, UPDATE32, UPDATE64, FINISH8, FINISH16, FINISH32, FINISH64,
  PERFORM, CONDITION, CARRY, SHIFT_FLAGS, SHIFT_FLAGS64, MULTIPLY_FLAGS, MULTIPLY_FLAGS64,
  COUNT,
}

function text(value: string): void {
  unsigned(<u32>value.length);
  for (let i = 0; i < value.length; i++) byte(<u32>value.charCodeAt(i));
}

/** A signature with up to five parameters; Type.NONE ends the list and stands for no result. */
function signature(a: u32, b: u32, c: u32, d: u32, e: u32, result: u32): void {
  byte(0x60);
  byte(a == Type.NONE ? 0 : b == Type.NONE ? 1 : c == Type.NONE ? 2 : d == Type.NONE ? 3 : e == Type.NONE ? 4 : 5);
  if (a != Type.NONE) byte(a);
  if (b != Type.NONE) byte(b);
  if (c != Type.NONE) byte(c);
  if (d != Type.NONE) byte(d);
  if (e != Type.NONE) byte(e);
  byte(result == Type.NONE ? 0 : 1);
  if (result != Type.NONE) byte(result);
}

// prettier-ignore
function writeTypes(): void {
  unsigned(Signature.COUNT);
  signature(Type.I32, Type.NONE, Type.NONE, Type.NONE, Type.NONE, Type.NONE);
  signature(Type.I64, Type.NONE, Type.NONE, Type.NONE, Type.NONE, Type.I32);
  signature(Type.I64, Type.NONE, Type.NONE, Type.NONE, Type.NONE, Type.I64);
  signature(Type.I64, Type.I32, Type.NONE, Type.NONE, Type.NONE, Type.NONE);
  signature(Type.I64, Type.I64, Type.NONE, Type.NONE, Type.NONE, Type.NONE);
  signature(Type.I64, Type.NONE, Type.NONE, Type.NONE, Type.NONE, Type.NONE);
  signature(Type.I32, Type.NONE, Type.NONE, Type.NONE, Type.NONE, Type.I32);
  signature(Type.NONE, Type.NONE, Type.NONE, Type.NONE, Type.NONE, Type.I32);
  signature(Type.I32, Type.I32, Type.I32, Type.I32, Type.I32, Type.NONE);
  signature(Type.I32, Type.I64, Type.I32, Type.I64, Type.NONE, Type.NONE);
  signature(Type.I32, Type.I32, Type.I32, Type.I32, Type.NONE, Type.NONE);
  signature(Type.I64, Type.I64, Type.I64, Type.NONE, Type.NONE, Type.NONE);
}

function importFunction(name: string, type: Signature): void {
  text("env");
  text(name);
  byte(0);
  unsigned(type);
}

function writeImports(): void {
  unsigned(<u32>Import.COUNT + 1);
  text("env");
  text("memory");
  byte(2);
  byte(0);
  unsigned(1);
  importFunction("jit_read8", Signature.I64_I32);
  importFunction("jit_read16", Signature.I64_I32);
  importFunction("jit_read32", Signature.I64_I32);
  importFunction("jit_read64", Signature.I64_I64);
  importFunction("jit_write8", Signature.I64_I32_VOID);
  importFunction("jit_write16", Signature.I64_I32_VOID);
  importFunction("jit_write32", Signature.I64_I32_VOID);
  importFunction("jit_write64", Signature.I64_I64_VOID);
  importFunction("jit_update8", Signature.I64_I32);
  importFunction("jit_update16", Signature.I64_I32);
  importFunction("jit_update32", Signature.I64_I32);
  importFunction("jit_update64", Signature.I64_I64);
  importFunction("jit_finish8", Signature.I32_VOID);
  importFunction("jit_finish16", Signature.I32_VOID);
  importFunction("jit_finish32", Signature.I32_VOID);
  importFunction("jit_finish64", Signature.I64_VOID);
  importFunction("jit_perform", Signature.I32_VOID);
  importFunction("jit_condition", Signature.I32_I32);
  importFunction("jit_carry", Signature.VOID_I32);
  importFunction("jit_shift_flags", Signature.I32X5_VOID);
  importFunction("jit_shift_flags64", Signature.I32_I64_I32_I64_VOID);
  importFunction("jit_multiply_flags", Signature.I32X4_VOID);
  importFunction("jit_multiply_flags64", Signature.I64X3_VOID);
}

/**
 * Writes a module with one function f0, whose locals and code are the `length` bytes at `body`. Returns the module's
 * length; it begins at MODULE_BASE.
 */
export function writeModule(body: u32, length: u32): u32 {
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
  unsigned(2);
  unsigned(1);
  unsigned(Signature.I32_VOID);
  byte(7); // export section
  const exports = placeholder();
  unsigned(1);
  text("f0");
  byte(0);
  unsigned(Import.COUNT);
  patch(exports, position() - exports - 5);
  byte(10); // code section
  const code = placeholder();
  unsigned(1);
  const functionSize = placeholder();
  copy(body, length);
  patch(functionSize, length);
  patch(code, position() - code - 5);
  return position() - MODULE_BASE;
}
