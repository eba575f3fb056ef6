; What drops translations: INVLPG, MOV CR3, MOV CR4, INVPCID; changes of rights that need no flush. A translation that may be
; kept is never asked for. SDM vol 3A "Caching Translation Information".
%define IMAGE "tlb"
%include "lib/system.asm"
%include "lib/tlb.asm"

; For pages of each size, global or not.
%macro flushes 3                ; name of the size, level, name and flag of global
        steps {"flush ", %1, " by invlpg"}, %2, %3, 0
        look
        change %2
        invlpg [rsi]
        look
        end_steps
        steps {"flush ", %1, " by pge cleared"}, %2, %3, 0
        look
        change %2
        change_cr4 CR4_PGE, 0
        look
        end_steps
        steps {"flush ", %1, " by pge set"}, %2, %3, 0
        change_cr4 CR4_PGE, 0
        look
        change %2
        change_cr4 0, CR4_PGE
        look
        end_steps
        steps {"flush ", %1, " by smep set"}, %2, %3, 0
        look
        change %2
        change_cr4 0, CR4_SMEP
        look
        end_steps
        steps {"flush ", %1, " by invpcid of all contexts and globals"}, %2, %3, 0
        look
        change %2
        mov eax, 2
        invpcid rax, [invpcid_zero]
        look
        end_steps
%if %3 == 0
        steps {"flush ", %1, " by mov cr3"}, %2, %3, 0
        look
        change %2
        load_cr3 PML4
        look
        end_steps
        steps {"flush ", %1, " by invpcid of the address"}, %2, %3, 0
        look
        change %2
        mov eax, 0
        invpcid rax, [invpcid_target]
        look
        end_steps
        steps {"flush ", %1, " by invpcid of context 0"}, %2, %3, 0
        look
        change %2
        mov eax, 1
        invpcid rax, [invpcid_zero]
        look
        end_steps
        steps {"flush ", %1, " by invpcid of all contexts"}, %2, %3, 0
        look
        change %2
        mov eax, 3
        invpcid rax, [invpcid_zero]
        look
        end_steps
%endif
%endmacro

flush_checks:
        flushes "4k", 1, 0
        flushes "2m", 2, 0
        flushes "1g", 3, 0
        flushes "4k global", 1, PTE_G
        flushes "2m global", 2, PTE_G
        flushes "1g global", 3, PTE_G

        steps "flush 2m by invlpg of another address in it", 2, 0, 0
        look
        change 2
        invlpg [rsi + 0x100000]
        look
        end_steps
        steps "flush 1g by invlpg of another address in it", 3, 0, 0
        look
        change 3
        invlpg [rsi + 0x10000000]
        look
        end_steps
        steps "flush 4k by invlpg at its last byte", 1, 0, 0
        look
        change 1
        invlpg [rsi + 0xfff]
        look
        end_steps
        steps "flush of a changed directory entry by invlpg", 1, 0, 0
        look
        mov dword [TARGET_PD + 3 * 8], OTHER_PT + PTE_ALL
        invlpg [rsi]
        look
        end_steps
        steps "flush of a changed pml4 entry by mov cr3", 1, 0, 0
        look
        mov dword [PML4 + 8], OTHER_PDPT + PTE_ALL
        load_cr3 PML4
        look
        end_steps
        steps "flush 2m split into 4k by invlpg", 2, 0, 0
        look
        mov dword [TARGET_PT + 5 * 8], OTHER_4K + PTE_P + PTE_RW
        mov dword [TARGET_PD + 3 * 8], TARGET_PT + PTE_ALL
        invlpg [rsi]
        look
        end_steps
        steps "unmapped 4k, invlpg", 1, 0, 0
        look
        and dword [TARGET_PT + 5 * 8], ~PTE_P
        invlpg [rsi]
        look
        end_steps
        steps "mapped after not present, no flush", 1, 0, 0
        and dword [TARGET_PT + 5 * 8], ~PTE_P
        invlpg [rsi]
        or dword [TARGET_PT + 5 * 8], PTE_P
        look
        end_steps
        ret

