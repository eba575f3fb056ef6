/**
 * The page walk: linear to physical address through the guest's page tables, with every check and the accessed and
 * dirty bits. SDM vol 3A "Paging": 32-bit, PAE and 4-level paging.
 */
import { CR0_PG, CR0_WP, CR4_PAE, CR4_PSE, CR4_SMAP, CR4_SMEP, EFER_LMA, EFER_NXE, FLAG_AC } from "../abi/state";
import { PF_INSTRUCTION, PF_PRESENT, PF_RESERVED, PF_USER, PF_WRITE } from "../abi/vectors";
import { raisePF } from "../interrupts/raise";
import { cpu } from "../state/cpu";
import { hostOf } from "./physical";

export const enum Access {
  READ = 0,
  WRITE = 1,
  EXECUTE = 2,
}

/** Bits of a paging-structure entry. SDM vol 3A "4-Level Paging", table "Format of a Page-Table Entry". */
const PTE_P: u64 = 1 << 0;
const PTE_RW: u64 = 1 << 1;
const PTE_US: u64 = 1 << 2;
const PTE_A: u64 = 1 << 5;
const PTE_D: u64 = 1 << 6;
const PTE_PS: u64 = 1 << 7;
const PTE_NX: u64 = 1 << 63;
/** Physical addresses have 40 bits (CPUID 80000008H). */
const PHYSICAL_BITS: u64 = 40;
const ADDRESS_MASK: u64 = ((<u64>1 << PHYSICAL_BITS) - 1) & ~<u64>0xfff;
const RESERVED_HIGH: u64 = ((<u64>1 << 52) - 1) & ~((<u64>1 << PHYSICAL_BITS) - 1);

/** Results of the last walk, beside its physical address: what the TLB may keep. */
export let walkedWritable: bool = false;
export let walkedExecutable: bool = false;
export let walkedDirty: bool = false;
/** Bytes of the page that the walk ended in. */
export let walkedPageBytes: u64 = 0;

/** An entry of a paging structure; structures in the hole read as not present. */
function readEntry64(pa: u64): u64 {
  const host = hostOf(pa);
  return host != 0 ? load<u64>(host) : 0;
}

function fault(va: u64, access: Access, user: bool, code: u32): void {
  let bits = code;
  if (access == Access.WRITE) bits |= PF_WRITE;
  if (user) bits |= PF_USER;
  if (access == Access.EXECUTE) {
    const nx = (cpu().cr4 & CR4_PAE) != 0 && (cpu().efer & EFER_NXE) != 0;
    if (nx || (cpu().cr4 & CR4_SMEP) != 0) bits |= PF_INSTRUCTION;
  }
  raisePF(va, bits);
}

/** Checks rights, sets A and D, notes what the TLB may keep. `rights` are the ANDed RW and US, `nx` the ORed NX. */
function finish(va: u64, access: Access, user: bool, rights: u64, nx: bool, entryHost: u32, entry: u64, wide: bool): void {
  let allowed = true;
  const userPage = (rights & PTE_US) != 0;
  const writable = (rights & PTE_RW) != 0 || (!user && (cpu().cr0 & CR0_WP) == 0);
  if (user) {
    allowed = userPage;
  } else if (userPage) {
    if (access == Access.EXECUTE) allowed = (cpu().cr4 & CR4_SMEP) == 0;
    else allowed = (cpu().cr4 & CR4_SMAP) == 0 || (cpu().rflags & FLAG_AC) != 0;
  }
  if (access == Access.WRITE && !writable) allowed = false;
  if (access == Access.EXECUTE && nx) allowed = false;
  if (!allowed) fault(va, access, user, PF_PRESENT);

  let updated = entry | PTE_A;
  if (access == Access.WRITE) updated |= PTE_D;
  if (updated != entry) {
    if (wide) store<u64>(entryHost, updated);
    else store<u32>(entryHost, <u32>updated);
  }
  walkedWritable = writable;
  walkedExecutable = !nx && !(userPage && !user && (cpu().cr4 & CR4_SMEP) != 0);
  walkedDirty = (updated & PTE_D) != 0;
}

/** Marks a directory entry as used. */
// prettier-ignore
@inline
function touch(host: u32, entry: u64): void {
  if ((entry & PTE_A) == 0) store<u64>(host, entry | PTE_A);
}

