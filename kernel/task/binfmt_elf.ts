/**
 * ELF programs, of x86-64 and of i386: static, static-PIE, and dynamic ones with their interpreter. Linux: fs/binfmt_elf.c,
 * fs/compat_binfmt_elf.c.
 *
 *   stack, from the top:  8 zero bytes | filename | environment strings | argument strings | random gap
 *                         | platform | 16 random bytes | auxv | envp | argv | argc ◄─ rsp
 */
import { USER32_CS, USER_DS } from "../arch/x86/ia32/segments.ts";
import { loadUserSegment } from "../arch/x86/process.ts";
import { CR4_FSGSBASE, SEG_DS, SEG_ES } from "../../cpu-core/abi/state.ts";
import type { File } from "../fs/file.ts";
import { isErr } from "../lib/err.ts";
import { fillRandom, randomBits } from "../lib/random.ts";
import { PT_SIZE } from "../arch/x86/regs.ts";
import { accountVm, type Mm } from "../mm/mm.ts";
import {
  ADDR_NO_RANDOMIZE,
  READ_IMPLIES_EXEC,
  TASK_SIZE_IA32,
  doBrk,
  doMmap,
  getUnmappedArea,
  mmapRandomBits,
  pageAlign,
  stackRandomBits,
} from "../mm/mmap.ts";
import { PAGE_SIZE } from "../mm/page_alloc.ts";
import { encodeWords } from "../mm/user_words.ts";
import { TASK_SIZE, clearUser, copyToUser, latin1, latin1Bytes } from "../mm/usercopy.ts";
import {
  VM_ACCOUNT,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
  VmArea,
} from "../mm/vma.ts";
import type { Sleep } from "../sched/wait.ts";
import {
  AT_BASE,
  AT_CLKTCK,
  AT_EGID,
  AT_ENTRY,
  AT_EUID,
  AT_EXECFN,
  AT_FLAGS,
  AT_GID,
  AT_HWCAP,
  AT_HWCAP2,
  AT_MINSIGSTKSZ,
  AT_NULL,
  AT_PAGESZ,
  AT_PHDR,
  AT_PHENT,
  AT_PHNUM,
  AT_PLATFORM,
  AT_RANDOM,
  AT_SECURE,
  AT_UID,
} from "../uapi/auxv.ts";
import * as elf from "../uapi/elf.ts";
import { EFAULT, EINVAL, EIO, ELIBBAD, ENOEXEC, ENOMEM } from "../uapi/errno.ts";
import {
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from "../uapi/mman.ts";
import { type Binprm, beginNewExec } from "./exec.ts";
import type { Task } from "./task.ts";

/** Where position-independent programs with an interpreter start. Linux: ELF_ET_DYN_BASE. */
const elfDynBase = (mm: Mm): number =>
  mm.task_size === TASK_SIZE_IA32 ? 0x40_0000 : Math.floor(TASK_SIZE / 3 / PAGE_SIZE) * 2 * PAGE_SIZE;
const PATH_MAX = 4096;
const MAX_PHDRS_BYTES = 65536;
/** Bytes a signal frame takes at most: rt_sigframe, XSAVE area, alignment. */
const MIN_SIGNAL_STACK = 1136;
const HWCAP2_FSGSBASE = 1 << 1;

interface Phdr {
  type: number;
  flags: number;
  offset: number;
  vaddr: number;
  filesz: number;
  memsz: number;
  align: number;
}

interface ElfImage {
  layout: elf.ElfLayout;
  type: number;
  entry: number;
  phoff: number;
  phdrs: Phdr[];
}

const isBadAddress = (mm: Mm, va: number): boolean => va < 0 || va >= mm.task_size;
const pageStart = (va: number): number => va - (((va % PAGE_SIZE) + PAGE_SIZE) % PAGE_SIZE);
const pageOffset = (va: number): number => va - pageStart(va);

type ElfHeader = Omit<ElfImage, "phdrs"> & { phnum: number };

/** The ELF header's fields, or -ENOEXEC. */
function parseHeader(buf: Uint8Array): ElfHeader | number {
  const view = new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
  if (buf.length < elf.EHDR32_SIZE || view.getUint32(0, false) !== 0x7f454c46) return -ENOEXEC;
  const type = view.getUint16(elf.E_TYPE, true);
  if (type !== elf.ET_EXEC && type !== elf.ET_DYN) return -ENOEXEC;
  // As on Linux, the machine alone decides; e_ident's class is not looked at.
  const machine = view.getUint16(elf.E_MACHINE, true);
  if (machine !== elf.EM_X86_64 && machine !== elf.EM_386) return -ENOEXEC;
  const layout = machine === elf.EM_386 ? elf.ELF32 : elf.ELF64;
  if (buf.length < layout.ehdr_size) return -ENOEXEC;
  if (view.getUint16(layout.e_phentsize, true) !== layout.phdr_size) return -ENOEXEC;
  const phnum = view.getUint16(layout.e_phnum, true);
  if (phnum === 0 || phnum * layout.phdr_size > MAX_PHDRS_BYTES) return -ENOEXEC;
  const entry = getWord(view, layout.e_entry, layout);
  return { layout, type, entry, phoff: getWord(view, layout.e_phoff, layout), phnum };
}

/** Header and program headers of `file`. Linux: load_elf_phdrs(). */
function* readImage(task: Task, file: File, buf: Uint8Array): Sleep<ElfImage | number> {
  const header = parseHeader(buf);
  if (typeof header === "number") return header;
  const { layout, type, entry, phoff, phnum } = header;
  if (phoff < 0) return -ENOEXEC;
  const bytes = yield* task.kernel.vfs.kernelRead(task, file, phoff, phnum * layout.phdr_size);
  if (isErr(bytes) || bytes.length < phnum * layout.phdr_size) return -ENOEXEC;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const phdrs: Phdr[] = [];
  for (let i = 0; i < phnum; i++) {
    const at = i * layout.phdr_size;
    phdrs.push({
      type: view.getUint32(at + layout.p_type, true),
      flags: view.getUint32(at + layout.p_flags, true),
      offset: getWord(view, at + layout.p_offset, layout),
      vaddr: getWord(view, at + layout.p_vaddr, layout),
      filesz: getWord(view, at + layout.p_filesz, layout),
      memsz: getWord(view, at + layout.p_memsz, layout),
      align: getWord(view, at + layout.p_align, layout),
    });
  }
  return { layout, type, entry, phoff, phdrs };
}

/** Loads the program of `bprm`: 0, -ENOEXEC if it is none, or another -errno. Linux: load_elf_binary(). */
export function* loadElfBinary(task: Task, bprm: Binprm): Sleep<number> {
  const { file } = bprm;
  if (typeof parseHeader(bprm.buf) === "number" || !file.ops.mmap) return -ENOEXEC;
  const image = yield* readImage(task, file, bprm.buf);
  if (isErr(image)) return image;

  const interp = image.phdrs.find((phdr) => phdr.type === elf.PT_INTERP);
  let interpFile: File | null = null;
  let interpImage: ElfImage | null = null;
  if (interp) {
    const opened = yield* openInterpreter(task, file, interp);
    if (isErr(opened)) return opened;
    interpFile = opened;
    const head = yield* task.kernel.vfs.kernelRead(task, opened, 0, elf.EHDR_SIZE);
    let loaded: ElfImage | number = -EIO;
    if (!isErr(head) && head.length >= image.layout.ehdr_size) loaded = yield* readImage(task, opened, head);
    if (!isErr(loaded) && loaded.layout !== image.layout) loaded = -ENOEXEC;
    if (isErr(loaded)) {
      opened.put();
      return loaded === -ENOEXEC ? -ELIBBAD : loaded;
    }
    interpImage = loaded;
  }
  const result = yield* loadImages(task, bprm, image, interpFile, interpImage);
  interpFile?.put();
  return result;
}

function* openInterpreter(task: Task, file: File, phdr: Phdr): Sleep<File | number> {
  if (phdr.filesz > PATH_MAX || phdr.filesz < 2) return -ENOEXEC;
  const bytes = yield* task.kernel.vfs.kernelRead(task, file, phdr.offset, phdr.filesz);
  if (isErr(bytes)) return bytes;
  if (bytes.length < phdr.filesz) return -EIO;
  if (bytes[bytes.length - 1] !== 0) return -ENOEXEC;
  return yield* task.kernel.vfs.openExec(task, latin1(bytes).split("\0")[0]);
}

function* loadImages(
  task: Task,
  bprm: Binprm,
  image: ElfImage,
  interpFile: File | null,
  interpImage: ElfImage | null,
): Sleep<number> {
  const stackPhdr = image.phdrs.find((phdr) => phdr.type === elf.PT_GNU_STACK);
  const isStackExecutable = stackPhdr ? (stackPhdr.flags & elf.PF_X) !== 0 : false;
  const is_ia32 = image.layout === elf.ELF32;
  let error = yield* beginNewExec(task, bprm, is_ia32 ? TASK_SIZE_IA32 : TASK_SIZE);
  if (error < 0) return error;
  const { mm } = bprm;
  task.personality &= ~READ_IMPLIES_EXEC;
  const strings = setupArgPages(task, mm, bprm, isStackExecutable);
  if (typeof strings === "number") return strings;

  const isRandom = !(task.personality & ADDR_NO_RANDOMIZE);
  let bias = 0;
  const total_size = totalMappingSize(image.phdrs);
  if (image.type === elf.ET_DYN) {
    if (total_size === 0) return -EINVAL;
    const first = image.phdrs.find((phdr) => phdr.type === elf.PT_LOAD)!;
    if (interpFile) {
      const alignment = maximumAlignment(image.phdrs);
      const random = isRandom ? randomBits(task.kernel.machine.cpu, mmapRandomBits(mm)) * PAGE_SIZE : 0;
      bias = elfDynBase(mm) + random;
      if (alignment > 0) bias -= bias % alignment;
      bias = pageStart(bias - first.vaddr);
    } else {
      const place = getUnmappedArea(mm, 0, total_size, 0);
      if (place < 0) return place;
      bias = place - pageStart(first.vaddr);
    }
  }
  const placed = yield* mapSegments(task, mm, bprm.file, image, bias);
  if (typeof placed === "number") return placed;
  mm.start_code = placed.start_code;
  mm.end_code = placed.end_code;
  mm.start_data = placed.start_data;
  mm.end_data = placed.end_data;

  let entry = image.entry + bias;
  let interp_base = 0;
  if (interpFile && interpImage) {
    const size = totalMappingSize(interpImage.phdrs);
    if (size === 0) return -EINVAL;
    const first = interpImage.phdrs.find((phdr) => phdr.type === elf.PT_LOAD)!;
    if (interpImage.type === elf.ET_DYN) {
      const place = getUnmappedArea(mm, 0, size, 0);
      if (place < 0) return place;
      interp_base = place - pageStart(first.vaddr);
    }
    const loaded = yield* mapSegments(task, mm, interpFile, interpImage, interp_base);
    if (typeof loaded === "number") return loaded;
    entry = interpImage.entry + interp_base;
  }
  if (isBadAddress(mm, entry)) return -EINVAL;

  let brk = pageAlign(placed.brk);
  if (isRandom) {
    if (image.type === elf.ET_DYN && !interpFile) brk = elfDynBase(mm);
    brk = pageAlign(brk + randomBits(task.kernel.machine.cpu, 25));
  }
  mm.start_brk = brk;
  mm.brk = brk;

  const phdr_va = phdrAddress(image, bias);
  const sp = createTables(task, mm, bprm, strings, {
    entry: image.entry + bias,
    phdr_va,
    interp_base,
    nr: image.phdrs.length,
    layout: image.layout,
  });
  if (sp < 0) return sp;
  mm.start_stack = sp;
  error = startThread(task, entry, sp, is_ia32);
  return error;
}

/** Linux: total_mapping_size(). */
function totalMappingSize(phdrs: Phdr[]): number {
  let low = Infinity;
  let high = 0;
  for (const phdr of phdrs) {
    if (phdr.type !== elf.PT_LOAD) continue;
    low = Math.min(low, pageStart(phdr.vaddr));
    high = Math.max(high, phdr.vaddr + phdr.memsz);
  }
  return high > low ? pageAlign(high - low) : 0;
}

function maximumAlignment(phdrs: Phdr[]): number {
  let alignment = 0;
  for (const phdr of phdrs) {
    const isPowerOfTwo = phdr.align > 0 && Number.isInteger(Math.log2(phdr.align));
    if (phdr.type === elf.PT_LOAD && isPowerOfTwo) alignment = Math.max(alignment, phdr.align);
  }
  return alignment;
}

interface Placed {
  start_code: number;
  end_code: number;
  start_data: number;
  end_data: number;
  /** End of the last segment in memory. */
  brk: number;
}

/** Maps every PT_LOAD at its address plus `bias`, zeroes what lies behind the file's bytes. Linux: elf_map(), set_brk(), padzero(). */
function* mapSegments(task: Task, mm: Mm, file: File, image: ElfImage, bias: number): Sleep<Placed | number> {
  const placed: Placed = { start_code: Infinity, end_code: 0, start_data: 0, end_data: 0, brk: 0 };
  let isFirst = true;
  for (const phdr of image.phdrs) {
    if (phdr.type !== elf.PT_LOAD) continue;
    const va = phdr.vaddr + bias;
    const prot =
      (phdr.flags & elf.PF_R ? PROT_READ : 0) |
      (phdr.flags & elf.PF_W ? PROT_WRITE : 0) |
      (phdr.flags & elf.PF_X ? PROT_EXEC : 0);
    const { filesz, memsz } = phdr;
    if (filesz < 0 || memsz < 0 || filesz > memsz || memsz > mm.task_size) return -EINVAL;
    if (isBadAddress(mm, va) || mm.task_size - memsz < va)
      return isFirst || isBadAddress(mm, va) ? -EINVAL : -ENOMEM;
    const start = pageStart(va);
    const file_size = filesz + pageOffset(va);
    if (file_size > 0 && filesz > 0) {
      const fixed = image.type === elf.ET_EXEC && isFirst ? MAP_FIXED_NOREPLACE : MAP_FIXED;
      const offset = phdr.offset - pageOffset(va);
      if (offset < 0 || offset % PAGE_SIZE !== 0) return -EINVAL;
      const mapped = yield* doMmap(
        task,
        mm,
        file,
        start,
        file_size,
        prot,
        MAP_PRIVATE | fixed,
        offset / PAGE_SIZE,
      );
      if (mapped < 0) return mapped;
    }
    isFirst = false;
    const file_end = va + filesz;
    const end = va + memsz;
    if (memsz > filesz) {
      const bss_start = filesz > 0 ? pageAlign(file_end) : start;
      const bss_end = pageAlign(end);
      if (bss_end > bss_start) {
        const error = doBrk(task, mm, bss_start, bss_end - bss_start, prot & PROT_EXEC);
        if (error < 0) return error;
      }
      const tail = filesz > 0 ? pageAlign(file_end) - file_end : 0;
      if (tail > 0 && prot & PROT_WRITE && clearUser(task, file_end, tail) > 0) return -EFAULT;
    }
    if (va < placed.start_code) placed.start_code = va;
    if (placed.start_data < va) placed.start_data = va;
    if (phdr.flags & elf.PF_X && placed.end_code < file_end) placed.end_code = file_end;
    if (placed.end_data < file_end) placed.end_data = file_end;
    if (placed.brk < end) placed.brk = end;
  }
  return placed;
}

/** Where the program headers are in memory, for AT_PHDR. */
function phdrAddress(image: ElfImage, bias: number): number {
  for (const phdr of image.phdrs) {
    if (phdr.type !== elf.PT_LOAD) continue;
    if (phdr.offset <= image.phoff && image.phoff < phdr.offset + phdr.filesz) {
      return image.phoff - phdr.offset + phdr.vaddr + bias;
    }
  }
  return 0;
}

interface Strings {
  /** Lowest used address of the stack. */
  p: number;
  argv: number[];
  envp: number[];
  filename: number;
}

/** Makes the stack and puts the strings on it. Linux: setup_arg_pages(), copy_strings(). */
function setupArgPages(task: Task, mm: Mm, bprm: Binprm, isExecutable: boolean): Strings | number {
  const isRandom = !(task.personality & ADDR_NO_RANDOMIZE);
  const random = isRandom ? randomBits(task.kernel.machine.cpu, stackRandomBits(mm)) * PAGE_SIZE : 0;
  const top = mm.task_size - random;
  const texts = [...bprm.argv, ...bprm.envp, bprm.filename];
  const total = texts.reduce((sum, text) => sum + text.length + 1, 8);
  const start = pageStart(top - total) - 32 * PAGE_SIZE;
  let flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN | VM_ACCOUNT;
  if (isExecutable) flags |= VM_EXEC;
  const vma = new VmArea(mm, start, top, flags, null, start / PAGE_SIZE);
  if (task.kernel.commit.charge(vma.nr_pages) < 0) return -ENOMEM;
  mm.committed_vm += vma.nr_pages;
  mm.insert(vma);
  accountVm(mm, vma, vma.nr_pages);

  const block = new Uint8Array(total);
  const addresses: number[] = [];
  let at = 0;
  for (const text of texts) {
    addresses.push(top - total + at);
    block.set(latin1Bytes(text), at);
    at += text.length + 1;
  }
  if (copyToUser(task, top - total, block) < 0) return -EFAULT;
  const { length: argc } = bprm.argv;
  const filename = addresses[addresses.length - 1];
  mm.arg_start = addresses[0];
  mm.arg_end = addresses[argc] ?? filename;
  mm.env_start = mm.arg_end;
  mm.env_end = filename;
  return { p: top - total, argv: addresses.slice(0, argc), envp: addresses.slice(argc, -1), filename };
}

/** argc, argv, envp and auxv on the stack: the stack pointer, or -EFAULT. Linux: create_elf_tables(). */
function createTables(
  task: Task,
  mm: Mm,
  bprm: Binprm,
  strings: Strings,
  image: { entry: number; phdr_va: number; interp_base: number; nr: number; layout: elf.ElfLayout },
): number {
  const { layout } = image;
  const { cpu } = task.kernel.machine;
  let { p } = strings;
  if (!(task.personality & ADDR_NO_RANDOMIZE)) p -= randomBits(cpu, 13);
  p -= p % 16;
  const platform = latin1Bytes(layout === elf.ELF32 ? "i686\0" : "x86_64\0");
  p -= platform.length;
  const platform_va = p;
  const random = new Uint8Array(16);
  fillRandom(cpu, random);
  p -= random.length;
  const random_va = p;
  const { cred } = bprm;
  // prettier-ignore
  const auxv: number[] = [
    AT_MINSIGSTKSZ, MIN_SIGNAL_STACK,
    AT_HWCAP, cpu.cpuid(1, 0).edx >>> 0,
    AT_PAGESZ, PAGE_SIZE,
    AT_CLKTCK, 100,
    AT_PHDR, image.phdr_va,
    AT_PHENT, layout.phdr_size,
    AT_PHNUM, image.nr,
    AT_BASE, image.interp_base,
    AT_FLAGS, 0,
    AT_ENTRY, image.entry,
    AT_UID, cred.uid,
    AT_EUID, cred.euid,
    AT_GID, cred.gid,
    AT_EGID, cred.egid,
    AT_SECURE, bprm.secureexec ? 1 : 0,
    AT_RANDOM, random_va,
    AT_HWCAP2, cpu.cr4 & CR4_FSGSBASE ? HWCAP2_FSGSBASE : 0,
    AT_EXECFN, strings.filename,
    AT_PLATFORM, platform_va,
    AT_NULL, 0,
  ];
  const words = [strings.argv.length, ...strings.argv, 0, ...strings.envp, 0, ...auxv];
  const bytes = encodeWords(words, layout.word);
  const sp = p - bytes.length - ((p - bytes.length) % 16);
  mm.saved_auxv = bytes.slice(bytes.length - auxv.length * layout.word);
  if (copyToUser(task, platform_va, platform) < 0 || copyToUser(task, random_va, random) < 0) return -EFAULT;
  return copyToUser(task, sp, bytes) < 0 ? -EFAULT : sp;
}

const USER_CS = 0x33;
const X86_EFLAGS_IF = 0x200;

/** Registers of a fresh program: all zero but these. Linux: start_thread(). */
function startThread(task: Task, entry: number, sp: number, is_ia32: boolean): number {
  const { regs, kernel } = task;
  kernel.machine.ram.fill(regs.pa, 0, PT_SIZE);
  regs.rip = entry;
  regs.rsp = sp;
  regs.cs = is_ia32 ? USER32_CS : USER_CS;
  regs.ss = USER_DS;
  if (is_ia32) {
    loadUserSegment(kernel.machine, SEG_DS, USER_DS);
    loadUserSegment(kernel.machine, SEG_ES, USER_DS);
  }
  regs.eflags = X86_EFLAGS_IF;
  // The tracer hears of the result here: behind this line there is no call any more that could be restarted.
  if (kernel.strace.enabled && task.syscall_nr >= 0) kernel.strace.exit(task, task.syscall_nr, 0);
  task.syscall_nr = -1;
  kernel.entry.markRegsChanged();
  return 0;
}

function getWord(view: DataView, offset: number, layout: elf.ElfLayout): number {
  const low = view.getUint32(offset, true);
  return layout.word === 4 ? low : view.getInt32(offset + 4, true) * 2 ** 32 + low;
}
