/** Why `run()` came back. The core's exports return one of these. */
export const EXIT_BUDGET: u32 = 0; // the instruction budget is used up
export const EXIT_HLT: u32 = 1; // HLT with nothing pending: asleep until an interrupt
export const EXIT_VMCALL: u32 = 2; // VMCALL at CPL 0; RIP is already past it
export const EXIT_SHUTDOWN: u32 = 3; // triple fault: the board resets
export const EXIT_UNWOUND: u32 = 4; // a host import asked to stop (reset or power-off port); RIP is past the instruction
