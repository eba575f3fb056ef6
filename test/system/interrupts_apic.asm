; The local APIC as a place where interrupts wait: registers, priorities, IRR and ISR, TPR and CR8, EOI, errors, and the
; moments at which the CPU takes an interrupt. All interrupts are the CPU's own IPIs.
%define IMAGE "interrupts_apic"
%include "lib/system.asm"
%include "lib/interrupts.asm"

; What a register holds after all ones and after all zeros were written to it.
%macro writable 2               ; name, register
        check {"register/", %1, " after ffffffff"}
        apic_write %2, 0xffffffff
        putx 8, [%2]
        end_check
        check {"register/", %1, " after 00000000"}
        apic_write %2, 0
        putx 8, [%2]
        end_check
%endmacro

; The ESR after reading the register at %1.
%macro illegal 1
        begin_check
        puts "error/read of "
        putx 4, %1
        end_name
        call read_esr
        mov eax, [APIC + %1]
        call read_esr
        putx 2, eax
        end_check
%endmacro

        bits 32
; Handlers that tell what they see.
observed:       dd 0
wanted_tpr:     dd 0
read_ppr:
        mov eax, [wanted_tpr]
        mov [APIC_TPR], eax
        mov eax, [APIC_PPR]
        mov [observed], eax
        ret
see_ppr:
        call read_ppr
        jmp eoi_apic
send_higher:
        mov dword [handlers + 0x51 * 4], eoi_apic
        self_ipi 0x71
        self_ipi 0x51
        self_ipi 0x5f
        self_ipi 0x41
        call window
        jmp eoi_apic
send_again:
        mov dword [handlers + 0x51 * 4], eoi_apic
        self_ipi 0x51
        self_ipi 0x51
        call window
        jmp eoi_apic
end_early:                      ; EOI first: its own class may come in
        apic_write APIC_EOI, 0
        call window
        ret
never_end:
        call window
        ret
raise_tpr:
        apic_write APIC_TPR, 0x80
        call window
        jmp eoi_apic
nested_isr:
        mov esi, APIC_ISR
        call put_vectors
        puts " > "
        apic_write APIC_EOI, 0
        call put_vectors
        puts " > "
        ret

main:   call interrupts_init
        mov edi, handlers + PIC1_VECTOR * 4     ; no 8259 here
        mov ecx, 16
        mov eax, eoi_apic
        rep stosd

; --- Registers -----------------------------------------------------------------------------------------------------
        check "register/id"
        putx 8, [APIC_ID]
        end_check
        check "register/version, highest LVT entry"
        mov eax, [APIC_VERSION]
        and eax, 0x00ff00f0
        putx 8, eax
        end_check
        writable "tpr", APIC_TPR
        writable "ldr", APIC_LDR
        writable "dfr", APIC_DFR
        apic_write APIC_DFR, 0xffffffff
        writable "icr high", APIC_ICR_HIGH
        writable "initial count", APIC_INITIAL
        writable "divide configuration", APIC_DIVIDE
        apic_write APIC_SVR, 0x1ff
%macro writable_lvt 2           ; the mask bit stays set, so that nothing happens
        check {"register/lvt ", %1, ""}
        apic_write %2, 0x0001a0ff
        putx 8, [%2]
        end_check
        check {"register/lvt ", %1, " masked"}
        apic_write %2, LVT_MASKED
        putx 8, [%2]
        end_check
%endmacro
        writable_lvt "timer", APIC_LVT_TIMER
        writable_lvt "performance", APIC_LVT_PERF
        writable_lvt "lint0", APIC_LVT_LINT0
        writable_lvt "lint1", APIC_LVT_LINT1
        writable_lvt "error", APIC_LVT_ERROR
        check "register/lvt lint0 delivery status and remote irr are read-only"
        apic_write APIC_LVT_LINT0, LVT_MASKED | 0xd000
        putx 8, [APIC_LVT_LINT0]
        apic_write APIC_LVT_LINT0, LVT_MASKED
        end_check
%assign MODE 0
%rep 8
        begin_check
        puts "register/lvt lint1 mode "
        putx 1, MODE
        end_name
        apic_write APIC_LVT_LINT1, LVT_MASKED | MODE << 8 | 0x40
        putx 8, [APIC_LVT_LINT1]
        end_check
