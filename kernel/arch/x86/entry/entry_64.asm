; Entry and exit of the kernel: what runs at CPL 0 before and after the TypeScript part.
; Linux: arch/x86/entry/entry_64.S. Assembled into the kernel image; included by boot/startup_64.asm.
;
; Every entry leaves struct pt_regs on the task's kernel stack (arch/x86/regs.ts has the drawing) and executes VMCALL.
; When the TypeScript kernel comes back, execution goes on either right behind the VMCALL, with the same task, or at
; return_to_user with RSP at the pt_regs of another one.
;
; GS base is percpu_area while in the kernel, the program's own in user mode; SWAPGS exchanges them.

%define PCPU_USER_RSP   0           ; scratch for the stack pointer of a system call
%define PCPU_STACK_TOP  8           ; top of the current task's kernel stack

%define VMCALL_SYSCALL   1
%define VMCALL_INTERRUPT 2

%define PT_CS           136
%define USER_CS_SEL     0x33
%define USER_DS_SEL     0x2b

; ---- system calls: SYSCALL has put RIP in RCX and RFLAGS in R11, and cleared IF --------------------------------------
align 16
entry_SYSCALL_64:
        swapgs
        mov     [gs:PCPU_USER_RSP], rsp
        mov     rsp, [gs:PCPU_STACK_TOP]
        push    qword USER_DS_SEL
        push    qword [gs:PCPU_USER_RSP]
        push    r11
        push    qword USER_CS_SEL
        push    rcx
        push    rax                     ; orig_rax: the call's number
        push    rdi
        push    rsi
        push    rdx
        push    rcx
        push    rax
        push    r8
        push    r9
        push    r10
        push    r11
        push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        push    r15
        mov     eax, VMCALL_SYSCALL
        vmcall
        ; The same task, its registers as they were but for RAX: RCX and R11 still hold RIP and RFLAGS.
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rax
        pop     rcx
        pop     rdx
        pop     rsi
        pop     rdi
        mov     rsp, [rsp + 32]         ; above orig_rax, rip, cs, eflags
        swapgs
        sysretq

; ---- exceptions and interrupts: vector n enters at irq_entries_start + 16 * n ----------------------------------------
; The CPU has pushed SS, RSP, RFLAGS, CS, RIP, and for some exceptions an error code; the others get a 0 in its place.
align 16
irq_entries_start:
%assign vector 0
%rep 256
        align   16
  %if vector != 8 && vector != 10 && vector != 11 && vector != 12 && vector != 13 && vector != 14 && vector != 17 && vector != 21
        push    qword 0
  %endif
        push    rdi
        mov     edi, vector
        jmp     near interrupt_common
  %assign vector vector + 1
%endrep

align 16
interrupt_common:
        push    rsi
        push    rdx
        push    rcx
        push    rax
        push    r8
        push    r9
        push    r10
        push    r11
        push    rbx
        push    rbp
        push    r12
        push    r13
        push    r14
        push    r15
        cld
        test    byte [rsp + PT_CS], 3
        jz      .in_kernel
        swapgs
.in_kernel:
        mov     eax, VMCALL_INTERRUPT
        vmcall
        ; fall through: back to what was interrupted

; ---- the way back, for everything but the plain system call: RSP at pt_regs ------------------------------------------
return_to_user:
        test    byte [rsp + PT_CS], 3
        jz      .to_kernel
        swapgs
.to_kernel:
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbp
        pop     rbx
        pop     r11
        pop     r10
        pop     r9
        pop     r8
        pop     rax
        pop     rcx
        pop     rdx
        pop     rsi
        pop     rdi
        add     rsp, 8                  ; orig_rax
return_to_user_iret:
        iretq

; ---- nothing to run: sleep until an interrupt; the TypeScript kernel decides there what runs next --------------------
align 16
idle_loop:
        sti
        hlt
        jmp     idle_loop

; ---- after a panic --------------------------------------------------------------------------------------------------
panic_loop:
        cli
        hlt
        jmp     panic_loop
