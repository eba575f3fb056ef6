; try_access (paging.asm) for the paging modes of protected mode. An image defines PAGING_CR4, the bits of CR4 that select its
; mode, and TOP_TABLE, what CR3 holds.
        bits 32
access_start:   dd 0

try_access:
        mov eax, [p_cr0]
        with_cr0 eax
        run PROTECTED32_0
%if HAS_NX
        mov ecx, MSR_EFER
        mov eax, [p_efer]
        xor edx, edx
        wrmsr
%endif
        mov eax, TOP_TABLE
        mov cr3, eax
        mov eax, PAGING_CR4
        or eax, [p_cr4]
        mov cr4, eax
        mov eax, cr0
        or eax, CR0_PG
        mov cr0, eax
        mov ecx, [p_access]
        cmp ecx, IMPLICIT
        jne .no_ldt
        mov eax, LDT_SLOT
        lldt ax
.no_ldt:
        mov esi, ecx
        shl esi, 4
        mov edi, TARGET
        mov edx, USER_CODE
        cmp dword [p_cpl], 0
        jne .start
        mov edx, stubs
.start: add edx, esi
        mov [access_start], edx
        add edx, [stub_stops + ecx * 4]
        cmp ecx, FETCH
        cmove edx, edi
        mov [trial_stop], edx
        mov ecx, LDT_ENTRY
        mov edx, [p_flags]
        or edx, 2
        cmp dword [p_cpl], 0
        jne .user
        push edx
        popfd
        jmp [access_start]
.user:  push DATA32 + 3 * RING | 3
        push TRIAL_SP
        push edx
        push CODE32 + 3 * RING | 3
        push dword [access_start]
        mov eax, DATA32 + 3 * RING | 3
        mov ds, eax
        iretd
        end_run
        ret
