/**
 * The page walk: linear to physical address through the guest's page tables, with every check and the accessed and
 * dirty bits. SDM vol 3A "Paging": 32-bit, PAE and 4-level paging.
 */
import {
  CPU_PDPTE,
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_NXE,
} from "../abi/state";
import { PF_INSTRUCTION, PF_PRESENT, PF_RESERVED, PF_USER, PF_WRITE } from "../abi/vectors";
import { raiseGP, raisePF } from "../interrupts/raise";
import { cpu, cpuBase } from "../state/cpu";
import { readPhysical, writePhysical } from "./physical";
import { TLB_SUPERVISOR, TLB_USER } from "./tlb";

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
/** MAXPHYADDR (CPUID 80000008H). */
export const PHYSICAL_BITS: u32 = 40;
const ADDRESS_MASK: u64 = ((<u64>1 << PHYSICAL_BITS) - 1) & ~<u64>0xfff;
const RESERVED_HIGH: u64 = ((<u64>1 << 52) - 1) & ~((<u64>1 << PHYSICAL_BITS) - 1);
/** PAE paging: bits 62-52 are reserved too. */
const RESERVED_PAE: u64 = RESERVED_HIGH | (<u64>0x7ff << 52);
const PDPTE_RESERVED: u64 = ~((<u64>1 << PHYSICAL_BITS) - 1) | 0x1e6;

/** Results of the last walk, beside its physical address: what the TLB may keep. */
export let walkedWritable: bool = false;
export let walkedExecutable: bool = false;
export let walkedDirty: bool = false;
/** Bytes of the page that the walk ended in. */
export let walkedPageBytes: u64 = 0;

// The walk under way.
let address: u64 = 0;
let kind: Access = Access.READ;
/** The TLB part whose rights the access has. */
let rightsOf: u32 = 0;

/** Raises #PF with `code` and the bits that the access itself gives. SDM vol 3A "Page-Fault Exceptions". */
function fault(code: u32): void {
  let bits = code;
  if (kind == Access.WRITE) bits |= PF_WRITE;
  if (rightsOf == TLB_USER) bits |= PF_USER;
  if (kind == Access.EXECUTE) {
    const nx = (cpu().cr4 & CR4_PAE) != 0 && (cpu().efer & EFER_NXE) != 0;
    if (nx || (cpu().cr4 & CR4_SMEP) != 0) bits |= PF_INSTRUCTION;
  }
  raisePF(address, bits);
}

/**
 * Whether the access is allowed in a page whose ANDed RW and US are in `rights`. SDM vol 3A "Determination of Access
 * Rights". Sets walkedWritable and walkedExecutable.
 */
function isAllowed(rights: u64, nx: bool): bool {
  const isUser = rightsOf == TLB_USER;
  const isUserPage = (rights & PTE_US) != 0;
  walkedWritable = (rights & PTE_RW) != 0 || (!isUser && (cpu().cr0 & CR0_WP) == 0);
  walkedExecutable = !nx && (isUser || !isUserPage || (cpu().cr4 & CR4_SMEP) == 0);
  if (kind == Access.EXECUTE) return walkedExecutable && (isUserPage || !isUser);
  if (isUser ? !isUserPage : isUserPage && rightsOf == TLB_SUPERVISOR && (cpu().cr4 & CR4_SMAP) != 0) return false;
  return kind == Access.READ || walkedWritable;
}

/** Checks rights, sets A and D in the entry at `pa` that maps the page. */
function finish<T>(pa: u64, entry: u64, rights: u64, nx: bool): void {
  if (!isAllowed(rights, nx)) fault(PF_PRESENT);
  const updated = entry | (kind == Access.WRITE ? PTE_A | PTE_D : PTE_A);
  if (updated != entry) writePhysical<T>(pa, <T>updated);
  walkedDirty = (updated & PTE_D) != 0;
}

