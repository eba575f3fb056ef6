/**
 * /proc/sys: the switches of the kernel. Numbers that can be changed are fields of the kernel's own objects.
 * Linux: kernel/sysctl.c, fs/file_table.c, drivers/char/random.c; man 5 proc_sys.
 */
import type { Kernel } from "../../kernel.ts";
import { fillRandom } from "../../lib/random.ts";
import { MAX_MAP_COUNT } from "../../mm/mm.ts";
import { MMAP_MIN_ADDR } from "../../mm/mmap.ts";
import type { Task } from "../../task/task.ts";
import { capable } from "../../task/cred.ts";
import { CAP_LAST_CAP, CAP_SYS_ADMIN } from "../../uapi/capability.ts";
import { EINVAL, EPERM } from "../../uapi/errno.ts";
import { dir, file, type ProcDir, type ProcEntry, type ProcFile } from "./generic.ts";

/** No limit on open files but memory. */
const LONG_MAX_TEXT = "9223372036854775807";

/** A number that cannot be changed. */
function constant(name: string, value: number | string, mode = 0o444): ProcFile<Kernel> {
  return file(name, mode, () => `${value}\n`);
}

/** A number that root can change within limits. Linux: proc_dointvec_minmax(). */
function number(
  name: string,
  get: (kernel: Kernel) => number,
  set: (kernel: Kernel, value: number) => void,
  min = -(2 ** 31),
  max = 2 ** 31 - 1,
): ProcFile<Kernel> {
  return file(
    name,
    0o644,
    (kernel) => `${get(kernel)}\n`,
    (kernel, text) => {
      const match = /^\s*(-?(?:0x[0-9a-f]+|\d+))\s*$/i.exec(text.replace(/\0.*$/s, ""));
      if (!match) return -EINVAL;
      const value = Number(match[1]);
      if (value < min || value > max) return -EINVAL;
      set(kernel, value);
      return 0;
    },
  );
}

/** A name of at most 64 bytes, ended by a newline. Linux: proc_do_uts_string(). */
function utsName(name: string, field: "nodename" | "domainname"): ProcFile<Kernel> {
  return file(
    name,
    0o644,
    (kernel) => `${kernel.uts[field]}\n`,
    (kernel, text, writer: Task) => {
      if (!capable(writer, CAP_SYS_ADMIN)) return -EPERM;
      kernel.uts[field] = text.replace(/[\n\0].*$/s, "").slice(0, 64);
      return 0;
    },
  );
}

/** A random UUID, version 4. RFC 4122. */
function randomUuid(kernel: Kernel): string {
  const bytes = new Uint8Array(16);
  fillRandom(kernel.machine.cpu, bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** console_loglevel, default, minimum, boot default. */
function printkLevels(kernel: Kernel): string {
  return `${kernel.printk.console_loglevel}\t4\t1\t7\n`;
}

const switches = dir<Kernel>("sys", 0o555, [
  dir("fs", 0o555, [
    constant("dentry-state", "0\t0\t45\t0\t0\t0"),
    constant("file-max", LONG_MAX_TEXT),
    file("file-nr", 0o444, (kernel) => `${kernel.vfs.nr_files}\t0\t${LONG_MAX_TEXT}\n`),
    constant("inode-nr", "0\t0"),
    number(
      "nr_open",
      (kernel) => kernel.vfs.nr_open,
      (kernel, value) => (kernel.vfs.nr_open = value),
      64,
      0x7fffffc0,
    ),
    constant("overflowgid", 65534),
    constant("overflowuid", 65534),
    number(
      "pipe-max-size",
      (kernel) => kernel.vfs.pipe_max_size,
      (kernel, value) => (kernel.vfs.pipe_max_size = value),
      4096,
    ),
    constant("suid_dumpable", 0),
  ]),
  dir("kernel", 0o555, [
    constant("cap_last_cap", CAP_LAST_CAP),
    constant("core_pattern", "core"),
    constant("core_uses_pid", 0),
    utsName("domainname", "domainname"),
    constant("dmesg_restrict", 0),
    utsName("hostname", "nodename"),
    constant("kptr_restrict", 0),
    constant("ngroups_max", 65536),
    file("osrelease", 0o444, (kernel) => `${kernel.uts.release}\n`),
    file("ostype", 0o444, (kernel) => `${kernel.uts.sysname}\n`),
    constant("overflowgid", 65534),
    constant("overflowuid", 65534),
    constant("panic", 0),
    constant("panic_on_oops", 0),
    number(
      "pid_max",
      (kernel) => kernel.tasks.pid_max,
      (kernel, value) => (kernel.tasks.pid_max = value),
      301,
      4194304,
    ),
    file("printk", 0o644, printkLevels, (kernel, text) => {
      const level = parseInt(text, 10);
      if (Number.isNaN(level)) return -EINVAL;
      kernel.printk.console_loglevel = level;
      return 0;
    }),
    dir("random", 0o555, [
      file("boot_id", 0o444, (kernel) => {
        kernel.vfs.boot_id ||= randomUuid(kernel);
        return `${kernel.vfs.boot_id}\n`;
      }),
      constant("entropy_avail", 256),
      constant("poolsize", 256),
      constant("urandom_min_reseed_secs", 60),
      file("uuid", 0o444, (kernel) => `${randomUuid(kernel)}\n`),
      constant("write_wakeup_threshold", 256),
    ]),
    constant("randomize_va_space", 2),
    constant("tainted", 0),
    number(
      "threads-max",
      (kernel) => kernel.tasks.max_threads,
      (kernel, value) => (kernel.tasks.max_threads = value),
      1,
    ),
    file("version", 0o444, (kernel) => `${kernel.uts.version}\n`),
  ]),
  dir("vm", 0o555, [
    file(
      "drop_caches",
      0o200,
      () => "",
      (_kernel, text) => (/^\s*[1-4]\s*$/.test(text) ? 0 : -EINVAL),
    ),
    constant("max_map_count", MAX_MAP_COUNT),
    file("min_free_kbytes", 0o444, (kernel) => `${kernel.pages.watermark_min * 4}\n`),
    constant("mmap_min_addr", MMAP_MIN_ADDR),
    number(
      "overcommit_memory",
      (kernel) => kernel.commit.overcommit_memory,
      (kernel, value) => (kernel.commit.overcommit_memory = value),
      0,
      2,
    ),
    number(
      "overcommit_ratio",
      (kernel) => kernel.commit.overcommit_ratio,
      (kernel, value) => (kernel.commit.overcommit_ratio = value),
      0,
    ),
    constant("panic_on_oom", 0),
    constant("swappiness", 60),
  ]),
]);

/** The same tables with modes that bind root. */
function strict(table: ProcDir<Kernel>): ProcDir<Kernel> {
  const entries = table.entries.map((entry): ProcEntry<Kernel> => {
    if (entry.kind === "dir") return strict(entry);
    return entry.kind === "file" ? { ...entry, binds_root: true } : entry;
  });
  return { ...table, entries };
}

export const sysDir = strict(switches);