; Code that was executed, then its page is another.
code_checks:
        steps "code of another page after invlpg", 1, 0, 0
        mov dword [TARGET_PHYSICAL], 0xc3c35bb3         ; mov bl, 5b; ret
        mov dword [OTHER_4K], 0xc3c36bb3                ; mov bl, 6b; ret
        call rsi
        shl ebx, 8
        change 1
        invlpg [rsi]
        call rsi
        end_steps
        ret

; Rights that count at once, though a translation is there.
rights_checks:
        steps "wp set after a write", 1, 0, 0
        and dword [TARGET_PT + 5 * 8], ~PTE_RW
        invlpg [rsi]
        mov dword [rsi], 0xaaaaaaaa
        look
        mov rax, cr0
        or eax, CR0_WP
        mov cr0, rax
        look
        mov dword [rsi], 0
        end_steps
        steps "smap set after a read", 1, PTE_US, 0
        look
        change_cr4 0, CR4_SMAP
        look
        end_steps
        steps "smap, stac", 1, PTE_US, CR4_SMAP
        stac
        look
        end_steps
        steps "smap, stac and clac", 1, PTE_US, CR4_SMAP
        stac
        look
        clac
        look
        end_steps
        steps "smap, popf with ac, popf without", 1, PTE_US, CR4_SMAP
        push FLAG_AC
        popfq
        look
        push 0
        popfq
        look
        end_steps
        steps "smap, iret with ac, iret without", 1, PTE_US, CR4_SMAP
        mov rdx, rsp
        lea rcx, [rel .first]
        push DATA32
        push rdx
        push FLAG_AC
        push CODE64
        push rcx
        iretq
.first: look
        mov rdx, rsp
        lea rcx, [rel .second]
        push DATA32
        push rdx
        push 0
        push CODE64
        push rcx
        iretq
.second:
        look
        end_steps
        ret

more_rights_checks:
        steps "smap, ac, write", 1, PTE_US, CR4_SMAP
        stac
        mov dword [rsi], 0xbbbbbbbb
        look
        clac
        mov dword [rsi], 0xaaaaaaaa
        end_steps
        steps "smap cleared", 1, PTE_US, CR4_SMAP
        change_cr4 CR4_SMAP, 0
        look
        end_steps
        steps "smep set after code was run", 1, PTE_US, 0
        mov dword [TARGET_PHYSICAL], 0xc3c35bb3         ; mov bl, 5b; ret
        call rsi
        change_cr4 0, CR4_SMEP
        call rsi
        end_steps
        steps "xd set after code was run, invlpg", 1, 0, 0
        mov dword [TARGET_PHYSICAL], 0xc3c35bb3
        call rsi
        mov dword [TARGET_PT + 5 * 8 + 4], 1 << 31
        invlpg [rsi]
        call rsi
        end_steps
        steps "dirty after a read, then a write", 1, 0, 0
        look
        mov ecx, [TARGET_PT + 5 * 8]
        mov dword [rsi], 0xbbbbbbbb
        mov ebx, [TARGET_PT + 5 * 8]
        shl ebx, 16
        mov bx, cx
        end_steps
        steps "dirty again after it was cleared, invlpg", 1, 0, 0
        mov dword [rsi], 0xbbbbbbbb
        and dword [TARGET_PT + 5 * 8], ~(PTE_D | PTE_A)
        invlpg [rsi]
        mov al, [rsi]
        mov ecx, [TARGET_PT + 5 * 8]
        mov [rsi], al
        mov ebx, [TARGET_PT + 5 * 8]
        shl ebx, 16
        mov bx, cx
        end_steps
        ret

main:   call build_identity
        call build_other
        call flush_checks
        call code_checks
        call rights_checks
        call more_rights_checks
        finish
