; PCIDs, and what MOV CR3, MOV CR4, INVLPG and INVPCID refuse. SDM vol 3A "Process-Context Identifiers (PCIDs)".
%define IMAGE "pcid"
%include "lib/system.asm"
%include "lib/tlb.asm"

has_pcid:       db 0
checks_cr3:     db 1

; Two contexts, PCIDs 1 and 2; PCID 1 sees TARGET, PCID 2 the other page.
%define KEEP (1 << 63)
%macro contexts 1               ; name
        guard has_pcid, {%1}
        steps {%1}, 1, 0, CR4_PCIDE
        load_cr3 PML4 | 1
        look
        load_cr3 OTHER_PML4 | 2
        look
%endmacro

%macro end_contexts 0
        end_steps
        end_guard
%endmacro
; MOV CR3 of a value that is refused.
%macro bad_cr3 2                ; name, value
        guard checks_cr3, {%1}
        steps {%1}, 1, 0, 0
        load_cr3 %2
        end_steps
        end_guard
%endmacro

pcid_checks:
        mov eax, 1
        cpuid
        bt ecx, 17
        setc [has_pcid]
        mov eax, 0x40000000
        cpuid
        cmp ebx, "TCGT"                         ; QEMU takes any CR3
        setne [checks_cr3]
        contexts "pcid two contexts"
        end_contexts
        contexts "pcid back to both, kept"
        load_cr3 PML4 | 1 | KEEP
        look
        load_cr3 OTHER_PML4 | 2 | KEEP
        look
        end_contexts
        contexts "pcid back, not kept"
        change 1
        load_cr3 PML4 | 1
        look
        end_contexts
        contexts "pcid invpcid of the other context"
        change 1
        mov eax, 1
        invpcid rax, [invpcid_1]
        load_cr3 PML4 | 1 | KEEP
        look
        end_contexts
        contexts "pcid invpcid of an address of the other context"
        change 1
        mov eax, 0
        invpcid rax, [invpcid_1_target]
        load_cr3 PML4 | 1 | KEEP
        look
        end_contexts
        contexts "pcid invpcid of all contexts"
        change 1
        mov eax, 3
        invpcid rax, [invpcid_zero]
        load_cr3 PML4 | 1 | KEEP
        look
        end_contexts
        contexts "pcid invpcid of all contexts and globals"
        change 1
        mov eax, 2
        invpcid rax, [invpcid_zero]
        load_cr3 PML4 | 1 | KEEP
        look
        end_contexts
        contexts "pcid invlpg in the current context"
        load_cr3 PML4 | 1 | KEEP
        look
        change 1
        invlpg [rsi]
        look
        end_contexts
        contexts "pcid invpcid of the current context"
        load_cr3 PML4 | 1 | KEEP
        change 1
        mov eax, 1
        invpcid rax, [invpcid_1]
        look
        end_contexts
        contexts "pcid pge changed flushes all"
        change 1
        change_cr4 CR4_PGE, 0
        load_cr3 PML4 | 1 | KEEP
        look
        end_contexts
        contexts "pcid pcide cleared flushes"
        change 1
        load_cr3 PML4
        change_cr4 CR4_PCIDE, 0
        look
        end_contexts
        contexts "pcid keep reads as 0"
        load_cr3 PML4 | 1 | KEEP
        mov rbx, cr3
        shr rbx, 32
        end_contexts
        contexts "pcid cr3 holds the pcid"
        mov rbx, cr3
        end_contexts
        ret

