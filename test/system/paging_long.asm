; 4-level paging: every right, page size, reserved bit, accessed and dirty bit. SDM vol 3A "4-Level Paging and 5-Level Paging".
%define IMAGE "paging_long"
%include "lib/system.asm"

%include "lib/paging_long.asm"
%include "lib/paging_matrices.asm"

; Page, entry, bit.
%macro reserved 3
        db %1, %2, %3
%endmacro
reserved_rows:
        reserved 1, 4, 7
        reserved 1, 4, 40
        reserved 1, 4, 51
        reserved 1, 4, 52
        reserved 1, 4, 62
        reserved 1, 4, 63
        reserved 1, 3, 40
        reserved 1, 3, 51
        reserved 1, 3, 52
        reserved 1, 3, 63
        reserved 1, 2, 40
        reserved 1, 2, 51
        reserved 1, 2, 52
        reserved 1, 2, 63
        reserved 1, 1, 7
        reserved 1, 1, 8
        reserved 1, 1, 40
        reserved 1, 1, 46
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
        reserved 2, 2, 63
        reserved 3, 3, 12
        reserved 3, 3, 13
        reserved 3, 3, 21
        reserved 3, 3, 29
        reserved 3, 3, 40
        reserved 3, 3, 51
        reserved 3, 3, 52
        reserved 3, 3, 63
        db 0

access_start:   dq 0
access_target:  dd TARGET, TARGET_HIGH
access_user:    dd USER_CODE, USER_CODE_HIGH

try_access:
        mov eax, [p_cr0]
        with_cr0 eax
        mov eax, [p_efer]
        with_efer eax
        run LONG_0
        mov eax, PML4
        mov cr3, rax
        mov rax, cr4
        or eax, [p_cr4]
        mov cr4, rax
        mov ecx, [p_access]
        cmp ecx, IMPLICIT
        jne .no_ldt
        mov eax, LDT_SLOT
        lldt ax
.no_ldt:
        mov edi, ecx
        shl edi, 4
        mov esi, [stub_stops + ecx * 4]
        mov rdx, [access_target]
        cmp dword [p_cpl], 0
        jne .user
        lea eax, [rdi + stubs]
        mov [access_start], rax
        add esi, eax
        cmp ecx, FETCH
        cmove esi, edx
        mov [trial_stop], esi
        mov rdi, rdx
        mov ecx, LDT_ENTRY
        push qword [p_flags]
        popfq
        jmp [access_start]
.user:  mov rax, [access_user]
        add rax, rdi
        add esi, eax
        cmp ecx, FETCH
        cmove esi, edx
        mov [trial_stop], esi
        mov rdi, rdx
        push DATA32 + 3 * RING | 3
        push TRIAL_SP
        mov ecx, [p_flags]
        or ecx, 2
        push rcx
        push CODE64 + 24 | 3
        push rax
        mov ecx, LDT_ENTRY
        iretq
        end_run
        ret

main:   call build_identity
        call all_matrices
        finish
