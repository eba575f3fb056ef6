/**
 * The rates time is built on. In a file without imports, because others compute with them while modules load.
 * Linux: include/asm-generic/param.h, include/linux/timex.h.
 */

/** Scheduler ticks a second. */
export const HZ = 100;
/** Nanoseconds from one to the next. */
export const TICK_NSEC = 1_000_000_000 / HZ;
/** Input clock of the 8254, hertz. */
export const PIT_TICK_RATE = 1193182;
