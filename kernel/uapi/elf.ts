/** ELF files, 64-bit little-endian. Linux: include/uapi/linux/elf.h; System V gABI chapters 4 and 5. */
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const EM_X86_64 = 62;

/** Elf64_Ehdr: 64 bytes. */
export const EHDR_SIZE = 64;
export const E_TYPE = 16; // u16
export const E_MACHINE = 18; // u16
export const E_VERSION = 20; // u32
export const E_ENTRY = 24; // u64
export const E_PHOFF = 32; // u64
export const E_PHENTSIZE = 54; // u16
export const E_PHNUM = 56; // u16

/** Elf64_Phdr: 56 bytes. */
export const PHDR_SIZE = 56;
export const P_TYPE = 0; // u32
export const P_FLAGS = 4; // u32
export const P_OFFSET = 8; // u64
export const P_VADDR = 16; // u64
export const P_PADDR = 24; // u64
export const P_FILESZ = 32; // u64
export const P_MEMSZ = 40; // u64
export const P_ALIGN = 48; // u64

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_TLS = 7;
export const PT_GNU_STACK = 0x6474e551;

export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;
