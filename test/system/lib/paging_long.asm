; The tables of 4-level paging for paging.asm: TARGET, USER_CODE, and everything else onto itself for the supervisor.
%define LEVELS 4
%define ENTRY_BYTES 8
%define HAS_NX 1
%define TOP_FLAGS 7
; TARGET is 80_4060_5000: entry 1 of the PML4, 1 of its page-directory-pointer table, 3 of the directory, 5 of the table.
%define TARGET 0x40605000
%define TARGET_HIGH 0x80
%define USER_CODE 0
%define USER_CODE_HIGH 0x100
%include "paging.asm"

PML4            equ PAGING_TABLES
IDENTITY_PDPT   equ PAGING_TABLES + 0x1000
IDENTITY_PD     equ PAGING_TABLES + 0x2000
USER_PDPT       equ PAGING_TABLES + 0x3000
USER_PD         equ PAGING_TABLES + 0x4000
USER_PT         equ PAGING_TABLES + 0x5000
TARGET_PDPT     equ PAGING_TABLES + 0x6000
TARGET_PD       equ PAGING_TABLES + 0x7000
TARGET_PT       equ PAGING_TABLES + 0x8000

entry_places:   dd TARGET_PT + 5 * 8, TARGET_PD + 3 * 8, TARGET_PDPT + 1 * 8, PML4 + 1 * 8
page_sizes:     dd TARGET_PHYSICAL, TARGET_PHYSICAL & ~0x1fffff | PTE_PS, TARGET_PHYSICAL & ~0x3fffffff | PTE_PS, 0

build_identity:
        mov edi, PAGING_TABLES
        mov ecx, 16 * 4096 / 4
        xor eax, eax
        rep stosd
        mov dword [PML4], IDENTITY_PDPT + PTE_ALL
        mov dword [IDENTITY_PDPT], IDENTITY_PD + PTE_ALL
        mov edi, IDENTITY_PD
        mov eax, PTE_P | PTE_RW | PTE_PS
        mov ecx, 512
.page:  mov [edi], eax
        add edi, 8
        add eax, 0x200000
        loop .page
        mov dword [PML4 + 2 * 8], USER_PDPT + PTE_ALL
        mov dword [USER_PDPT], USER_PD + PTE_ALL
        mov dword [USER_PD], USER_PT + PTE_ALL
        mov dword [USER_PT], USER_PAGE + PTE_ALL
        set_descriptor LDT_SLOT, TARGET, 0xff, 0x82, 0
        mov dword [gdt + LDT_SLOT + 8], TARGET_HIGH
        mov dword [gdt + LDT_SLOT + 12], 0
        ret
