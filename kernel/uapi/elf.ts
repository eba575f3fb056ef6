/** ELF files, little-endian. Linux: include/uapi/linux/elf.h; System V gABI chapters 4 and 5. */
export const ET_EXEC = 2;
export const ET_DYN = 3;
export const EM_386 = 3;
export const EM_X86_64 = 62;

/** The same in the header of either class. */
export const E_TYPE = 16; // u16
export const E_MACHINE = 18; // u16
export const E_VERSION = 20; // u32
/** Elf32_Ehdr, Elf64_Ehdr: bytes. */
export const EHDR32_SIZE = 52;
export const EHDR_SIZE = 64;

/** Where a class has the fields of its headers; words are addresses, offsets and sizes. */
export interface ElfLayout {
  readonly word: 4 | 8;
  readonly ehdr_size: number;
  readonly e_entry: number; // word
  readonly e_phoff: number; // word
  readonly e_phentsize: number; // u16
  readonly e_phnum: number; // u16
  readonly phdr_size: number;
  readonly p_type: number; // u32
  readonly p_flags: number; // u32
  readonly p_offset: number; // word
  readonly p_vaddr: number; // word
  readonly p_filesz: number; // word
  readonly p_memsz: number; // word
  readonly p_align: number; // word
}

export const ELF64: ElfLayout = {
  word: 8,
  ehdr_size: EHDR_SIZE,
  e_entry: 24,
  e_phoff: 32,
  e_phentsize: 54,
  e_phnum: 56,
  phdr_size: 56,
  p_type: 0,
  p_flags: 4,
  p_offset: 8,
  p_vaddr: 16,
  p_filesz: 32,
  p_memsz: 40,
  p_align: 48,
};

export const ELF32: ElfLayout = {
  word: 4,
  ehdr_size: EHDR32_SIZE,
  e_entry: 24,
  e_phoff: 28,
  e_phentsize: 42,
  e_phnum: 44,
  phdr_size: 32,
  p_type: 0,
  p_flags: 24,
  p_offset: 4,
  p_vaddr: 8,
  p_filesz: 16,
  p_memsz: 20,
  p_align: 28,
};

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_INTERP = 3;
export const PT_TLS = 7;
export const PT_GNU_STACK = 0x6474e551;

export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;