%assign MODE MODE + 1
%endrep
        apic_write APIC_LVT_LINT1, LVT_MASKED
        check "register/svr"
        apic_write APIC_SVR, 0x1a5
        putx 8, [APIC_SVR]
        apic_write APIC_SVR, 0x1ff
        end_check
        check "register/version and id are read-only or kept"
        apic_write APIC_VERSION, 0
        mov eax, [APIC_VERSION]
        and eax, 0xf0
        putx 2, eax
        end_check
        check "register/isr, irr, tmr are read-only"
        apic_write APIC_ISR + 0x20, 0xffffffff
        apic_write APIC_IRR + 0x20, 0xffffffff
        apic_write APIC_TMR + 0x20, 0xffffffff
        mov esi, APIC_ISR
        call put_vectors
        putc ' '
        mov esi, APIC_IRR
        call put_vectors
        end_check
        check "register/ppr is read-only"
        apic_write APIC_PPR, 0x40
        putx 2, [APIC_PPR]
        end_check
        call read_esr

; --- Each class of vectors: two of it wait in the IRR, the higher one comes first ---------------------------------------
        mov ebx, 0x10
each_class:
        begin_check
        puts "class/"
        putx 2, ebx
        puts " irr"
        end_name
        mov eax, ICR_SELF | ICR_ASSERT
        mov al, bl
        add al, 2
        mov [APIC_ICR], eax
        add al, 7
        mov [APIC_ICR], eax
        mov esi, APIC_IRR
        call put_vectors
        end_check
        call clear_log
        begin_check
        puts "class/"
        putx 2, ebx
        puts " order"
        end_name
        call window
        call put_log
        puts ", then "
        call put_vectors
        end_check
        add ebx, 0x10
        cmp ebx, 0x100
        jb each_class

; --- TPR: 15 requests wait, one of each class ---------------------------------------------------------------------------
%macro send_all 0
        mov eax, ICR_SELF | ICR_ASSERT | 0x18
%%next: mov [APIC_ICR], eax
        add al, 0x10
        jnc %%next
%endmacro
        xor ebx, ebx
each_tpr:
        call clear_log
        begin_check
        puts "tpr/"
        putx 2, ebx
        puts " lets in"
        end_name
        mov [APIC_TPR], ebx
        send_all
        call window
        call put_log
        end_check
        begin_check
        puts "tpr/"
        putx 2, ebx
        puts " keeps waiting"
        end_name
        mov esi, APIC_IRR
        call put_vectors
        end_check
        apic_write APIC_TPR, 0
        call window
        add ebx, 0x10
        cmp ebx, 0x100
        jb each_tpr
        check_log "tpr/low bits do not count"
        apic_write APIC_TPR, 0x4f
        self_ipi 0x50
        end_log
        check_log "tpr/lowered"
        apic_write APIC_TPR, 0xf0
        self_ipi 0x90
        call window
        call put_log
        putc ' '
        apic_write APIC_TPR, 0x80
        end_log
        apic_write APIC_TPR, 0

; --- PPR ----------------------------------------------------------------------------------------------------------------
%macro ppr 2                    ; TPR, vector in service (0: none)
        begin_check
        puts "ppr/tpr "
        putx 2, %1
        puts ", in service "
        putx 2, %2
        end_name
        mov dword [wanted_tpr], %1
%if %2
        mov dword [handlers + (%2) * 4], see_ppr
        self_ipi %2
        call window
        mov dword [handlers + (%2) * 4], eoi_apic
%else
        call read_ppr
%endif
        apic_write APIC_TPR, 0
        putx 2, [observed]
        end_check
%endmacro
        ppr 0x00, 0
        ppr 0x0f, 0
        ppr 0x30, 0
        ppr 0x4f, 0
        ppr 0x60, 0
        ppr 0x6d, 0
        ppr 0xff, 0
        ppr 0x00, 0x55
        ppr 0x0f, 0x55
        ppr 0x30, 0x55
        ppr 0x4f, 0x55
        ppr 0x60, 0x55
        ppr 0x6d, 0x55
        ppr 0xff, 0x55
        ppr 0x00, 0x10
        ppr 0x30, 0xf0

