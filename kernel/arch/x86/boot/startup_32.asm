; The protected-mode entry point, loaded at 1 MiB: puts the kernel where it runs, builds the first page tables and switches
; to long mode. Entered with flat 32-bit segments, paging off, interrupts off, ESI = physical address of boot_params.
; Capitals come from host/build/kernel_image.ts: the layout of startup_64.asm. The kernel itself is appended behind.
;
;     early_top_pgt: 0    -> low_pud      identity map of the first 4 GiB
;                    273  -> low_pud      PAGE_OFFSET ffff888000000000: the same, the direct map
;                    511  -> high_pud: 510 -> pmd 0     ffffffff80000000: the first GiB
;     low_pud: 0-3 -> pmd 0-3, 2 MiB pages
;
; Linux: arch/x86/boot/compressed/head_64.S. SDM vol 3A "Initializing IA-32e Mode".
        bits 32
        org 0x100000

PAGE_TABLE              equ 0x003               ; present, writable
PAGE_LARGE              equ 0x083               ; and 2 MiB
PGD_DIRECT_MAP          equ 273
LOW_PUD                 equ EARLY_TOP_PGT + 0x1000
HIGH_PUD                equ EARLY_TOP_PGT + 0x2000
PMDS                    equ EARLY_TOP_PGT + 0x3000
EARLY_PAGE_TABLES_SIZE  equ 0x7000

startup_32:
        cld
        cli
        mov ebp, esi
        lgdt [gdt_pointer]
        mov eax, KERNEL_DS
        mov ds, eax
        mov es, eax
        mov fs, eax
        mov gs, eax
        mov ss, eax

        mov esi, payload
        mov edi, KERNEL_PHYSICAL
        mov ecx, PAYLOAD_BYTES / 4
        rep movsd

        mov edi, EARLY_TOP_PGT
        xor eax, eax
        mov ecx, EARLY_PAGE_TABLES_SIZE / 4
        rep stosd
        mov dword [EARLY_TOP_PGT], LOW_PUD + PAGE_TABLE
        mov dword [EARLY_TOP_PGT + PGD_DIRECT_MAP * 8], LOW_PUD + PAGE_TABLE
        mov dword [EARLY_TOP_PGT + 511 * 8], HIGH_PUD + PAGE_TABLE
        mov dword [HIGH_PUD + 510 * 8], PMDS + PAGE_TABLE
        mov eax, PMDS + PAGE_TABLE
        mov edi, LOW_PUD
        mov ecx, 4
.pud:   mov [edi], eax
        add eax, 0x1000
        add edi, 8
        loop .pud
        mov eax, PAGE_LARGE
        mov edi, PMDS
        mov ecx, 4 * 512
.pmd:   mov [edi], eax
        add eax, 0x200000
        add edi, 8
        loop .pmd

        mov eax, cr4
        or eax, 1 << 5          ; PAE
        mov cr4, eax
        mov eax, EARLY_TOP_PGT
        mov cr3, eax
        mov ecx, 0xc0000080     ; EFER
        rdmsr
        or eax, 1 << 8          ; LME
        wrmsr
        mov eax, cr0
        or eax, 0x80000001      ; PG, PE
        mov cr0, eax
        jmp KERNEL_CS:long_mode

        bits 64
long_mode:
        mov esi, ebp
        mov rax, STARTUP_64
        jmp rax

KERNEL32_CS             equ 0x08
KERNEL_CS               equ 0x10
KERNEL_DS               equ 0x18

        align 8, db 0
gdt:    dq 0
        dq 0x00cf9b000000ffff   ; KERNEL32_CS
        dq 0x00af9b000000ffff   ; KERNEL_CS: 64-bit
        dq 0x00cf93000000ffff   ; KERNEL_DS
gdt_end:
gdt_pointer:
        dw gdt_end - gdt - 1
        dd gdt

; What boot loaders may want to know about the kernel. Linux: arch/x86/boot/compressed/kernel_info.S.
        align 16, db 0
kernel_info:
        db "LToP"
        dd kernel_info_end - kernel_info
        dd kernel_info_end - kernel_info
        dd 0x800000ff           ; setup_type_max: SETUP_INDIRECT of the last known type
kernel_info_end:

        align 16, db 0
payload:
