/** /proc/PID/maps, smaps, smaps_rollup. Linux: fs/proc/task_mmu.c; man 5 proc_pid_maps. */
import { _PAGE_DIRTY, _PAGE_PRESENT, _PAGE_SPECIAL, forEachPte, pfnOf } from "../../arch/x86/page_tables.ts";
import type { Ram } from "../../arch/x86/machine.ts";
import type { Mm } from "../../mm/mm.ts";
import { PAGE_SIZE, PG_ANON } from "../../mm/page_alloc.ts";
import {
  VM_EXEC,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_ACCOUNT,
  VM_NORESERVE,
  VM_DONTCOPY,
  VM_DONTEXPAND,
  VM_IO,
  VM_PFNMAP,
  VM_DONTDUMP,
  VM_SEQ_READ,
  VM_RAND_READ,
  VM_WIPEONFORK,
  type VmArea,
} from "../../mm/vma.ts";
import type { Task } from "../../task/task.ts";
import { majorOf, minorOf } from "../../uapi/stat.ts";
import { pathName } from "../namei.ts";
import { mmOf } from "./access.ts";

/** Column at which names stand. Linux: seq_setwidth(25 + sizeof(void *) * 6 - 1). */
const NAME_COLUMN = 73;

const hex = (value: number, width: number): string => value.toString(16).padStart(width, "0");

function rights(flags: number): string {
  return (
    (flags & VM_READ ? "r" : "-") +
    (flags & VM_WRITE ? "w" : "-") +
    (flags & VM_EXEC ? "x" : "-") +
    (flags & VM_MAYSHARE ? "s" : "p")
  );
}

/** What stands in the last column. */
function nameOf(vma: VmArea, reader: Task): string {
  const special = vma.ops?.name?.(vma);
  if (special) return special;
  if (vma.file) return pathName(vma.file.path, reader.fs.root).replace(/\n/g, "\\012");
  const { mm } = vma;
  if (vma.start < mm.brk && vma.end > mm.start_brk) return "[heap]";
  if (vma.start <= mm.start_stack && vma.end >= mm.start_stack) return "[stack]";
  return "";
}

/** "00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon". Linux: show_map_vma(). */
function mapLine(vma: VmArea, reader: Task): string {
  const inode = vma.file?.inode;
  const dev = inode ? inode.sb.dev : 0;
  const offset = vma.file ? vma.pgoff * PAGE_SIZE : 0;
  const line =
    `${hex(vma.start, 8)}-${hex(vma.end, 8)} ${rights(vma.flags)} ${hex(offset, 8)} ` +
    `${hex(majorOf(dev), 2)}:${hex(minorOf(dev), 2)} ${inode?.ino ?? 0} `;
  const name = nameOf(vma, reader);
  return name === "" ? `${line}\n` : `${line.padEnd(NAME_COLUMN)}${name}\n`;
}

export function showMaps(task: Task, reader: Task): string {
  const mm = mmOf(task);
  return mm ? mm.vmas.map((vma) => mapLine(vma, reader)).join("") : "";
}

/** Two letters per flag, in Linux's order. */
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [VM_READ, "rd"],
  [VM_WRITE, "wr"],
  [VM_EXEC, "ex"],
  [VM_SHARED, "sh"],
  [VM_MAYREAD, "mr"],
  [VM_MAYWRITE, "mw"],
  [VM_MAYEXEC, "me"],
  [VM_MAYSHARE, "ms"],
  [VM_GROWSDOWN, "gd"],
  [VM_PFNMAP, "pf"],
  [VM_LOCKED, "lo"],
  [VM_IO, "io"],
  [VM_SEQ_READ, "sr"],
  [VM_RAND_READ, "rr"],
  [VM_DONTCOPY, "dc"],
  [VM_DONTEXPAND, "de"],
  [VM_ACCOUNT, "ac"],
  [VM_NORESERVE, "nr"],
  [VM_WIPEONFORK, "wf"],
  [VM_DONTDUMP, "dd"],
];

/** The counts of one area or of all, kB. */
interface Usage {
  size: number;
  rss: number;
  pss: number;
  shared: number;
  private_clean: number;
  private_dirty: number;
  anonymous: number;
  locked: number;
}