; What raises an exception.
fault_checks:
        steps "pcide set with a pcid in cr3", 1, 0, 0
        load_cr3 PML4 | 1
        change_cr4 0, CR4_PCIDE
        end_steps
        steps "pcide set with pwt in cr3", 1, 0, 0
        load_cr3 PML4 | 8
        change_cr4 0, CR4_PCIDE
        end_steps
        bad_cr3 "keep without pcide", PML4 | KEEP
        bad_cr3 "cr3 bit 40", PML4 | 1 << 40
        bad_cr3 "cr3 bit 51", PML4 | 1 << 51
        bad_cr3 "cr3 bit 52", PML4 | 1 << 52
        bad_cr3 "cr3 bit 61", PML4 | 1 << 61
        bad_cr3 "cr3 bit 62", PML4 | 1 << 62
        steps "invpcid type 4", 1, 0, 0
        mov rax, 4
        invpcid rax, [invpcid_zero]
        end_steps
        steps "invpcid type 1 << 32", 1, 0, 0
        mov rax, 1 << 32
        invpcid rax, [invpcid_zero]
        end_steps
        steps "invpcid reserved bit of the descriptor, type 0", 1, 0, 0
        mov rax, 0
        invpcid rax, [invpcid_reserved]
        end_steps
        steps "invpcid reserved bit of the descriptor, type 1", 1, 0, 0
        mov rax, 1
        invpcid rax, [invpcid_reserved]
        end_steps
        steps "invpcid reserved bit of the descriptor, type 2", 1, 0, 0
        mov rax, 2
        invpcid rax, [invpcid_reserved]
        end_steps
        steps "invpcid address not canonical, type 0", 1, 0, 0
        mov rax, 0
        invpcid rax, [invpcid_far]
        end_steps
        steps "invpcid address not canonical, type 1", 1, 0, 0
        mov rax, 1
        invpcid rax, [invpcid_far]
        end_steps
        steps "invpcid address not canonical, type 2", 1, 0, 0
        mov rax, 2
        invpcid rax, [invpcid_far]
        end_steps
        steps "invpcid pcid 1 without pcide, type 0", 1, 0, 0
        mov rax, 0
        invpcid rax, [invpcid_1]
        end_steps
        steps "invpcid pcid 1 without pcide, type 1", 1, 0, 0
        mov rax, 1
        invpcid rax, [invpcid_1]
        end_steps
        steps "invpcid pcid 1 without pcide, type 2", 1, 0, 0
        mov rax, 2
        invpcid rax, [invpcid_1]
        end_steps
        steps "invpcid pcid 1 without pcide, type 3", 1, 0, 0
        mov rax, 3
        invpcid rax, [invpcid_1]
        end_steps
        steps "invpcid descriptor in a page not present", 1, 0, 0
        and dword [TARGET_PT + 5 * 8], ~PTE_P
        mov eax, 2
        invpcid rax, [rsi]
        end_steps
        steps "invpcid descriptor at an address not canonical", 1, 0, 0
        mov rsi, 1 << 47
        mov eax, 2
        invpcid rax, [rsi]
        end_steps
        steps "invlpg address not canonical", 1, 0, 0
        mov rsi, 1 << 47
        invlpg [rsi]
        end_steps
        steps "invlpg page not present", 1, 0, 0
        and dword [TARGET_PT + 5 * 8], ~PTE_P
        invlpg [rsi]
        end_steps
        check "invlpg cpl 3"
        run LONG_3
        invlpg [rsi]
        end_run
        call put_result
        end_check
        check "invlpg virtual-8086 mode"
        run V86
        invlpg [si]
        end_run
        call put_result
        end_check
        check "invlpg real mode"
        run REAL
        invlpg [si]
        end_run
        call put_result
        end_check
        check "invpcid cpl 3"
        run LONG_3
        mov eax, 2
        invpcid rax, [invpcid_zero]
        end_run
        call put_result
        end_check
        check "invpcid protected mode"
        run PROTECTED32_0
        mov eax, 2
        invpcid eax, [invpcid_zero]
        end_run
        call put_result
        end_check
        check "invpcid virtual-8086 mode"
        run V86
        xor eax, eax
        invpcid eax, [si]
        end_run
        call put_result
        end_check
        check "pcide set outside long mode"
        run PROTECTED32_0
        mov eax, CR4_PAE | CR4_PCIDE
        mov cr4, eax
        end_run
        call put_result
        end_check
        guard has_pcid, "pg cleared with pcide"
        check "pg cleared with pcide"
        run COMPAT32_0
        mov eax, cr4
        or eax, CR4_PCIDE
        mov cr4, eax
        mov eax, cr0
        and eax, CR0_PG - 1
        mov cr0, eax
        end_run
        call put_result
        end_check
        end_guard
        ret

main:   call build_identity
        call build_other
        call pcid_checks
        call fault_checks
        finish
