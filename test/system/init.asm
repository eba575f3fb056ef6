; INIT, sent by the CPU to itself: what it changes and what it leaves, in the CPU and in its APIC. The BIOS finds a shutdown code in
; the CMOS and jumps through 40:67.
%define IMAGE "init"
%include "lib/system.asm"
%include "lib/interrupts.asm"

WARM_VECTOR     equ 0x467
MSR_APIC_BASE   equ 0x1b
MSR_STAR        equ 0xc0000081
MSR_LSTAR       equ 0xc0000082
MSR_KERNEL_GS_BASE equ 0xc0000102

        align 16
pattern:        dd 0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210
found_xmm:      dd 0, 0, 0, 0
found_cr0:      dd 0
found_cr3:      dd 0
found_cr4:      dd 0
found_efer:     dd 0
found_dr7:      dd 0

        bits 16
resume16:
        cli
        xor ax, ax
        mov ds, ax
        mov eax, cr0
        mov [found_cr0], eax
        mov eax, cr3
        mov [found_cr3], eax
        mov eax, cr4
        mov [found_cr4], eax
        mov eax, dr7
        mov [found_dr7], eax
        mov ecx, MSR_EFER
        rdmsr
        mov [found_efer], eax
        lgdt [gdt_pointer]
        mov eax, CR0_DEFAULT | CR0_PE
        mov cr0, eax
        jmp dword CODE32:resume32

        bits 32
resume32:
        mov ax, DATA32
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, MAIN_SP
        lidt [idt32_pointer]
        mov eax, CR4_OSFXSR
        mov cr4, eax
        movups [found_xmm], xmm3
        xor eax, eax
        mov cr4, eax

        check "cpu/cr0 PE and PG"
        mov eax, [found_cr0]
        and eax, CR0_PE | CR0_PG
        putx 8, eax
        end_check
        check "cpu/cr3"
        putx 8, [found_cr3]
        end_check
        check "cpu/cr4"
        putx 8, [found_cr4]
        end_check
        check "cpu/efer"
        putx 8, [found_efer]
        end_check
        check "cpu/dr7"
        putx 8, [found_dr7]
        end_check
        check "cpu/xmm3 is kept"
        putx 8, [found_xmm]
        putx 8, [found_xmm + 12]
        end_check
%macro put_msr 2
        check {"cpu/", %1}
        mov ecx, %2
        rdmsr
        putx 8, edx
        putx 8, eax
        end_check
%endmacro
        put_msr "star is kept", MSR_STAR
        put_msr "lstar is kept", MSR_LSTAR
        put_msr "kernel gs base is kept", MSR_KERNEL_GS_BASE
        put_msr "apic base is kept", MSR_APIC_BASE
        check "apic/id"
        putx 8, [APIC_ID]
        end_check
        check "apic/svr"
        putx 8, [APIC_SVR]
        end_check
        check "apic/tpr"
        putx 8, [APIC_TPR]
        end_check
        check "apic/ldr"
        putx 8, [APIC_LDR]
        end_check
        check "apic/dfr"
        putx 8, [APIC_DFR]
        end_check
        check "apic/irr"
        mov esi, APIC_IRR
        call put_vectors
        end_check
        check "apic/isr"
        mov esi, APIC_ISR
        call put_vectors
        end_check
        check "apic/lvt timer"
        putx 8, [APIC_LVT_TIMER]
        end_check
        check "apic/lvt lint1"
        putx 8, [APIC_LVT_LINT1]
        end_check
        check "apic/lvt error"
        putx 8, [APIC_LVT_ERROR]
        end_check
        check "apic/timer counts"
        putx 8, [APIC_INITIAL]
        putc ' '
        putx 8, [APIC_CURRENT]
        end_check
        check "apic/divide configuration"
        putx 8, [APIC_DIVIDE]
        end_check
        call interrupts_init
        check_log "apic/works again"
        self_ipi 0x51
        end_log
        check "apic/nmi is open"
        call clear_log
        apic_write APIC_ICR_HIGH, 0
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        mov ecx, 100
.nmi:   loop .nmi
        call put_log
        end_check
        finish

; In the handler of an NMI: NMIs are blocked. An INIT opens them.
init_itself:
        outb 0x70, 0x8f
        outb 0x71, 0x0a
        apic_write APIC_ICR_HIGH, 0
        apic_write APIC_ICR, ICR_ASSERT | ICR_INIT
.wait:  jmp .wait

main:   call interrupts_init
        mov word [WARM_VECTOR], resume16
        mov word [WARM_VECTOR + 2], 0
        mov eax, CR4_OSFXSR | CR4_PSE
        mov cr4, eax
        movups xmm3, [pattern]
        mov eax, PAGE_TABLES
        mov cr3, eax
        mov eax, 0x0003
        mov dr7, eax
%macro set_msr 3
        mov ecx, %1
        mov eax, %2
        mov edx, %3
        wrmsr
%endmacro
        set_msr MSR_STAR, 0x11223344, 0x55667788
        set_msr MSR_LSTAR, 0x12345678, 0x00001234
        set_msr MSR_KERNEL_GS_BASE, 0x9abcdef0, 0xffffffff
        set_msr MSR_EFER, EFER_SCE, 0
        apic_write APIC_TPR, 0x20
        apic_write APIC_LDR, 0x02000000
        apic_write APIC_DFR, 0x0fffffff
        apic_write APIC_LVT_TIMER, 0x31
        apic_write APIC_LVT_LINT1, 0x400
        apic_write APIC_LVT_ERROR, 0x32
        apic_write APIC_DIVIDE, 0xb
        apic_write APIC_INITIAL, 0xffffffff
        self_ipi 0x10
        mov dword [handlers + 2 * 4], init_itself
        apic_write APIC_ICR_HIGH, 0
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
.wait:  jmp .wait
