/** The system's names: uname, sethostname, setdomainname. Linux: kernel/sys.c, init/version.c. */
import { copyFromUser, copyToUser, latin1, latin1Bytes } from "../mm/usercopy.ts";
import { CAP_SYS_ADMIN } from "../uapi/capability.ts";
import { EFAULT, EINVAL, EPERM } from "../uapi/errno.ts";
import { capable } from "./cred.ts";
import type { Task } from "./task.ts";

/** Linux: struct new_utsname. */
export interface UtsName {
  readonly sysname: string;
  nodename: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  domainname: string;
}

/** Bytes of each field in the structure, the null included. */
const FIELD_BYTES = 65;

export function initialUtsName(): UtsName {
  return {
    sysname: "Linux",
    nodename: "(none)",
    release: "6.1.0-vitrine",
    version: "#1 TypeScript",
    machine: "x86_64",
    domainname: "(none)",
  };
}

/** personality(2): uname shows 2.6.60+minor instead. */
const UNAME26 = 0x0020000;

/** man 2 uname. */
export function sys_newuname(task: Task, buf: number): number {
  const { uts } = task.kernel;
  const bytes = new Uint8Array(6 * FIELD_BYTES);
  const release = task.personality & UNAME26 ? "2.6.61" : uts.release;
  [uts.sysname, uts.nodename, release, uts.version, uts.machine, uts.domainname].forEach((text, index) =>
    bytes.set(latin1Bytes(text.slice(0, FIELD_BYTES - 1)), index * FIELD_BYTES),
  );
  return copyToUser(task, buf, bytes);
}

function readName(task: Task, ptr: number, length: number): string | number {
  if (!capable(task, CAP_SYS_ADMIN)) return -EPERM;
  if (length < 0 || length >= FIELD_BYTES) return -EINVAL;
  const bytes = new Uint8Array(length);
  return copyFromUser(task, ptr, bytes) < 0 ? -EFAULT : latin1(bytes).split("\0")[0];
}

/** man 2 sethostname. */
export function sys_sethostname(task: Task, name: number, length: number): number {
  const text = readName(task, name, length);
  if (typeof text === "number") return text;
  task.kernel.uts.nodename = text;
  return 0;
}

/** man 2 setdomainname. */
export function sys_setdomainname(task: Task, name: number, length: number): number {
  const text = readName(task, name, length);
  if (typeof text === "number") return text;
  task.kernel.uts.domainname = text;
  return 0;
}
