; The kernel image proper, at virtual ffffffff81000000 = physical 16 MiB: sets up what the CPU needs to run kernel code and
; calls startKernel() (kernel/main.ts) through VMCALL. Entered by startup_32.asm in long mode on the early page tables,
; RSI = physical address of boot_params. The entry stubs (entry/entry_64.asm) are part of this image.
; Linux: arch/x86/kernel/head_64.S. SDM vol 3A "Descriptor Tables", "Control Registers".
        bits 64
        org START_KERNEL_MAP + KERNEL_PHYSICAL

__KERNEL32_CS           equ 0x08
__KERNEL_CS             equ 0x10
__KERNEL_DS             equ 0x18
__USER32_CS             equ 0x23
__USER_DS               equ 0x2b
__USER_CS               equ 0x33
GDT_ENTRY_TSS           equ 0x40

NR_VECTORS              equ 256
TSS_SIZE                equ 104
STACK_SIZE              equ 16384

; Control register bits that are set when CPUID offers the feature: leaf 1 EDX and ECX, leaf 7 EBX.
CPUID_PGE               equ 1 << 13
CPUID_FXSR              equ 1 << 24
CPUID_SSE               equ 1 << 25
CPUID_XSAVE             equ 1 << 26
CPUID_FSGSBASE          equ 1 << 0
CPUID_SMEP              equ 1 << 7
CPUID_SMAP              equ 1 << 20
XSTATE_FP_SSE           equ 3           ; XCR0

_text:
startup_64:
        cli
        cld
        mov r12, rsi
        lgdt [rel gdt_pointer]
        mov eax, __KERNEL_DS
        mov ds, eax
        mov es, eax
        mov ss, eax
        xor eax, eax
        mov fs, eax
        mov gs, eax
        lldt ax

        mov rdi, __bss_start
        mov ecx, (__bss_stop - __bss_start) / 8
        rep stosq

        mov rsp, init_stack_top
        push __KERNEL_CS        ; CS from the new table
        lea rax, [rel .reloaded]
        push rax
        o64 retf
.reloaded:
        lidt [rel idt_pointer]
        mov eax, GDT_ENTRY_TSS
        ltr ax

; CR4: global pages, SSE, XSAVE, FS and GS bases for programs, no kernel accesses to user pages; XCR0; CR0 as Linux's
; CR0_STATE; EFER: SYSCALL, no-execute.
        xor eax, eax
        cpuid
        xor edi, edi
        cmp eax, 7
        jb .no_leaf7
        mov eax, 7
        xor ecx, ecx
        cpuid
        mov edi, ebx
.no_leaf7:
        mov eax, 1
        cpuid
        mov rax, cr4
        test edx, CPUID_PGE
        jz .no_pge
        or eax, CR4_PGE
.no_pge:
        test edx, CPUID_FXSR
        jz .no_fxsr
        or eax, CR4_OSFXSR
.no_fxsr:
        test edx, CPUID_SSE
        jz .no_sse
        or eax, CR4_OSXMMEXCPT
.no_sse:
        test edi, CPUID_FSGSBASE
        jz .no_fsgsbase
        or eax, CR4_FSGSBASE
.no_fsgsbase:
        test edi, CPUID_SMEP
        jz .no_smep
        or eax, CR4_SMEP
.no_smep:
        test edi, CPUID_SMAP
        jz .no_smap
        or eax, CR4_SMAP
.no_smap:
        test ecx, CPUID_XSAVE
        jz .no_xsave
        or eax, CR4_OSXSAVE
.no_xsave:
        mov cr4, rax
        test eax, CR4_OSXSAVE
        jz .no_xcr0
        xor ecx, ecx
        xor edx, edx
        mov eax, XSTATE_FP_SSE
        xsetbv
.no_xcr0:
        mov eax, CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE
        mov cr0, rax
        fninit

        mov eax, 0x80000001
        cpuid
        mov edi, edx
        mov ecx, MSR_EFER
        rdmsr
        or eax, EFER_SCE
        test edi, 1 << 20       ; no-execute pages
        jz .no_nx
        or eax, EFER_NXE
.no_nx: wrmsr

        mov ecx, MSR_GS_BASE
        mov rax, percpu_area
        mov rdx, rax
        shr rdx, 32
        wrmsr
        mov ecx, MSR_KERNEL_GS_BASE
        xor eax, eax
        xor edx, edx
        wrmsr

        xor ebp, ebp            ; the last frame
        mov rsi, r12
        mov eax, VMCALL_START_KERNEL
        vmcall
; Not reached: startKernel() leaves by way of return_to_user or idle_loop.
.halt:  cli
        hlt
        jmp .halt

%include "../entry/entry_64.asm"

_etext:
        align 64, db 0
; --- Data ------------------------------------------------------------------------------------------------------------
; Linux: arch/x86/include/asm/segment.h, GDT_ENTRIES 16.
gdt:    dq 0
        dq 0x00cf9b000000ffff   ; 08 __KERNEL32_CS
        dq 0x00af9b000000ffff   ; 10 __KERNEL_CS
        dq 0x00cf93000000ffff   ; 18 __KERNEL_DS
        dq 0x00cffb000000ffff   ; 20 __USER32_CS
        dq 0x00cff3000000ffff   ; 28 __USER_DS
        dq 0x00affb000000ffff   ; 30 __USER_CS
        dq 0                    ; 38
        dw TSS_SIZE - 1         ; 40 TSS
        dw tss & 0xffff
        db (tss >> 16) & 0xff, 0x89, 0, (tss >> 24) & 0xff
        dd tss >> 32
        dd 0
        dq 0, 0                 ; 50 LDT
        dq 0, 0, 0              ; 60 TLS
        dq 0x0040f50000000000   ; 78 __CPUNODE
gdt_end:

        align 8, db 0
        dw 0, 0, 0
gdt_pointer:
        dw gdt_end - gdt - 1
        dq gdt
        align 8, db 0
        dw 0, 0, 0
idt_pointer:
        dw NR_VECTORS * 16 - 1
        dq idt_table

        align 16, db 0
tss:                            ; RSP0 and IST1 are written by arch/x86/idt.ts
        times 102 db 0
        dw TSS_SIZE             ; I/O permission bitmap: none
        align 64, db 0
_edata:

; --- Zeroed ----------------------------------------------------------------------------------------------------------
        alignb 4096
__bss_start:
idt_table:
        resb NR_VECTORS * 16
percpu_area:                    ; GS base in the kernel
        resb 4096
init_stack:
        resb STACK_SIZE
init_stack_top:
__bss_stop:

        alignb 4096
early_top_pgt:                  ; and six more: startup_32.asm
        resb 7 * 4096
_end:
