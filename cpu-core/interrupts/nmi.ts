/** Non-maskable interrupts: while one is being handled, until IRET, another one waits. SDM vol 3A "Handling Multiple NMIs". */
import { EVENT_NMI, NO_ERROR_CODE } from "../abi/state";
import { VECTOR_NMI } from "../abi/vectors";
import { cpu } from "../state/cpu";
import { deliver, Source } from "./deliver";

/** Whether an NMI is pending that can be delivered now. */
export function isNmiDue(): bool {
  return (cpu().events & EVENT_NMI) != 0 && cpu().nmiBlocked == 0;
}

export function deliverNmi(): void {
  cpu().events &= ~EVENT_NMI;
  cpu().nmiBlocked = 1;
  deliver(VECTOR_NMI, Source.EXTERNAL, NO_ERROR_CODE);
}

/** IRET ends the blocking, whether it succeeds or faults. */
export function unblockNmi(): void {
  cpu().nmiBlocked = 0;
}
