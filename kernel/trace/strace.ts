/**
 * Strace: system calls in strace(1)'s words, from the argument kinds of syscall/table.ts. Off, it costs dispatch one
 * test. On with "strace" on the kernel's command line, or by the host through the kernel's returned object.
 */
import { hex, printResult } from "../syscall/args.ts";
import type { SyscallDispatch } from "../syscall/dispatch.ts";
import type { Task } from "../task/task.ts";

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
  #dispatch: SyscallDispatch | null = null;

  /** Starts tracing every task into `sink`; null stops it. */
  setSink(sink: StraceSink | null): void {
    this.#sink = sink;
    this.enabled = sink !== null;
    if (sink === null) this.#pending.clear();
  }

  /** A call starts: the program's arguments are read now, as execve and the like destroy them. */
  enter(task: Task, nr: number): void {
    this.#dispatch ??= task.kernel.entry.dispatch;
    const args = this.#dispatch.readArgs(task, nr);
    const row = this.#dispatch.rows[nr];
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
    const row = this.#dispatch?.rows[nr];
    const texts = pending.texts.map((text, i) => text ?? row!.args[i].print(pending.args[i], task, pending.args, result));
    const shown = Number.isNaN(result) ? 0 : result;
    this.#sink?.(`${task.pid} ${row?.name ?? `syscall_${hex(nr)}`}(${texts.join(", ")}) = ${printResult(shown)}`);
  }

  /** A signal is delivered. */
  signal(task: Task, text: string): void {
    this.#sink?.(`${task.pid} --- ${text} ---`);
  }

  /** The task is gone. */
  forget(task: Task): void {
    this.#pending.delete(task);
  }
}