; --- Nesting ------------------------------------------------------------------------------------------------------------
        mov dword [handlers + 0x51 * 4], send_higher
        check_log "nest/a higher class interrupts, the same and lower ones wait"
        self_ipi 0x51
        call window
        call put_log
        end_check
        mov dword [handlers + 0x51 * 4], nest
        mov dword [handlers + 0x61 * 4], nest
        mov dword [handlers + 0x71 * 4], nest
        check_log "nest/three at once"
        self_ipi 0x51
        self_ipi 0x71
        self_ipi 0x61
        end_log
        mov dword [handlers + 0x51 * 4], send_again
        check_log "nest/itself twice while in service"
        self_ipi 0x51
        end_log
        check_log "irr/the same request twice is one"
        mov dword [handlers + 0x51 * 4], eoi_apic
        self_ipi 0x51
        self_ipi 0x51
        self_ipi 0x51
        end_log
        mov dword [handlers + 0x51 * 4], end_early
        check_log "eoi/before the end, the same class comes in"
        self_ipi 0x51
        self_ipi 0x50
        self_ipi 0x41
        end_log
        mov dword [handlers + 0x51 * 4], never_end
        check_log "eoi/none, the class and those below stay closed"
        self_ipi 0x51
        call window
        self_ipi 0x51
        self_ipi 0x41
        self_ipi 0x61
        end_log
        check "eoi/none, isr"
        mov esi, APIC_ISR
        call put_vectors
        end_check
        check "eoi/none, irr"
        mov esi, APIC_IRR
        call put_vectors
        end_check
        mov dword [handlers + 0x51 * 4], eoi_apic
        check_log "eoi/given later"
        apic_write APIC_EOI, 0
        end_log
        check_log "eoi/with nothing in service"
        apic_write APIC_EOI, 0
        self_ipi 0x51
        end_log
        check_log "eoi/any value"
        mov dword [handlers + 0x51 * 4], no_eoi
        self_ipi 0x51
        call window
        apic_write APIC_EOI, 0x12345678
        self_ipi 0x41
        end_log
        mov dword [handlers + 0x51 * 4], nest
        mov dword [handlers + 0x61 * 4], nested_isr
        mov dword [handlers + 0x71 * 4], eoi_apic
        check_log "eoi/ends the highest in service"
        self_ipi 0x51
        self_ipi 0x61
        end_log
        mov dword [handlers + 0x61 * 4], eoi_apic
        mov dword [handlers + 0x51 * 4], raise_tpr
        check_log "tpr/raised in a handler"
        self_ipi 0x51
        self_ipi 0x81
        self_ipi 0x91
        call window
        call put_log
        mov esi, APIC_IRR
        putc ' '
        call put_vectors
        apic_write APIC_TPR, 0
        call window
        end_check
        mov dword [handlers + 0x51 * 4], eoi_apic
        check "tmr/ipis are edges"
        self_ipi 0x51
        mov esi, APIC_TMR
        call put_vectors
        call window
        end_check

; --- Disabled by software ------------------------------------------------------------------------------------------------
        apic_write APIC_LVT_ERROR, 0xe1
        check "disabled/lvt is masked"
        apic_write APIC_SVR, 0xff
        putx 8, [APIC_LVT_ERROR]
        end_check
        check "disabled/mask bits stay set"
        apic_write APIC_LVT_ERROR, 0xe2
        putx 8, [APIC_LVT_ERROR]
        end_check
        check_log "disabled/ipi to itself is not accepted"
        self_ipi 0x51
        apic_write APIC_SVR, 0x1ff
        end_log
        check "disabled/enabling leaves the masks"
        putx 8, [APIC_LVT_ERROR]
        end_check
        apic_write APIC_LVT_ERROR, LVT_MASKED

; --- CR8 -----------------------------------------------------------------------------------------------------------------
        xor ebx, ebx
each_cr8:
        begin_check
        puts "cr8/mov cr8, "
        putx 1, ebx
        end_name
        with eax, ebx
        with ecx, 0
        run LONG_0
        mov cr8, rax
        mov ecx, 0
        mov rcx, cr8
        end_run
        putx 2, [APIC_TPR]
        putc ' '
        putx 2, [rec_regs + REG_ecx * 8]
        end_check
        begin_check
        puts "cr8/tpr "
        mov eax, ebx
        shl eax, 4
        or eax, 5
        putx 2, eax
        end_name
        mov [APIC_TPR], eax
        with ecx, 0
        run LONG_0
        mov rcx, cr8
        end_run
        putx 2, [rec_regs + REG_ecx * 8]
        end_check
        inc ebx
        cmp ebx, 16
        jb each_cr8
        apic_write APIC_TPR, 0
        with_qword eax, 16
        trial LONG_0, "cr8/16"
        mov cr8, rax
        end_trial
        with_qword eax, 0x100000000
        trial LONG_0, "cr8/2^32"
        mov cr8, rax
        end_trial
        trial LONG_3, "cr8/at cpl 3"
        mov cr8, rax
        end_trial

