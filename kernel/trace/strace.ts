/**
 * Strace: system calls in strace(1)'s words, from the argument kinds of syscall/table.ts. Off, it costs dispatch one
 * test. On with "strace" on the kernel's command line, or by the host through the kernel's returned object.
 */
import { hex, printResult } from "../syscall/args.ts";
import type { SigInfo } from "../task/siginfo.ts";
import type { Task } from "../task/task.ts";
import {
  SIGBUS,
  SIGCHLD,
  SIGNAL_NAMES,
  SIGSEGV,
  SI_KERNEL,
  SI_QUEUE,
  SI_TIMER,
  SI_TKILL,
  SI_USER,
} from "../uapi/signal.ts";

/** Gets one line without its newline. */
export type StraceSink = (line: string) => void;

interface Pending {
  readonly nr: number;
  readonly args: number[];
  /** Text of the arguments the program gave; outputs are null until the end. */
  readonly texts: (string | null)[];
}

export class Strace {
  enabled = false;
  #sink: StraceSink | null = null;
  /** By thread. */
  readonly #pending = new Map<Task, Pending>();

  /** Starts tracing every task into `sink`; null stops it. */
  setSink(sink: StraceSink | null): void {
    this.#sink = sink;
    this.enabled = sink !== null;
    if (sink === null) this.#pending.clear();
  }

  /** A call starts: the program's arguments are read now, as execve and the like destroy them. */
  enter(task: Task, nr: number): void {
    const table = task.kernel.entry.tableOf(task);
    const args = table.readArgs(task, nr);
    const row = table.rows[nr];
    const texts = args.map((value, i) => {
      const kind = row?.args[i];
      if (!kind) return hex(value);
      return kind.isOutput ? null : kind.print(value, task, args, null);
    });
    this.#pending.set(task, { nr, args, texts });
    if (row?.name === "exit" || row?.name === "exit_group") {
      this.#sink?.(`${task.pid} ${row.name}(${texts.join(", ")}) = ?`);
      this.#pending.delete(task);
    }
  }

  /** The call is over. */
  exit(task: Task, nr: number, result: number): void {
    const pending = this.#pending.get(task);
    if (!pending || pending.nr !== nr) return;
    this.#pending.delete(task);
    const row = task.kernel.entry.tableOf(task).rows[nr];
    const texts = pending.texts.map(
      (text, i) => text ?? row!.args[i].print(pending.args[i], task, pending.args, result),
    );
    const shown = Number.isNaN(result) ? 0 : result;
    this.#sink?.(
      `${task.pid} ${row?.name ?? `syscall_${hex(nr)}`}(${texts.join(", ")}) = ${printResult(shown)}`,
    );
  }

  /** A signal is about to be delivered. */
  signal(task: Task, info: SigInfo): void {
    const name = SIGNAL_NAMES[info.signo] ?? String(info.signo);
    let text = `si_signo=${name}, si_code=${codeName(info)}`;
    if (info.addr !== undefined) text += `, si_addr=${hex(info.addr)}`;
    else if (info.pid !== undefined) text += `, si_pid=${info.pid}, si_uid=${info.uid ?? 0}`;
    if (info.signo === SIGCHLD && info.status !== undefined) text += `, si_status=${info.status}`;
    this.#sink?.(`${task.pid} --- ${name} {${text}} ---`);
  }

  /** The task is gone; `code` as wait(2) tells it. */
  ended(task: Task, code: number): void {
    this.#pending.delete(task);
    const sig = code & 0x7f;
    this.#sink?.(
      sig
        ? `${task.pid} +++ killed by ${SIGNAL_NAMES[sig] ?? sig} +++`
        : `${task.pid} +++ exited with ${(code >> 8) & 0xff} +++`,
    );
  }
}

const CHILD_CODES = [
  "",
  "CLD_EXITED",
  "CLD_KILLED",
  "CLD_DUMPED",
  "CLD_TRAPPED",
  "CLD_STOPPED",
  "CLD_CONTINUED",
];
const SEGV_CODES = ["", "SEGV_MAPERR", "SEGV_ACCERR"];
const BUS_CODES = ["", "BUS_ADRALN", "BUS_ADRERR"];
const SENDER_CODES: Readonly<Record<number, string>> = {
  [SI_USER]: "SI_USER",
  [SI_KERNEL]: "SI_KERNEL",
  [SI_QUEUE]: "SI_QUEUE",
  [SI_TIMER]: "SI_TIMER",
  [SI_TKILL]: "SI_TKILL",
};

function codeName(info: SigInfo): string {
  const bySender = SENDER_CODES[info.code];
  if (bySender) return bySender;
  const names =
    info.signo === SIGCHLD
      ? CHILD_CODES
      : info.signo === SIGSEGV
        ? SEGV_CODES
        : info.signo === SIGBUS
          ? BUS_CODES
          : [];
  return names[info.code] ?? hex(info.code);
}