function walk64(va: u64, access: Access, user: bool): u64 {
  const nxe = (cpu().efer & EFER_NXE) != 0;
  const reserved = RESERVED_HIGH | (nxe ? 0 : PTE_NX);
  let table = cpu().cr3 & ADDRESS_MASK;
  let rights: u64 = PTE_RW | PTE_US;
  let nx = false;
  let shift: u64 = 39;
  while (true) {
    const host = hostOf(table + (((va >> shift) & 511) << 3));
    const entry = host != 0 ? load<u64>(host) : 0;
    if ((entry & PTE_P) == 0) fault(va, access, user, 0);
    if ((entry & reserved) != 0) fault(va, access, user, PF_PRESENT | PF_RESERVED);
    rights &= entry;
    nx = nx || (nxe && (entry & PTE_NX) != 0);
    const large = (entry & PTE_PS) != 0;
    if (shift == 12 || (large && shift <= 30)) {
      const pageMask = ((<u64>1) << shift) - 1;
      if (shift != 12 && (entry & pageMask & ~<u64>0x1fff) != 0) fault(va, access, user, PF_PRESENT | PF_RESERVED);
      finish(va, access, user, rights, nx, host, entry, true);
      walkedPageBytes = pageMask + 1;
      return (entry & ADDRESS_MASK & ~pageMask) | (va & pageMask);
    }
    if (large) fault(va, access, user, PF_PRESENT | PF_RESERVED); // PS in a PML4 entry
    touch(host, entry);
    table = entry & ADDRESS_MASK;
    shift -= 9;
  }
}

function walkPae(va: u64, access: Access, user: bool): u64 {
  const nxe = (cpu().efer & EFER_NXE) != 0;
  const reserved = RESERVED_HIGH | (nxe ? 0 : PTE_NX) | (<u64>0x7ff << 52);
  const pdpte = readEntry64((cpu().cr3 & 0xffff_ffe0) + ((va >> 30) << 3));
  if ((pdpte & PTE_P) == 0) fault(va, access, user, 0);
  let table = pdpte & ADDRESS_MASK;
  let rights: u64 = PTE_RW | PTE_US;
  let nx = false;
  let shift: u64 = 21;
  while (true) {
    const host = hostOf(table + (((va >> shift) & 511) << 3));
    const entry = host != 0 ? load<u64>(host) : 0;
    if ((entry & PTE_P) == 0) fault(va, access, user, 0);
    if ((entry & reserved) != 0 && (entry & reserved & ~PTE_NX || !nxe)) fault(va, access, user, PF_PRESENT | PF_RESERVED);
    rights &= entry;
    nx = nx || (nxe && (entry & PTE_NX) != 0);
    if (shift == 12 || (entry & PTE_PS) != 0) {
      const pageMask = ((<u64>1) << shift) - 1;
      if (shift != 12 && (entry & pageMask & ~<u64>0x1fff) != 0) fault(va, access, user, PF_PRESENT | PF_RESERVED);
      finish(va, access, user, rights, nx, host, entry, true);
      walkedPageBytes = pageMask + 1;
      return (entry & ADDRESS_MASK & ~pageMask) | (va & pageMask);
    }
    touch(host, entry);
    table = entry & ADDRESS_MASK;
    shift = 12;
  }
}

function walk32(va: u64, access: Access, user: bool): u64 {
  const pse = (cpu().cr4 & CR4_PSE) != 0;
  const pdeHost = hostOf((cpu().cr3 & 0xffff_f000) + ((va >> 22) << 2));
  const pde = pdeHost != 0 ? <u64>load<u32>(pdeHost) : 0;
  if ((pde & PTE_P) == 0) fault(va, access, user, 0);
  if (pse && (pde & PTE_PS) != 0) {
    // PSE-36 with 40 physical address bits: bits 13-20 hold address bits 32-39, bit 21 is reserved.
    if ((pde & (1 << 21)) != 0) fault(va, access, user, PF_PRESENT | PF_RESERVED);
    finish(va, access, user, pde, false, pdeHost, pde, false);
    walkedPageBytes = 1 << 22;
    return (pde & 0xffc0_0000) | (((pde >> 13) & 0xff) << 32) | (va & 0x3f_ffff);
  }
  if ((pde & PTE_A) == 0) store<u32>(pdeHost, <u32>(pde | PTE_A));
  const pteHost = hostOf((pde & 0xffff_f000) + (((va >> 12) & 1023) << 2));
  const pte = pteHost != 0 ? <u64>load<u32>(pteHost) : 0;
  if ((pte & PTE_P) == 0) fault(va, access, user, 0);
  finish(va, access, user, pde & pte, false, pteHost, pte, false);
  walkedPageBytes = 1 << 12;
  return (pte & 0xffff_f000) | (va & 0xfff);
}

/** Translates a linear address, or raises #PF. The walked* variables tell the rest. */
export function walk(va: u64, access: Access, user: bool): u64 {
  cpu().countTlbMisses += 1;
  if ((cpu().cr0 & CR0_PG) == 0) {
    walkedWritable = true;
    walkedExecutable = true;
    walkedDirty = true;
    walkedPageBytes = 1 << 12;
    return va & 0xffff_ffff;
  }
  if ((cpu().efer & EFER_LMA) != 0) return walk64(va, access, user);
  if ((cpu().cr4 & CR4_PAE) != 0) return walkPae(va, access, user);
  return walk32(va, access, user);
}