/** PAE and 4-level paging from the structure at `table` on, whose index begins at bit `shift` of the address. */
function descend(table: u64, shift: u64, reserved: u64): u64 {
  const nxe = (cpu().efer & EFER_NXE) != 0;
  if (!nxe) reserved |= PTE_NX;
  let rights: u64 = PTE_RW | PTE_US;
  let nx = false;
  while (true) {
    const pa = table + (((address >> shift) & 511) << 3);
    const entry = readPhysical<u64>(pa);
    if ((entry & PTE_P) == 0) fault(0);
    if ((entry & reserved) != 0) fault(PF_PRESENT | PF_RESERVED);
    rights &= entry;
    nx = nx || (nxe && (entry & PTE_NX) != 0);
    const isLarge = (entry & PTE_PS) != 0;
    if (shift == 12 || (isLarge && shift <= 30)) {
      const pageMask = ((<u64>1) << shift) - 1;
      if ((entry & ADDRESS_MASK & pageMask & ~<u64>0x1fff) != 0) fault(PF_PRESENT | PF_RESERVED);
      finish<u64>(pa, entry, rights, nx);
      walkedPageBytes = pageMask + 1;
      return (entry & ADDRESS_MASK & ~pageMask) | (address & pageMask);
    }
    if (isLarge) fault(PF_PRESENT | PF_RESERVED); // PS in a PML4 entry
    if ((entry & PTE_A) == 0) writePhysical<u64>(pa, entry | PTE_A);
    table = entry & ADDRESS_MASK;
    shift -= 9;
  }
}

function walkPae(): u64 {
  const pdpte = load<u64>(cpuBase() + (<usize>(address >> 30) << 3), CPU_PDPTE);
  if ((pdpte & PTE_P) == 0) fault(0);
  return descend(pdpte & ADDRESS_MASK, 21, RESERVED_PAE);
}

function walk32(): u64 {
  const pdePa = (cpu().cr3 & 0xffff_f000) + ((address >> 22) << 2);
  const pde = <u64>readPhysical<u32>(pdePa);
  if ((pde & PTE_P) == 0) fault(0);
  if ((cpu().cr4 & CR4_PSE) != 0 && (pde & PTE_PS) != 0) {
    // PSE-36 with 40 physical address bits: bits 13-20 hold address bits 32-39, bit 21 is reserved.
    if ((pde & (1 << 21)) != 0) fault(PF_PRESENT | PF_RESERVED);
    finish<u32>(pdePa, pde, pde, false);
    walkedPageBytes = 1 << 22;
    return (pde & 0xffc0_0000) | (((pde >> 13) & 0xff) << 32) | (address & 0x3f_ffff);
  }
  if ((pde & PTE_A) == 0) writePhysical<u32>(pdePa, <u32>(pde | PTE_A));
  const ptePa = (pde & 0xffff_f000) + (((address >> 12) & 1023) << 2);
  const pte = <u64>readPhysical<u32>(ptePa);
  if ((pte & PTE_P) == 0) fault(0);
  finish<u32>(ptePa, pte, pde & pte, false);
  walkedPageBytes = 1 << 12;
  return (pte & 0xffff_f000) | (address & 0xfff);
}

/**
 * Translates a linear address for an access with the rights of a part of the TLB, or raises #PF. The walked* variables
 * tell the rest.
 */
export function walk(va: u64, access: Access, part: u32): u64 {
  cpu().countTlbMisses += 1;
  if ((cpu().cr0 & CR0_PG) == 0) {
    walkedWritable = true;
    walkedExecutable = true;
    walkedDirty = true;
    walkedPageBytes = 1 << 12;
    return va & 0xffff_ffff;
  }
  address = va;
  kind = access;
  rightsOf = part;
  if ((cpu().efer & EFER_LMA) != 0) return descend(cpu().cr3 & ADDRESS_MASK, 39, RESERVED_HIGH);
  if ((cpu().cr4 & CR4_PAE) != 0) return walkPae();
  return walk32();
}

/** Loads the PDPTE registers from the table that `cr3` names; #GP(0) for reserved bits, none loaded then. SDM vol 3A "PDPTE Registers". */
export function loadPdptes(cr3: u64): void {
  const table = cr3 & 0xffff_ffe0;
  for (let i: u32 = 0; i < 4; i++) {
    const pdpte = readPhysical<u64>(table + (i << 3));
    if ((pdpte & PTE_P) != 0 && (pdpte & PDPTE_RESERVED) != 0) raiseGP(0);
  }
  for (let i: u32 = 0; i < 4; i++) store<u64>(cpuBase() + (i << 3), readPhysical<u64>(table + (i << 3)), CPU_PDPTE);
}
