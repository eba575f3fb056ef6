; What interrupts the programs: each handler saves everything, makes a mess of all that a program can see, and restores it.
; machine.ts points the IDT here. A handler runs on the stack of IST1.

        bits 64
        org HANDLERS

%macro save 0
        push rax
        push rcx
        push rdx
        push rbx
        push rbp
        push rsi
        push rdi
        push r8
        push r9
        push r10
        push r11
        push r12
        push r13
        push r14
        push r15
        mov rbp, rsp
        sub rsp, 512
        and rsp, -16
        fxsave64 [rsp]
%endmacro

%macro restore 0
        fxrstor64 [rsp]
        mov rsp, rbp
        pop r15
        pop r14
        pop r13
        pop r12
        pop r11
        pop r10
        pop r9
        pop r8
        pop rdi
        pop rsi
        pop rbp
        pop rbx
        pop rdx
        pop rcx
        pop rax
%endmacro

; Registers, flags, x87 and SSE state but RSP and RBP.
%macro clobber 0
        fninit
        fldpi
        fld1
        fdivp
        fldz
        fnstcw [rel scratch]
        or word [rel scratch], 0xc00
        fldcw [rel scratch]
        mov dword [rel scratch], 0x7f80
        ldmxcsr [rel scratch]
        mov rax, 0x1122334455667788
        mov rcx, rax
        mov rdx, rax
        mov rbx, rax
        mov rsi, handler_data
        mov rdi, handler_data + 8
        movq xmm0, rax
        pshufd xmm15, xmm0, 0
        movdqa xmm1, xmm15
        movdqa xmm2, xmm15
        movdqa xmm3, xmm15
        addpd xmm4, xmm15
        movdqa xmm5, xmm15
        movdqa xmm6, xmm15
        movdqa xmm7, xmm15
        mov r8, rax
        mov r9, rax
        mov r10, rax
        mov r11, rax
        mov r12, rax
        mov r13, rax
        mov r14, rax
        mov r15, rax
        std
        mov ecx, 1
        rep movsq
        push 0x8d7                      ; all status flags
        popfq
        adc rax, rbx
%endmacro

; INTR, NMI
interrupt:
        save
        clobber
        restore
        iretq

; #DB of a single step: TF stays set in the program's RFLAGS.
single_step:
        save
        clobber
        inc qword [rel steps]
        restore
        iretq

; #PF: the page becomes present.
page_fault:
        save
        mov rbx, cr2
        mov rax, rbx
        shr rax, 12
        or qword [PAGE_TABLE + rax * 8], 1
        invlpg [rbx]
        inc qword [rel page_faults]
        clobber
        restore
        add rsp, 8                      ; error code
        iretq

; Anything else is a failure.
unexpected:
        cli
        hlt

        align 8
scratch:
        dq 0
steps:
        dq 0
page_faults:
        dq 0
handler_data:
        dq 1, 2, 3
