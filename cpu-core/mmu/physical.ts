/**
 * Physical memory: where a physical address lies in linear memory, or that it belongs to a device.
 *
 *     0 .. RAM size            RAM (0xA0000-0xBFFFF: VGA memory, plain bytes that the display reads)
 *     VRAM_PHYSICAL ..         linear framebuffer
 *     ROM_PHYSICAL .. 4 GiB    firmware
 *     anything else            a device: the host's buses
 *
 * The page of the local APIC's registers comes before all of these, wherever IA32_APIC_BASE puts it.
 */
import {
  PAGE_FLAGS_BASE,
  RAM_BASE,
  ROM_BASE,
  ROM_PHYSICAL,
  ROM_SIZE,
  VRAM_BASE,
  VRAM_DIRTY_BASE,
  VRAM_PHYSICAL,
  VRAM_SIZE,
} from "../abi/layout";
import { APIC_BASE_ENABLE, APIC_BASE_X2APIC } from "../abi/state";
import { mmioRead, mmioWrite } from "../host";
import { invalidateCode } from "../interpreter/block";
import { cpu } from "../state/cpu";

/** Bytes of RAM; set by reset(). */
let ramBytes: u32 = 0;

export function setRamBytes(bytes: u32): void {
  ramBytes = bytes;
}

const NOWHERE: u32 = 0xffff_ffff;
/** Physical address of the local APIC's page. */
let apicPage: u32 = NOWHERE;

/** Sets IA32_APIC_BASE; translations kept by the TLB are the caller's affair. */
export function setApicBase(value: u64): void {
  cpu().apicBase = value;
  const mapped = (value & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE && value >> 32 == 0;
  apicPage = mapped ? <u32>value & 0xffff_f000 : NOWHERE;
}

/** Where physical address `pa` lies in linear memory; 0 if a device or nothing answers there. */
export function hostOf(pa: u64): u32 {
  if (pa >> 32 != 0) return 0;
  const address = <u32>pa & cpu().a20Mask;
  if ((address & 0xffff_f000) == apicPage) return 0;
  if (address < ramBytes) return RAM_BASE + address;
  if (address - VRAM_PHYSICAL < VRAM_SIZE) return VRAM_BASE + (address - VRAM_PHYSICAL);
  if (address - ROM_PHYSICAL < ROM_SIZE) return ROM_BASE + (address - ROM_PHYSICAL);
  return 0;
}

// prettier-ignore
@inline
export function isRom(host: u32): bool {
  return host - ROM_BASE < ROM_SIZE;
}

// prettier-ignore
@inline
export function isVram(host: u32): bool {
  return host - VRAM_BASE < VRAM_SIZE;
}

/** Address of the flag byte (PAGE_*) of the page at `host`. */
// prettier-ignore
@inline
export function pageFlags(host: u32): usize {
  return PAGE_FLAGS_BASE + ((host - ROM_BASE) >> 12);
}

/** Notes that the framebuffer page at `host` was written. */
export function markDirty(host: u32): void {
  store<u8>(VRAM_DIRTY_BASE + ((host - VRAM_BASE) >> 12), 1);
}

/** Reads physical memory; an address in the hole reads as all ones. */
export function readPhysical<T>(pa: u64): T {
  const host = hostOf(pa);
  if (host != 0) return load<T>(host);
  if (pa >> 32 != 0) return <T>-1;
  if (sizeof<T>() == 8) {
    const low = <u64>mmioRead(<u32>pa, 4);
    return <T>(low | (<u64>mmioRead(<u32>pa + 4, 4) << 32));
  }
  return <T>mmioRead(<u32>pa, sizeof<T>());
}

/** Writes physical memory: drops decoded code there, ignores ROM. */
export function writePhysical<T>(pa: u64, value: T): void {
  const host = hostOf(pa);
  if (host != 0) {
    if (isRom(host)) return;
    store<T>(host, value);
    if (isVram(host)) markDirty(host);
    else if (load<u8>(pageFlags(host)) != 0) invalidateCode(host, sizeof<T>());
    return;
  }
  if (pa >> 32 != 0) return;
  if (sizeof<T>() == 8) {
    mmioWrite(<u32>pa, 4, <u32>value);
    mmioWrite(<u32>pa + 4, 4, <u32>((<u64>value) >> 32));
  } else {
    mmioWrite(<u32>pa, sizeof<T>(), <u32>value);
  }
}
