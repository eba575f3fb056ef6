/** The decoder with a surface for tests: which Op some bytes are. test/cpu finds the instruction forms with it. */
// As the core begins: constants of modules that import each other need this order.
import "../ops/perform";
import { CR0_PE } from "../abi/state";
import { decode } from "../decode/decode";
import { INSN_MEMORY, INSN_SIZE, Insn } from "../decode/insn";
import { cpu } from "../state/cpu";

const insn: usize = memory.data(INSN_SIZE, 16);

/** Protected mode: what real mode does not have is decoded. */
export function prepare(): void {
  cpu().cr0 = CR0_PE;
}

/**
 * Decodes the `available` bytes at `address` as code of size `codeMode`. Returns Op in bits 0-11, the length in bits 12-15,
 * the ModRM byte (0 if there is none) in bits 16-23, whether there is a memory operand in bit 24, whether more bytes
 * were needed in bit 25.
 */
export function classify(address: usize, available: u32, codeMode: u32): u32 {
  const decoded = changetype<Insn>(insn);
  const status = decode(decoded, address, available, codeMode);
  const hasMemory = (<u32>decoded.flags & INSN_MEMORY) != 0;
  return (
    (<u32>decoded.code >> 2) |
    (<u32>decoded.length << 12) |
    (<u32>decoded.modrm << 16) |
    (u32(hasMemory) << 24) |
    (u32(status != 0) << 25)
  );
}
