; PAE paging: every right, page size, reserved bit, accessed and dirty bit; the PDPTE registers. SDM vol 3A "PAE Paging".
%define IMAGE "paging_pae"
%include "lib/system.asm"

%define LEVELS 3
%define ENTRY_BYTES 8
%define HAS_NX 1
%define TOP_FLAGS 1
; Entry 2 of the page-directory-pointer table, 3 of the directory, 5 of the table.
%define TARGET 0x80605000
%define USER_CODE 0x40000000
%include "lib/paging.asm"
%include "lib/paging_matrices.asm"

TOP_TABLE       equ PAGING_TABLES
IDENTITY_PD     equ PAGING_TABLES + 0x1000
USER_PD         equ PAGING_TABLES + 0x2000
USER_PT         equ PAGING_TABLES + 0x3000
TARGET_PD       equ PAGING_TABLES + 0x4000
TARGET_PT       equ PAGING_TABLES + 0x5000
PAGING_CR4      equ CR4_PAE
%include "lib/paging_legacy.asm"

entry_places:   dd TARGET_PT + 5 * 8, TARGET_PD + 3 * 8, TOP_TABLE + 2 * 8
page_sizes:     dd TARGET_PHYSICAL, TARGET_PHYSICAL & ~0x1fffff | PTE_PS, 0

; Page, entry, bit.
%macro reserved 3
        db %1, %2, %3
%endmacro
reserved_rows:
        reserved 1, 3, 1
        reserved 1, 3, 2
        reserved 1, 3, 3
        reserved 1, 3, 4
        reserved 1, 3, 5
        reserved 1, 3, 6
        reserved 1, 3, 7
        reserved 1, 3, 8
        reserved 1, 3, 9
        reserved 1, 3, 11
        reserved 1, 3, 40
        reserved 1, 3, 51
        reserved 1, 3, 52
        reserved 1, 3, 62
        reserved 1, 3, 63
        reserved 1, 2, 40
        reserved 1, 2, 51
        reserved 1, 2, 52
        reserved 1, 2, 62
        reserved 1, 2, 63
        reserved 1, 1, 7
        reserved 1, 1, 8
        reserved 1, 1, 40
        reserved 1, 1, 51
        reserved 1, 1, 52
        reserved 1, 1, 62
        reserved 1, 1, 63
        reserved 2, 2, 12
        reserved 2, 2, 13
        reserved 2, 2, 20
        reserved 2, 2, 40
        reserved 2, 2, 51
        reserved 2, 2, 52
        reserved 2, 2, 62
        reserved 2, 2, 63
        db 0

build_identity:
        mov edi, PAGING_TABLES
        mov ecx, 16 * 4096 / 4
        xor eax, eax
        rep stosd
        mov dword [TOP_TABLE], IDENTITY_PD + PTE_P
        mov edi, IDENTITY_PD
        mov eax, PTE_P | PTE_RW | PTE_PS
        mov ecx, 512
.page:  mov [edi], eax
        add edi, 8
        add eax, 0x200000
        loop .page
        mov dword [TOP_TABLE + 8], USER_PD + PTE_P
        mov dword [USER_PD], USER_PT + PTE_ALL
        mov dword [USER_PT], USER_PAGE + PTE_ALL
        set_descriptor LDT_SLOT, TARGET, 0xff, 0x82, 0
        ret

; MOV CR3 loads the PDPTE registers, and they are used until the next: a change in memory is not seen. SDM vol 3A "PDPTE
; Registers". The trial reads TARGET, clears the entry's P in memory, drops TARGET's translation, does what is asked, reads again.
%macro pdpte 1                  ; what it is called; then instructions; end_pdpte
        check %1
        call reset_parameters
        call build_target
        run PROTECTED32_0
        mov eax, TOP_TABLE
        mov cr3, eax
        mov eax, CR4_PAE
        mov cr4, eax
        mov eax, cr0
        or eax, CR0_PG
        mov cr0, eax
        mov ebx, [TARGET]
        mov dword [TOP_TABLE + 2 * 8], 0
        invlpg [TARGET]
%endmacro
%macro end_pdpte 0
        mov ebx, [TARGET]
        end_run
        call put_result
        end_check
%endmacro

; The same with a reserved bit in the entry instead: whether loading it raises #GP.
%macro bad_pdpte 1
        check %1
        call reset_parameters
        call build_target
        run PROTECTED32_0
        mov eax, TOP_TABLE
        mov cr3, eax
        mov eax, CR4_PAE
        mov cr4, eax
        mov eax, cr0
        or eax, CR0_PG
        mov cr0, eax
        or dword [TOP_TABLE + 2 * 8], 1 << 5
%endmacro

pdpte_registers:
        pdpte "pdpte kept"
        end_pdpte
        pdpte "pdpte loaded by mov cr3"
        mov eax, cr3
        mov cr3, eax
        end_pdpte
        pdpte "pdpte loaded by mov cr0 with cd changed"
        mov eax, cr0
        or eax, 1 << 30
        mov cr0, eax
        end_pdpte
        pdpte "pdpte kept by mov cr0 with wp changed"
        mov eax, cr0
        or eax, CR0_WP
        mov cr0, eax
        end_pdpte
        pdpte "pdpte loaded by mov cr4 with pge changed"
        mov eax, CR4_PAE | CR4_PGE
        mov cr4, eax
        end_pdpte
        pdpte "pdpte loaded by mov cr4 with pse changed"
        mov eax, CR4_PAE | CR4_PSE
        mov cr4, eax
        end_pdpte
        pdpte "pdpte loaded by mov cr4 with smep changed"
        mov eax, CR4_PAE | CR4_SMEP
        mov cr4, eax
        end_pdpte
        pdpte "pdpte kept by mov cr4 with de changed"
        mov eax, CR4_PAE | CR4_DE
        mov cr4, eax
        end_pdpte
        bad_pdpte "bad pdpte, not loaded"
        end_pdpte
        bad_pdpte "bad pdpte, mov cr3"
        mov eax, cr3
        mov cr3, eax
        end_pdpte
        bad_pdpte "bad pdpte, mov cr0 with cd changed"
        mov eax, cr0
        or eax, 1 << 30
        mov cr0, eax
        end_pdpte
        bad_pdpte "bad pdpte, mov cr4 with pge changed"
        mov eax, CR4_PAE | CR4_PGE
        mov cr4, eax
        end_pdpte
        ret

main:   call build_identity
        call all_matrices
        call pdpte_registers
        finish