; --- When an interrupt is taken: the offset of the saved EIP ----------------------------------------------------------------
%macro boundary 1
        call clear_log
        mov dword [last_ip], 0
        check {"boundary/", %1}
        xor ecx, ecx
        self_ipi 0x51
%%start equ $
%assign BOUNDARY BOUNDARY + 1
boundary_ %+ BOUNDARY:
%endmacro
%macro end_boundary 0
        nop
        nop
        cli
        mov eax, [last_ip]
        or eax, eax
        jz .none_ %+ BOUNDARY
        sub eax, boundary_ %+ BOUNDARY
        putc '+'
        call put_decimal
        jmp .put_ %+ BOUNDARY
.none_ %+ BOUNDARY:
        puts "not"
.put_ %+ BOUNDARY:
        puts ", ecx="
        putx 2, ecx
        putc ' '
        call window
        call put_log
        end_check
%endmacro
%assign BOUNDARY 0
boundaries:
        boundary "sti holds off for one instruction"
        sti
        inc ecx
        inc ecx
        end_boundary
        boundary "sti, cli"
        sti
        cli
        inc ecx
        end_boundary
        boundary "sti, sti"
        sti
        sti
        inc ecx
        end_boundary
        boundary "sti with IF set does not hold off"
        sti
        nop
        inc ecx
        cli
        self_ipi 0x51
        sti
        nop
        inc ecx
        end_boundary
        boundary "sti, mov ss"
        mov ax, ss
        sti
        mov ss, ax
        inc ecx
        inc ecx
        end_boundary
        boundary "popf"
        push dword FLAG_IF | 2
        popfd
        inc ecx
        end_boundary
        boundary "popf without IF"
        push dword 2
        popfd
        inc ecx
        end_boundary
        boundary "iret"
        push dword FLAG_IF | 2
        push cs
        push dword .after_iret
        iretd
.after_iret:
        inc ecx
        end_boundary
        boundary "sti, jmp"
        sti
        jmp .after_jmp
        inc ecx
.after_jmp:
        inc ecx
        end_boundary
        boundary "sti, call"
        sti
        call .subroutine
        jmp .after_call
.subroutine:
        inc ecx
        ret
.after_call:
        end_boundary
        boundary "sti, hlt"
        sti
        hlt
        inc ecx
        end_boundary
        boundary "sti, pushf"
        sti
        pushfd
        pop ecx
        and ecx, FLAG_IF
        shr ecx, 4
        end_boundary
        call clear_log
        check "boundary/saved flags"
        self_ipi 0x51
        sti
        nop
        cli
        mov eax, [last_flags]
        and eax, FLAG_IF | 2
        putx 4, eax
        end_check
        call clear_log
        check "boundary/hlt wakes for a request above TPR only"
        apic_write APIC_TPR, 0x50
        self_ipi 0x51
        self_ipi 0x61
        sti
        hlt
        cli
        call put_log
        apic_write APIC_TPR, 0
        call window
        end_check
; --- At once: what the CPU does to its APIC is felt before the next instruction. The offset of the saved EIP. ----------------
%assign LATENCY 0
%macro latency 1                ; name; then the instruction, which has a label in front
        call clear_log
        mov dword [last_ip], 0
        check {"at once/", %1}
        xor ecx, ecx
%endmacro
%macro at_once 0
%assign LATENCY LATENCY + 1
        sti
        nop
latency_ %+ LATENCY:
%endmacro
%macro end_latency 0
        inc ecx
        inc ecx
        cli
        mov eax, [last_ip]
        sub eax, latency_ %+ LATENCY
        putc '+'
        call put_decimal
        puts ", ecx="
        putx 2, ecx
        putc ' '
        call window
        call put_log
        end_check
%endmacro
at_once_checks:
        latency "ipi to itself"
        at_once
        self_ipi 0x51
        end_latency
        latency "ipi to its id"
        apic_write APIC_ICR_HIGH, 0
        at_once
        apic_write APIC_ICR, ICR_ASSERT | 0x51
        end_latency
        latency "tpr lowered"
        apic_write APIC_TPR, 0xf0
        self_ipi 0x51
        at_once
        apic_write APIC_TPR, 0
        end_latency
        latency "tpr lowered by read, modify, write"
        apic_write APIC_TPR, 0xf0
        self_ipi 0x51
        at_once
        and dword [APIC_TPR], 0
        end_latency
        latency "eoi"
        mov dword [handlers + 0x61 * 4], no_eoi
        self_ipi 0x61
        call window
        mov dword [handlers + 0x61 * 4], eoi_apic
        call clear_log
        self_ipi 0x51
        at_once
        apic_write APIC_EOI, 0
        end_latency
        latency "nmi"
        apic_write APIC_ICR_HIGH, 0
        at_once
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        end_latency
        latency "two, the higher one first"
        apic_write APIC_TPR, 0xf0
        self_ipi 0x51
        self_ipi 0x61
        at_once
        apic_write APIC_TPR, 0
        end_latency
        apic_write APIC_TPR, 0xf0
        self_ipi 0x51
        with_flags FLAG_IF
        with eax, 0
        trial LONG_0, "at once/mov cr8"
        mov cr8, rax
        inc ecx
        inc ecx
        end_trial
        apic_write APIC_EOI, 0
        call window

