; Local APIC: virtual wire mode, in which LINT0 passes the 8259 pair's interrupts on and LINT1 NMIs. Its registers lie
; below 4 GiB: they are reached from real mode by a segment whose limit was loaded in protected mode.
MSR_APIC_BASE   equ 0x1b
APIC_ADDRESS    equ 0xfee00000
APIC_SVR        equ 0x0f0       ; spurious vector, bit 8: enabled
APIC_LINT0      equ 0x350
APIC_LINT1      equ 0x360

init_apic:
        mov eax, 1
        cpuid
        test edx, 1 << 9
        jz .done
        mov ecx, MSR_APIC_BASE
        rdmsr
        test ah, 1 << 2         ; x2APIC mode survives an INIT; the way back is through off
        jz .xapic
        xor eax, eax
        xor edx, edx
        wrmsr
        mov eax, APIC_ADDRESS | 0x900
        wrmsr
.xapic: mov bx, 0x08
        call load_es
        xor bx, bx
        mov es, bx              ; keeps the limit
        and eax, 0xfffff000
        mov dword [es:eax + APIC_SVR], 0x1ff
        mov dword [es:eax + APIC_LINT0], 0x700  ; ExtINT
        mov dword [es:eax + APIC_LINT1], 0x400  ; NMI
        mov bx, 0x10
        call load_es
        xor bx, bx
        mov es, bx
.done:  ret

; Loads ES with descriptor BX of the table below. Interrupts are off.
load_es:
        push eax
        o32 lgdt [cs:.pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp .protected
.protected:
        mov es, bx
        and al, 0xfe
        mov cr0, eax
        jmp .real
.real:  pop eax
        ret
.pointer:
        dw .end - .table - 1
        dd 0xf0000 + .table
.table: dq 0
        dq 0x00cf93000000ffff   ; 4 GiB
        dq 0x000093000000ffff   ; 64 KiB, as real mode wants it
.end:
