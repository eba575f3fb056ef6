; What tlb.asm and pcid.asm share: checks that look at TARGET while its mapping changes.
%include "paging_long.asm"

%define TARGET_ADDRESS (TARGET_HIGH << 32 | TARGET)
%define PTE_G (1 << 8)
; TARGET before (its bytes are AA) and after its entry was changed (BB).
OTHER_4K        equ 0x606000
OTHER_2M        equ 0x405000

; The second context: the same, but TARGET is OTHER_4K.
OTHER_PML4      equ PAGING_TABLES + 0x9000
OTHER_PDPT      equ PAGING_TABLES + 0xa000
OTHER_PD        equ PAGING_TABLES + 0xb000
OTHER_PT        equ PAGING_TABLES + 0xc000

build_other:
        mov eax, [PML4]
        mov [OTHER_PML4], eax
        mov eax, [PML4 + 2 * 8]
        mov [OTHER_PML4 + 2 * 8], eax
        mov dword [OTHER_PML4 + 8], OTHER_PDPT + PTE_ALL
        mov dword [OTHER_PDPT + 8], OTHER_PD + PTE_ALL
        mov dword [OTHER_PD + 3 * 8], OTHER_PT + PTE_ALL
        mov dword [OTHER_PT + 5 * 8], OTHER_4K + PTE_P + PTE_RW
        ret

; TARGET as a page of level EAX with flags ECX.
prepare:
        call reset_parameters
        mov [leaf_level], eax
        mov [level_flags + eax * 4 - 4], ecx
        call build_target
        mov dword [TARGET_PHYSICAL], 0xaaaaaaaa
        mov dword [OTHER_4K], 0xbbbbbbbb
        mov dword [OTHER_2M], 0xbbbbbbbb
        mov dword [OTHER_PT + 5 * 8], OTHER_4K + PTE_P + PTE_RW
        ret

; A check: its name, the level of TARGET's page, more flags of its entry, more bits of CR4. What TARGET held each time `look`
; was executed comes out as digits, a or b.
%macro steps 4
        check {%1}
        mov eax, %2
        mov ecx, PTE_P | PTE_RW | (%3)
        call prepare
        with ebx, 0
        with_efer EFER_NXE
        run LONG_0
        mov eax, PML4
        mov cr3, rax
        mov rax, cr4
        or eax, CR4_PGE | (%4)
        mov cr4, rax
        mov rsi, TARGET_ADDRESS
%endmacro
%macro end_steps 0
        end_run
        call put_result
        puts " seen="
        putx 8, [rec_regs + REG_ebx * 8]
        end_check
%endmacro
%macro look 0
        movzx eax, byte [rsi]
        and eax, 15
        shl ebx, 4
        or ebx, eax
%endmacro
%macro change 1                 ; the entry of the page of that level: another page; that of 1 GiB: not present
%if %1 == 1
        xor dword [TARGET_PT + 5 * 8], TARGET_PHYSICAL ^ OTHER_4K
%elif %1 == 2
        xor dword [TARGET_PD + 3 * 8], (TARGET_PHYSICAL ^ OTHER_2M) & ~0x1fffff
%else
        and dword [TARGET_PDPT + 8], ~PTE_P
%endif
%endmacro
%macro load_cr3 1               ; a constant of 64 bits
        mov rax, %1
        mov cr3, rax
%endmacro
%macro change_cr4 2             ; bits to clear, bits to set
        mov rax, cr4
        and eax, ~(%1)
        or eax, %2
        mov cr4, rax
%endmacro

        align 16
invpcid_zero:   dq 0, 0
invpcid_target: dq 0, TARGET_ADDRESS
invpcid_1:      dq 1, 0
invpcid_1_target: dq 1, TARGET_ADDRESS
invpcid_reserved: dq 1 << 12, 0
invpcid_far:    dq 0, 1 << 47