; --- Relocated over RAM ------------------------------------------------------------------------------------------------
ELSEWHERE       equ 0x300000
MSR_APIC_BASE   equ 0x1b
%macro relocate 1
        mov ecx, MSR_APIC_BASE
        mov eax, (%1) | 0x900
        xor edx, edx
        wrmsr
%endmacro
        apic_write APIC_TPR, 0
        mov dword [ELSEWHERE + (APIC_VERSION - APIC)], 0x12345678
        mov dword [ELSEWHERE + (APIC_TPR - APIC)], 0x12345678
        check "relocated/registers are there"
        relocate ELSEWHERE
        mov eax, [ELSEWHERE + (APIC_VERSION - APIC)]
        and eax, 0x00ff00f0
        putx 8, eax
        end_check
        check "relocated/writes go there"
        mov dword [ELSEWHERE + (APIC_TPR - APIC)], 0x40
        putx 8, [ELSEWHERE + (APIC_TPR - APIC)]
        mov dword [ELSEWHERE + (APIC_TPR - APIC)], 0
        end_check
        check_log "relocated/ipi"
        mov dword [handlers + 0x51 * 4], eoi_elsewhere
        mov dword [ELSEWHERE + (APIC_ICR - APIC)], ICR_SELF | ICR_ASSERT | 0x51
        end_log
        check "relocated/in long mode"
        with ecx, 0
        run LONG_0
        mov ecx, [ELSEWHERE + (APIC_VERSION - APIC)]
        end_run
        mov eax, [rec_regs + REG_ecx * 8]
        and eax, 0x00ff00f0
        putx 8, eax
        end_check
        relocate APIC
        check "relocated/back, the memory is as it was"
        putx 8, [ELSEWHERE + (APIC_VERSION - APIC)]
        putx 8, [ELSEWHERE + (APIC_TPR - APIC)]
        end_check
        check "relocated/back, the registers too"
        mov eax, [APIC_VERSION]
        and eax, 0x00ff00f0
        putx 8, eax
        end_check
; --- Errors. TPR keeps illegal vectors out: QEMU delivers them. 
        apic_write APIC_TPR, 0x10
        call read_esr
        check "error/none"
        call read_esr
        putx 2, eax
        end_check
        xor ebx, ebx
each_illegal_vector:
        begin_check
        puts "error/self ipi with vector "
        putx 2, ebx
        end_name
        call clear_log
        mov eax, ICR_SELF | ICR_ASSERT
        or eax, ebx
        mov [APIC_ICR], eax
        call read_esr
        putx 2, eax
        putc ' '
        call window
        call put_log
        end_check
        inc ebx
        cmp ebx, 16
        jb each_illegal_vector
        check "error/ipi to its id with vector 0f"
        apic_write APIC_ICR_HIGH, 0
        apic_write APIC_ICR, ICR_ASSERT | 0x0f
        call read_esr
        putx 2, eax
        end_check
        check "error/read needs a write before"
        call read_esr
        self_ipi 0x0a
        putx 2, [APIC_ESR]
        putc ' '
        call read_esr
        putx 2, eax
        putc ' '
        call read_esr
        putx 2, eax
        end_check
        illegal 0x000
        illegal 0x010
        illegal 0x040
        illegal 0x070
        illegal 0x290
        illegal 0x3a0
        illegal 0x3d0
        illegal 0x3f0
        apic_write APIC_LVT_ERROR, 0xe1
        check_log "error/interrupts"
        self_ipi 0x0a
        end_log
        call read_esr
        apic_write APIC_LVT_ERROR, LVT_MASKED | 0xe1
        check_log "error/masked"
        self_ipi 0x0a
        end_log
        call read_esr
        apic_write APIC_LVT_ERROR, LVT_MASKED

        finish

eoi_elsewhere:
        mov dword [ELSEWHERE + (APIC_EOI - APIC)], 0
        ret
