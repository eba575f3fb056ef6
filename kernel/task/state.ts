/** Task states as bits, and the letters ps shows for them. Linux: include/linux/sched.h. */
export const TASK_RUNNING = 0x0000;
export const TASK_INTERRUPTIBLE = 0x0001;
export const TASK_UNINTERRUPTIBLE = 0x0002;
export const TASK_STOPPED = 0x0004;
export const TASK_TRACED = 0x0008;
export const EXIT_DEAD = 0x0010;
export const EXIT_ZOMBIE = 0x0020;
export const TASK_WAKEKILL = 0x0100;
export const TASK_KILLABLE = TASK_WAKEKILL | TASK_UNINTERRUPTIBLE;

/** The letter of /proc/PID/stat, field 3. */
export function stateLetter(state: number): string {
  if (state === TASK_RUNNING) return "R";
  if (state & TASK_INTERRUPTIBLE) return "S";
  if (state & TASK_UNINTERRUPTIBLE) return "D";
  if (state & TASK_STOPPED) return "T";
  if (state & TASK_TRACED) return "t";
  if (state & EXIT_DEAD) return "X";
  return "Z";
}
