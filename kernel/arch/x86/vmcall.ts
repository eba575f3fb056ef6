/**
 * Function numbers of VMCALL, in RAX: the one door from guest code into the TypeScript kernel. startup_64
 * (boot/startup_64.asm) uses the first, the entry stubs (entry/entry_64.asm) the others. At CPL 3 VMCALL is #UD.
 */
/** RSI: physical address of boot_params. */
export const VMCALL_START_KERNEL = 0;
/** pt_regs are on the current task's kernel stack; orig_rax is the call's number. */
export const VMCALL_SYSCALL = 1;
/** RDI: vector; RSP: pt_regs, with the error code in orig_rax. */
export const VMCALL_INTERRUPT = 2;
