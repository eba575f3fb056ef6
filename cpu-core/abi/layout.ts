/**
 * The map of the wasm linear memory that the core, the translated code and the host share.
 *
 *     0x0000_0000  nothing: a null pointer stays harmless
 *     0x0000_1000  CpuState, one STATE_SIZE for each CPU             (abi/state.ts)
 *     0x0001_0000  the core's own static data                       (asc --memoryBase)
 *     0x0020_0000  TLB, a part for each kind of rights              (mmu/tlb.ts)
 *     0x0030_0000  page flags: one byte for each 4 KiB from ROM_BASE (mmu/physical.ts)
 *     0x0040_0000  jump cache, block table, decoded blocks          (interpreter/block.ts)
 *     0x0240_0000  translator's buffers                             (jit/)
 *     0x02e0_0000  dirty flags of video memory: one byte a page
 *     0x02f0_0000  firmware ROM, as seen below 4 GiB
 *     0x0300_0000  video memory (linear framebuffer)
 *     0x0400_0000  guest RAM, physical address 0 first
 *
 * Constants are u32 so that AssemblyScript and TypeScript read the same file.
 */
export const STATE_BASE: u32 = 0x0000_1000;
export const STATE_SIZE: u32 = 0x0000_1000;
export const MAX_CPUS: u32 = 8;

export const STATIC_DATA_BASE: u32 = 0x0001_0000;

export const TLB_BASE: u32 = 0x0020_0000;
export const TLB_SIZE: u32 = 0x0010_0000;

export const PAGE_FLAGS_BASE: u32 = 0x0030_0000;
export const PAGE_FLAGS_SIZE: u32 = 0x0010_0000;

export const BLOCKS_BASE: u32 = 0x0040_0000;
export const BLOCKS_SIZE: u32 = 0x0200_0000;

export const TRANSLATOR_BASE: u32 = 0x0240_0000;
export const TRANSLATOR_SIZE: u32 = 0x00a0_0000;

export const VRAM_DIRTY_BASE: u32 = 0x02e0_0000;
export const VRAM_DIRTY_SIZE: u32 = 0x0000_1000;

export const ROM_BASE: u32 = 0x02f0_0000;
export const ROM_SIZE: u32 = 0x0002_0000;

export const VRAM_BASE: u32 = 0x0300_0000;
export const VRAM_SIZE: u32 = 0x0100_0000;

export const RAM_BASE: u32 = 0x0400_0000;

/** Physical addresses (what the guest sees). */
export const ROM_PHYSICAL: u32 = 0xfffe_0000; // ROM_SIZE bytes up to 4 GiB
export const VRAM_PHYSICAL: u32 = 0xe000_0000; // VRAM_SIZE bytes, the linear framebuffer
export const RAM_MAX_BYTES: u32 = 0xb000_0000; // above it is the hole for devices

/** Bits of a page's flag byte. */
export const PAGE_HAS_CODE: u32 = 1; // decoded blocks lie in it: stores must look (interpreter/block.ts)
