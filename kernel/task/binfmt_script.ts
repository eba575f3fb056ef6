/** Programs that begin with "#!": their first line names the interpreter. Linux: fs/binfmt_script.c. man 2 execve. */
import { isErr } from "../lib/err.ts";
import { latin1 } from "../mm/usercopy.ts";
import type { Sleep } from "../sched/wait.ts";
import { ENOEXEC } from "../uapi/errno.ts";
import { BINPRM_BUF_SIZE, type Binprm } from "./exec.ts";
import type { Task } from "./task.ts";

/** Sets bprm.interpreter and puts "interpreter [argument] script" before the other arguments; or -ENOEXEC. */
export function* loadScript(task: Task, bprm: Binprm): Sleep<number> {
  const { buf } = bprm;
  if (buf[0] !== 0x23 || buf[1] !== 0x21) return -ENOEXEC;
  const text = latin1(buf);
  let end = text.indexOf("\n");
  if (end < 0) {
    // No newline: fine if the file ends here, or if at least the interpreter's name is whole.
    const nul = text.indexOf("\0");
    end = nul >= 0 ? nul : BINPRM_BUF_SIZE;
    if (nul < 0 && !/^#![ \t]*[^ \t]+[ \t]/.test(text)) return -ENOEXEC;
  }
  const line = text
    .slice(2, end)
    .split("\0")[0]
    .replace(/^[ \t]+|[ \t]+$/g, "");
  if (line === "") return -ENOEXEC;
  const [, name, rest] = /^([^ \t]+)[ \t]*(.*)$/s.exec(line)!;
  const file = yield* task.kernel.vfs.openExec(task, name);
  if (isErr(file)) return file;
  bprm.argv = [name, ...(rest ? [rest] : []), bprm.interp, ...bprm.argv.slice(1)];
  bprm.interp = name;
  bprm.interpreter = file;
  return 0;
}
