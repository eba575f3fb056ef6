; 32-bit paging: every right, both page sizes, the reserved bit, accessed and dirty bit. SDM vol 3A "32-Bit Paging".
%define IMAGE "paging_32"
%include "lib/system.asm"

%define LEVELS 2
%define ENTRY_BYTES 4
%define HAS_NX 0
%define TOP_FLAGS 7
; Entry 201 of the directory, 205 of the table.
%define TARGET 0x80605000
%define USER_CODE 0x40000000
%include "lib/paging.asm"
%include "lib/paging_matrices.asm"

TOP_TABLE       equ PAGING_TABLES
USER_PT         equ PAGING_TABLES + 0x1000
TARGET_PT       equ PAGING_TABLES + 0x2000
PAGING_CR4      equ CR4_PSE
%include "lib/paging_legacy.asm"

entry_places:   dd TARGET_PT + 0x205 * 4, TOP_TABLE + 0x201 * 4
page_sizes:     dd TARGET_PHYSICAL, TARGET_PHYSICAL & ~0x3fffff | PTE_PS

reserved_rows:  db 1, 1, 7
                db 1, 1, 8
                db 1, 1, 9
                db 1, 2, 8
                db 2, 2, 8
                db 2, 2, 12
                db 2, 2, 21
                db 0

build_identity:
        mov edi, PAGING_TABLES
        mov ecx, 16 * 4096 / 4
        xor eax, eax
        rep stosd
        mov edi, TOP_TABLE
        mov eax, PTE_P | PTE_RW | PTE_PS
        mov ecx, 256
.page:  mov [edi], eax
        add edi, 4
        add eax, 0x400000
        loop .page
        mov dword [TOP_TABLE + 0x100 * 4], USER_PT + PTE_ALL
        mov dword [USER_PT], USER_PAGE + PTE_ALL
        set_descriptor LDT_SLOT, TARGET, 0xff, 0x82, 0
        ret

; Without CR4.PSE bit 7 of a directory entry means nothing: it leads to a table. The table is TARGET_PT, where a large page
; would have its first 4 MiB; the identity comes from a table of its own.
NO_PSE_PD       equ PAGING_TABLES + 0x4000
NO_PSE_PT       equ PAGING_TABLES + 0x5000
without_pse:
        mov edi, NO_PSE_PT
        mov eax, PTE_P | PTE_RW
        mov ecx, 1024
.page:  mov [edi], eax
        add edi, 4
        add eax, 0x1000
        loop .page
        mov dword [NO_PSE_PD], NO_PSE_PT + PTE_P + PTE_RW
        mov dword [NO_PSE_PD + 0x201 * 4], TARGET_PT + PTE_ALL + PTE_PS
        check "ps without pse"
        call reset_parameters
        call build_target
        mov dword [TARGET_PHYSICAL], 0x12345678
        run PROTECTED32_0
        mov eax, NO_PSE_PD
        mov cr3, eax
        mov eax, cr0
        or eax, CR0_PG
        mov cr0, eax
        mov ebx, [TARGET]
        end_run
        call put_result
        puts " ebx="
        putx 8, [rec_regs + REG_ebx * 8]
        end_check
        ret

main:   call build_identity
        call all_matrices
        call without_pse
        finish
