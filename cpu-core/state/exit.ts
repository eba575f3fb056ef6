/** A reason for run() to return after the current block, left by an instruction. */
const NONE: u32 = 0xffff_ffff;

let requested: u32 = NONE;

export function requestExit(reason: u32): void {
  requested = reason;
}

export function isExitRequested(): bool {
  return requested != NONE;
}

/** Returns the reason and forgets it. */
export function takeExit(): u32 {
  const reason = requested;
  requested = NONE;
  return reason;
}
