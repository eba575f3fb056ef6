/**
 * Links code that the core's translator wrote (cpu-core/jit) into the running machine: bytes -> WebAssembly.Module ->
 * instance -> slots of the core's table, which it calls through. The module imports the memory and, by name, any export
 * of the core; its functions are exported as f0, f1, ...
 */
import type { Core } from "./core.ts";

/**
 * Slots that the core's table grows by, once: in some engines growing costs time for every module that imports it. As many
 * as the core links regions before it unlinks them all (cpu-core/jit/translate.ts), and a module's worth.
 */
const SLOTS = 4096 + 16;

export class JitLinker {
  readonly #imports: WebAssembly.ModuleImports;
  /** Slots before it are the core's own. */
  readonly #first: number;
  #next: number;

  constructor(readonly core: Core) {
    this.#imports = {
      ...(core.exports as unknown as WebAssembly.ModuleImports),
      memory: core.memory,
      table: core.exports.table,
    };
    this.#first = this.#next = core.exports.table.length;
  }

  /**
   * Compiles and links the module at `address`. Returns the table slot of f0, the others follow; -1 if there is no room for
   * another module (the host's limit of code or mappings): the core then goes on interpreting.
   */
  link(address: number, length_bytes: number, nr_functions: number): number {
    const bytes = this.core.bytes.slice(address, address + length_bytes);
    const { table } = this.core.exports;
    const first = this.#next;
    let instance: WebAssembly.Instance;
    try {
      const module = new WebAssembly.Module(bytes);
      instance = new WebAssembly.Instance(module, { env: this.#imports });
      if (table.length === this.#first) table.grow(SLOTS);
    } catch (error) {
      // Only exhaustion is an expected failure; a module the engine rejects is a bug of the translator.
      if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError) throw error;
      return -1;
    }
    this.#next += nr_functions;
    for (let n = 0; n < nr_functions; n++) table.set(first + n, instance.exports[`f${n}`] as () => void);
    return first;
  }

  /** Frees all slots: the modules are garbage then. */
  unlink(): void {
    const { table } = this.core.exports;
    for (let slot = this.#first; slot < this.#next; slot++) table.set(slot, null);
    this.#next = this.#first;
  }
}