function usageOf(vma: VmArea): Usage {
  const { machine, pages } = vma.mm.kernel;
  const usage: Usage = {
    size: vma.nr_pages * 4,
    rss: 0,
    pss: 0,
    shared: 0,
    private_clean: 0,
    private_dirty: 0,
    anonymous: 0,
    locked: 0,
  };
  forEachPte(machine.ram, vma.mm.pgd_pa, vma.start, vma.end, (pte_pa) => {
    const low = machine.ram.read32(pte_pa);
    if (!(low & _PAGE_PRESENT) || low & _PAGE_SPECIAL) return;
    const pfn = pfnOf(low);
    const is_anon = (pages.page_flags[pfn] & PG_ANON) !== 0;
    // The page cache itself holds one of a file page's references.
    const users = Math.max(1, pages.pageCount(pfn) - (is_anon ? 0 : 1));
    usage.rss += 4;
    usage.pss += 4 / users;
    if (is_anon) usage.anonymous += 4;
    if (users > 1) usage.shared += 4;
    else if (is_anon || low & _PAGE_DIRTY) usage.private_dirty += 4;
    else usage.private_clean += 4;
  });
  if (vma.flags & VM_LOCKED) usage.locked = Math.floor(usage.pss);
  return usage;
}

function usageRows(usage: Usage, with_size: boolean): string {
  const row = (name: string, kb: number) =>
    `${`${name}:`.padEnd(16)}${String(Math.floor(kb)).padStart(8)} kB\n`;
  let text = with_size ? row("Size", usage.size) + row("KernelPageSize", 4) + row("MMUPageSize", 4) : "";
  text += row("Rss", usage.rss) + row("Pss", usage.pss) + row("Pss_Dirty", usage.private_dirty);
  text += row("Shared_Clean", usage.shared) + row("Shared_Dirty", 0);
  text += row("Private_Clean", usage.private_clean) + row("Private_Dirty", usage.private_dirty);
  text += row("Referenced", usage.rss) + row("Anonymous", usage.anonymous);
  for (const name of ["KSM", "LazyFree", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped"])
    text += row(name, 0);
  for (const name of ["Shared_Hugetlb", "Private_Hugetlb", "Swap", "SwapPss"]) text += row(name, 0);
  return text + row("Locked", usage.locked);
}

export function showSmaps(task: Task, reader: Task): string {
  const mm = mmOf(task);
  if (!mm) return "";
  let text = "";
  for (const vma of mm.vmas) {
    const flags = FLAG_NAMES.filter(([bit]) => vma.flags & bit).map(([, name]) => name);
    text += mapLine(vma, reader) + usageRows(usageOf(vma), true);
    text += `THPeligible:           0\nVmFlags: ${flags.join(" ")} \n`;
  }
  return text;
}

export function showSmapsRollup(task: Task): string {
  const mm = mmOf(task);
  if (!mm || mm.vmas.length === 0) return "";
  const total = usageOf(mm.vmas[0]);
  for (const vma of mm.vmas.slice(1)) {
    const usage = usageOf(vma);
    for (const key of Object.keys(usage) as (keyof Usage)[]) total[key] += usage[key];
  }
  const range = `${hex(mm.vmas[0].start, 8)}-${hex(mm.vmas[mm.vmas.length - 1].end, 8)} ---p 00000000 00:00 0 `;
  return `${range.padEnd(NAME_COLUMN)}[rollup]\n${usageRows(total, false)}`;
}

/** Tables below the user half of a table of `level` (3: the top), each counted once. */
function countTables(ram: Ram, table_pa: number, level: number): number {
  let count = 0;
  const nr_entries = level === 3 ? 256 : 512;
  for (let index = 0; index < nr_entries; index++) {
    const low = ram.read32(table_pa + index * 8);
    if (!(low & _PAGE_PRESENT)) continue;
    count += 1 + (level > 1 ? countTables(ram, pfnOf(low) * PAGE_SIZE, level - 1) : 0);
  }
  return count;
}

/** Memory of the page tables, kB. VmPTE of /proc/PID/status. */
export function pageTablesKb(mm: Mm): number {
  return (1 + countTables(mm.kernel.machine.ram, mm.pgd_pa, 3)) * (PAGE_SIZE / 1024);
}
