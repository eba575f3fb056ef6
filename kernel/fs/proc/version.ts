/**
 * /proc/version: what uname says, in one line. Linux: fs/proc/version.c, init/version.c linux_proc_banner.
 */
import type { Kernel } from "../../kernel.ts";

export function versionLine(kernel: Kernel): string {
  const { sysname, release, version } = kernel.uts;
  return `${sysname} version ${release} (vitrine@vitrine) (TypeScript) ${version}\n`;
}
