; Call gates, and interrupt and trap gates: what they accept, the stack they switch to, what they push, the flags they leave.
; Rows of cells are explained at report_cell (lib/report.asm).
%define IMAGE "gates"
%include "lib/system.asm"

GATE            equ FREE                ; the call gate that is tried; 16 bytes in long mode
TARGET          equ FREE + 0x10         ; code, of varying type and DPL
STACK           equ FREE + 0x18         ; a stack segment that is tried
VECTOR          equ 0x40                ; the interrupt gate that is tried

        variable cpl, 4
        variable gate_dpl, 4
        variable gate_rpl, 4
        variable target_dpl, 4
        variable target_type, 4
        variable far_pointer, 8
        variable seen, 4 * 20           ; what the procedure found on its stack
        variable seen_cs, 4
        variable seen_ss, 4
        variable seen_sp, 4
        variable seen_flags, 4

        bits 32
; Code segment TARGET of [target_type] and [target_dpl], and a 32-bit call gate to `procedure` in it, DPL [gate_dpl].
make_gate:
        mov dword [gdt + TARGET], 0x0000ffff
        mov eax, [target_dpl]
        shl eax, 5
        or eax, [target_type]
        shl eax, 8
        or eax, 0x00cf0000
        mov [gdt + TARGET + 4], eax
        set_gate gdt + GATE, TARGET, procedure, GATE_CALL
        mov eax, [gate_dpl]
        shl eax, 5
        or [gdt + GATE + 5], al
        mov dword [gdt + GATE + 8], 0
        mov dword [gdt + GATE + 12], 0
        ret

; Where the gates lead. Notes what it sees and ends the trial.
procedure:
        pushfd
        mov eax, esp
        mov ebp, cs
        mov edx, ss
        push ds
        mov cx, DATA32 + 3 * RING | 3
        mov ds, cx
        mov [seen_cs], ebp
        mov [seen_ss], edx
        add eax, 4
        mov [seen_sp], eax
        pop dword [seen + 4 * 19]               ; DS
        pop dword [seen_flags]
%assign SLOT 0
%rep 12
        mov ecx, [ss:eax + SLOT * 4]
        mov [seen + SLOT * 4], ecx
%assign SLOT SLOT + 1
%endrep
        ud2

; Prints what procedure saw: CS, SS, flags, bytes pushed below the top of that ring's stack, and these in dwords, return addresses
; as offsets from the snippet's start; or what happened instead.
report_procedure:
        cmp dword [seen_cs], 0
        je report_trial
        puts "cs="
        putx 4, [seen_cs]
        puts " ss="
        putx 4, [seen_ss]
        puts " fl="
        putx 8, [seen_flags]
        puts " pushed="
        mov ecx, [seen_sp]
        neg ecx
        and ecx, 0x3ff
        putx 2, ecx
        shr ecx, 2
        jz .return
        cmp ecx, 12
        ja .return
        mov esi, seen
.word:  lodsd
        putc ' '
        cmp eax, [trial_start]
        jb .plain
        cmp eax, [trial_end]
        ja .plain
        putc '+'
        sub eax, [trial_start]
        call put_decimal
        jmp .next
.plain: putx 8, eax
.next:  loop .word
.return:
        ret

clear_seen:
        mov dword [seen_cs], 0
        ret

main:
; Who may call through a gate: CPL, DPL of the gate, RPL of its selector, with the target in ring 0.
%macro call_rows 2                      ; name, how to call
        mov dword [target_type], 0x9a
        mov dword [target_dpl], 0
        mov dword [expected_code], GATE
        mov dword [cpl], 0
%%cpl:  begin_check
        puts {%1, "/cpl "}
        putx 1, [cpl]
        end_name
        mov dword [gate_dpl], 0
%%dpl:  mov dword [gate_rpl], 0
%%rpl:  call make_gate
        call clear_seen
        mov eax, GATE
        or eax, [gate_rpl]
        mov [far_pointer + 4], ax
        mov dword [far_pointer], 0x12345678             ; ignored
        mov eax, [cpl]
        mode_row PROTECTED32_0
        run_bits 32
        %2 far [far_pointer]
        end_run
        cmp dword [seen_cs], 0
        je %%fault
        mov eax, [seen_cs]
        and eax, 3
        putx 1, eax
        jmp %%next
%%fault:
        call report_cell
%%next: inc dword [gate_rpl]
        cmp dword [gate_rpl], 4
        jb %%rpl
        putc ' '
        inc dword [gate_dpl]
        cmp dword [gate_dpl], 4
        jb %%dpl
        end_check
        inc dword [cpl]
        cmp dword [cpl], 4
        jb %%cpl
%endmacro
        call_rows "call gate/call", call
        call_rows "call gate/jmp", jmp

; What the gate may lead to: every type and DPL, from CPL 3 and CPL 1.
%macro target_rows 3                    ; name, CPL, how
        mov dword [gate_dpl], 3
        mov dword [cpl], %2
        mov dword [expected_code], TARGET
        mov dword [target_type], 0x80
%%type: begin_check
        puts {%1, " from cpl "}
        putx 1, [cpl]
        puts "/target type "
        mov eax, [target_type]
        and eax, 0x1f
        putx 2, eax
        end_name
        mov dword [target_dpl], 0
%%dpl:  call make_gate
        call clear_seen
        mov word [far_pointer + 4], GATE | 3
        mov eax, [cpl]
        mode_row PROTECTED32_0
        run_bits 32
        %3 far [far_pointer]
        end_run
        cmp dword [seen_cs], 0
        je %%fault
        mov eax, [seen_cs]
        and eax, 3
        putx 1, eax
        jmp %%next
%%fault:
        call report_cell
%%next: inc dword [target_dpl]
        cmp dword [target_dpl], 4
        jb %%dpl
        end_check
        inc dword [target_type]
        cmp dword [target_type], 0xa0
        jb %%type
%endmacro
        target_rows "call gate/call", 3, call
        target_rows "call gate/call", 1, call
        target_rows "call gate/jmp", 3, jmp
        mov dword [target_type], 0x1a
        mov dword [target_dpl], 0

; Parameters and the new stack.
        mov dword [target_type], 0x9a
        mov dword [gate_dpl], 3
        mov dword [target_dpl], 0
        xor ebx, ebx
parameters:
        begin_check
        puts "parameters/"
        putx 2, ebx
        end_name
        call make_gate
        call clear_seen
        mov [gdt + GATE + 4], bl
        run PROTECTED32_3
        push dword 0x5555
        push dword 0x4444
        push dword 0x3333
        push dword 0x2222
        push dword 0x1111
        call GATE | 3:0
        end_run
        call report_procedure
        end_check
        inc ebx
        cmp ebx, 6
        jb parameters

%macro stack_of_ring 1
        begin_check
        puts {"stack/ring ", %1}
        end_name
        mov dword [target_dpl], %1 - '0'
        call make_gate
        call clear_seen
        mov byte [gdt + GATE + 4], 1
        run PROTECTED32_3
        push dword 0x1111
        call GATE | 3:0
        end_run
        call report_procedure
        end_check
%endmacro
        stack_of_ring '0'
        stack_of_ring '1'
        stack_of_ring '2'
        stack_of_ring '3'

; Gates of 16 bits: words are pushed.
        mov dword [target_dpl], 0
        call make_gate
        call clear_seen
        mov byte [gdt + GATE + 5], GATE_CALL16 | 3 << 5
        mov byte [gdt + GATE + 4], 2
        check "call gate of 16 bits"
        run PROTECTED16_3
        push dword 0x22221111
        call GATE | 3:0
        end_run
        call report_procedure
        end_check

; And back: RETF n takes the parameters from both stacks.
        set_gate gdt + GATE, CODE32, returns, GATE_CALL | 3 << 5, 2
        trial PROTECTED32_3, "call gate/there and back"
        push dword 0x2222
        push dword 0x1111
        call GATE | 3:0
        nop
        end_trial
        jmp after_returns
returns:
        mov eax, [ss:esp + 8]
        mov ecx, [ss:esp + 12]
        retf 8
after_returns:

; Each thing that can be wrong with the gate and with the stack in the TSS.
%macro bad 2                            ; name, what is wrong
        call make_gate
        call clear_seen
        %2
        check {"call gate/", %1}
        run PROTECTED32_3
        call GATE | 3:0
        end_run
        call report_procedure
        end_check
        mov dword [tss32 + 12], RING1_SP
        mov dword [tss32 + 16], DATA32 + RING | 1
        mov word [gdt + TSS32], TSS32_BYTES - 1
%endmacro
; The stack of ring 1, as the TSS may have it. %1: the macro that tries.
%macro bad_stacks 1
        %1 "SS null", {mov dword [tss32 + 16], 0}
        %1 "SS null with RPL", {mov dword [tss32 + 16], 1}
        %1 "SS beyond the GDT", {mov dword [tss32 + 16], GDT_BYTES | 1}
        %1 "SS with RPL 0", {mov dword [tss32 + 16], DATA32 + RING}
        %1 "SS with DPL 0", {mov dword [tss32 + 16], DATA32 | 1}
        %1 "SS with DPL 2", {mov dword [tss32 + 16], DATA32 + 2 * RING | 1}
        %1 "SS code", {mov dword [tss32 + 16], CODE32 + RING | 1}
        set_descriptor STACK, 0, 0xfffff, 0xb1, 0xc
        %1 "SS read-only", {mov dword [tss32 + 16], STACK | 1}
        set_descriptor STACK, 0, 0xfffff, 0x33, 0xc
        %1 "SS absent", {mov dword [tss32 + 16], STACK | 1}
        set_descriptor STACK, 0, 0x3beb, 0xb3, 0x4
        %1 "SS too small", {mov dword [tss32 + 16], STACK | 1}
        set_descriptor STACK, 0, 0x3bff, 0xb3, 0x4
        %1 "SS just large enough", {mov dword [tss32 + 16], STACK | 1}
        set_descriptor STACK, 0, 0x3bf0, 0xb7, 0x4
        %1 "SS expand-down, too high", {mov dword [tss32 + 16], STACK | 1}
        set_descriptor STACK, 0, 0x3be0, 0xb7, 0x4
        %1 "SS expand-down", {mov dword [tss32 + 16], STACK | 1}
        set_descriptor STACK, 0, 0xfffff, 0xb3, 0x0
        %1 "SS of 16 bits", {mov dword [tss32 + 16], STACK | 1}
        %1 "TSS too small", {mov word [gdt + TSS32], 0x10}
        %1 "TSS just large enough", {mov word [gdt + TSS32], 0x13}
%endmacro
        mov dword [gate_dpl], 3
        mov dword [target_dpl], 0
        mov dword [target_type], 0x9a
        bad "absent", {and byte [gdt + GATE + 5], 0x7f}
        bad "null target", {mov word [gdt + GATE + 2], 3}
        bad "target beyond the GDT", {mov word [gdt + GATE + 2], GDT_BYTES}
        bad "target absent", {and byte [gdt + TARGET + 5], 0x7f}
        bad "offset beyond the limit", {set_descriptor TARGET, 0, 0xfff, 0x9a, 0x4}
        mov dword [target_dpl], 1               ; the fault itself goes to ring 0
        bad_stacks bad

; Interrupt and trap gates: INT n from every CPL through gates of every DPL.
%macro interrupt_rows 2                 ; name, type of the gate
        mov dword [expected_code], VECTOR << 3 | 2
        mov dword [cpl], 0
%%cpl:  begin_check
        puts {%1, "/cpl "}
        putx 1, [cpl]
        puts "/by DPL"
        end_name
        xor ebx, ebx
%%dpl:  mov eax, ebx
        shl eax, 5
        or eax, %2
        mov [IDT32 + VECTOR * 8 + 5], al
        mov eax, [cpl]
        mode_row PROTECTED32_0
        run_bits 32
        int VECTOR
        end_run
        call report_cell
        putc ' '
        inc ebx
        cmp ebx, 4
        jb %%dpl
        end_check
        inc dword [cpl]
        cmp dword [cpl], 4
        jb %%cpl
%endmacro
        interrupt_rows "interrupt gate", GATE_INT
        interrupt_rows "trap gate", GATE_TRAP

; Every type of the gate, and every type and DPL of its target; the handler's flags.
        mov dword [expected_code], VECTOR << 3 | 2
        mov ebx, 0x80
interrupt_type:
        cmp bl, 0x85                            ; task gates: tasks.asm
        je interrupt_type_next
        cmp bl, GATE_INT16
        je interrupt_type_next
        cmp bl, GATE_TRAP16
        je interrupt_type_next
        begin_check
        puts "IDT entry/type "
        mov eax, ebx
        and eax, 0x1f
        putx 2, eax
        end_name
        mov eax, ebx
        or eax, 0x60
        mov [IDT32 + VECTOR * 8 + 5], al
        with_flags FLAG_IF | FLAG_AC | FLAG_CF
        run PROTECTED32_3
        int VECTOR
        end_run
        call report_event
        puts " handler's fl="
        putx 8, [rec_handler_flags]
        puts " saved fl="
        putx 8, [rec_flags]
        puts " absent "
        mov eax, ebx
        and eax, 0x1f
        or eax, 0x60
        mov [IDT32 + VECTOR * 8 + 5], al
        run PROTECTED32_3
        int VECTOR
        end_run
        call report_event
        end_check
interrupt_type_next:
        inc ebx
        cmp ebx, 0xa0
        jb interrupt_type

        mov byte [IDT32 + VECTOR * 8 + 5], GATE_INT | 3 << 5
        mov word [IDT32 + VECTOR * 8 + 2], TARGET
        mov dword [gate_dpl], 3
        mov dword [expected_code], TARGET
%macro handler_rows 1
        mov dword [cpl], %1
        mov dword [target_type], 0x80
%%type: begin_check
        puts "interrupt gate from cpl "
        putx 1, [cpl]
        puts "/target type "
        mov eax, [target_type]
        and eax, 0x1f
        putx 2, eax
        end_name
        mov dword [target_dpl], 0
%%dpl:  call make_gate
        mov word [IDT32 + VECTOR * 8], procedure & 0xffff
        mov word [IDT32 + VECTOR * 8 + 6], procedure >> 16
        call clear_seen
        mov eax, [cpl]
        mode_row PROTECTED32_0
        run_bits 32
        int VECTOR
        end_run
        cmp dword [seen_cs], 0
        je %%fault
        mov eax, [seen_cs]
        and eax, 3
        putx 1, eax
        jmp %%next
%%fault:
        call report_cell
%%next: inc dword [target_dpl]
        cmp dword [target_dpl], 4
        jb %%dpl
        putc ' '
        and dword [target_type], ~0x80          ; absent
        mov dword [target_dpl], 0
        call make_gate
        call clear_seen
        mov eax, [cpl]
        mode_row PROTECTED32_0
        run_bits 32
        int VECTOR
        end_run
        call report_cell
        or dword [target_type], 0x80
        end_check
        inc dword [target_type]
        cmp dword [target_type], 0xa0
        jb %%type
%endmacro
        handler_rows 3
        handler_rows 1

; What is pushed: from each CPL to each inner ring.
%macro pushed_rows 4                    ; name, type of gate, mode of CPL 0 and its bits
        mov dword [target_type], 0x9a
        mov dword [cpl], 0
%%cpl:  mov dword [target_dpl], 0
%%dpl:  begin_check
        puts {%1, "/pushed from cpl "}
        putx 1, [cpl]
        puts " to "
        putx 1, [target_dpl]
        end_name
        call make_gate
        mov byte [IDT32 + VECTOR * 8 + 5], %2 | 3 << 5
        mov word [IDT32 + VECTOR * 8], procedure
        mov word [IDT32 + VECTOR * 8 + 6], 0
        call clear_seen
        with_flags FLAG_IF | FLAG_CF
        mov eax, [cpl]
        mode_row %3
        run_bits %4
        nop
        int VECTOR
        end_run
        call report_procedure
        end_check
        inc dword [target_dpl]
        mov eax, [target_dpl]
        cmp eax, [cpl]
        jbe %%dpl
        inc dword [cpl]
        cmp dword [cpl], 4
        jb %%cpl
%endmacro
        pushed_rows "interrupt gate", GATE_INT, PROTECTED32_0, 32
        pushed_rows "trap gate", GATE_TRAP, PROTECTED32_0, 32
        pushed_rows "interrupt gate of 16 bits", GATE_INT16, PROTECTED16_0, 16
        pushed_rows "trap gate of 16 bits", GATE_TRAP16, PROTECTED16_0, 16

; What can be wrong with the gate and the stack, for INT n and for an exception (then EXT is set in the error code).
%macro bad_interrupt 2                  ; name, what is wrong
        check {"interrupt/", %1}
        mov dword [target_dpl], 0
        call make_gate
        set_gate IDT32 + VECTOR * 8, CODE32, catch32_stubs + VECTOR * CATCH32_STUB, GATE_INT | 3 << 5
        set_gate IDT32 + 0 * 8, CODE32, catch32_stubs, GATE_INT
%define ENTRY (IDT32 + VECTOR * 8)
        %2
        run PROTECTED32_3
        int VECTOR
        end_run
        call report_trial
        set_gate IDT32 + VECTOR * 8, CODE32, catch32_stubs + VECTOR * CATCH32_STUB, GATE_INT | 3 << 5
%define ENTRY (IDT32)
        %2
        puts " / "
        run PROTECTED32_3
        aam 0
        end_run
        call report_trial
        set_gate IDT32 + 0 * 8, CODE32, catch32_stubs, GATE_INT | 3 << 5
        end_check
%endmacro
        bad_interrupt "nothing", {nop}
        bad_interrupt "absent", {and byte [ENTRY + 5], 0x7f}
        bad_interrupt "no gate", {mov byte [ENTRY + 5], 0xe0}
        bad_interrupt "null target", {mov word [ENTRY + 2], 3}
        bad_interrupt "target beyond the GDT", {mov word [ENTRY + 2], GDT_BYTES}
        bad_interrupt "target data", {mov word [ENTRY + 2], DATA32}
        bad_interrupt "target in the LDT", {mov word [ENTRY + 2], 0xc}
        check "interrupt/beyond the IDT"
        mov word [idt32_pointer], VECTOR * 8 + 6
        run PROTECTED32_3
        int VECTOR
        end_run
        mov word [idt32_pointer], 0x7ff
        call report_trial
        end_check

; The same stacks for an interrupt to ring 1.
%macro bad_interrupt_stack 2
        mov dword [target_type], 0x9a
        call make_gate
        set_gate IDT32 + VECTOR * 8, TARGET, procedure, GATE_INT | 3 << 5
        call clear_seen
        %2
        check {"interrupt/", %1}
        run PROTECTED32_3
        int VECTOR
        end_run
        call report_procedure
        end_check
        mov dword [tss32 + 12], RING1_SP
        mov dword [tss32 + 16], DATA32 + RING | 1
        mov word [gdt + TSS32], TSS32_BYTES - 1
%endmacro
        mov dword [target_dpl], 1
        bad_stacks bad_interrupt_stack
        set_gate IDT32 + VECTOR * 8, CODE32, catch32_stubs + VECTOR * CATCH32_STUB, GATE_INT | 3 << 5
        call long_checks
        finish

; --- Long mode -------------------------------------------------------------------------------------------------------
        bits 64
procedure64:
        mov [seen_sp], esp
        mov [seen_ss], ss
        mov [seen_cs], cs
        pushfq
        pop rax
        mov [seen_flags], eax
%assign SLOT 0
%rep 12
        mov ecx, [rsp + SLOT * 4]
        mov [seen + SLOT * 4], ecx
%assign SLOT SLOT + 1
%endrep
        ud2

        bits 32
; Both lead to ring 1, whose stack is bad: the fault goes to ring 0.
%macro rsp1_not_canonical 0
        mov word [gdt + GATE + 2], CODE64 + 8
        mov word [IDT64 + VECTOR * 16 + 2], CODE64 + 8
        mov dword [tss64 + 16], 0x8000
%endmacro
%macro rsp1_not_present 0
        mov word [gdt + GATE + 2], CODE64 + 8
        mov word [IDT64 + VECTOR * 16 + 2], CODE64 + 8
        mov dword [tss64 + 12], 0x70000000
%endmacro
%macro set_gate64 4                     ; address, selector, offset below 4 GiB, access
        set_gate %1, %2, %3, %4
        mov dword [%1 + 8], 0
        mov dword [%1 + 12], 0
%endmacro
; One line: a call through GATE in long mode.
%macro long_call 3-4 call far dword [far_pointer]     ; name, mode, what is changed before, how to call
        set_gate64 gdt + GATE, CODE64, procedure64, GATE_CALL | 3 << 5
        mov word [far_pointer + 4], GATE | 3
        call clear_seen
        %3
        check {"long call gate/", %1}
        run %2
        nop
        %4
        end_run
        call report_procedure
        end_check
        mov dword [tss64 + 12], RING1_SP
        mov dword [tss64 + 16], 0
%endmacro
%macro long_interrupt 3                 ; name, mode, what is changed before
        set_gate64 IDT64 + VECTOR * 16, CODE64, procedure64, GATE_INT | 3 << 5
        call clear_seen
        %3
        check {"long interrupt/", %1}
        with_flags FLAG_IF | FLAG_CF
        run %2
        nop
        int VECTOR
        end_run
        call report_procedure
        end_check
        mov dword [tss64 + 12], RING1_SP
        mov dword [tss64 + 16], 0
%endmacro

long_checks:
        long_call "from 64-bit code at CPL 3", LONG_3, {nop}
        long_call "from 64-bit code at CPL 0", LONG_0, {nop}
        long_call "from compatibility mode at CPL 3", COMPAT32_3, {nop}
        long_call "jmp at CPL 0", LONG_0, {nop}, {jmp far dword [far_pointer]}
        long_call "jmp at CPL 3", LONG_3, {nop}, {jmp far dword [far_pointer]}
        long_call "to ring 1", LONG_3, {mov word [gdt + GATE + 2], CODE64 + 8}
        long_call "to ring 3", LONG_3, {mov word [gdt + GATE + 2], CODE64 + 24}
        long_call "gate DPL 2", LONG_3, {mov byte [gdt + GATE + 5], GATE_CALL | 2 << 5}
        long_call "absent", LONG_3, {mov byte [gdt + GATE + 5], 0x6c}
        long_call "call gate of 16 bits", LONG_3, {mov byte [gdt + GATE + 5], GATE_CALL16 | 3 << 5}
        long_call "task gate", LONG_3, {mov byte [gdt + GATE + 5], GATE_TASK | 3 << 5}
        long_call "upper half not zero", LONG_3, {mov byte [gdt + GATE + 13], 0x0c}
        long_call "to code of 32 bits", LONG_3, {mov word [gdt + GATE + 2], CODE32}
        set_descriptor TARGET, 0, 0xfffff, 0x9b, 0xe
        long_call "to code of L and D", LONG_3, {mov word [gdt + GATE + 2], TARGET}
        long_call "null target", LONG_3, {mov word [gdt + GATE + 2], 0}
        long_call "offset not canonical", LONG_3, {mov dword [gdt + GATE + 8], 0x8000}
        long_call "parameters are ignored", LONG_3, {mov byte [gdt + GATE + 4], 5}
        long_call "stack not canonical", LONG_3, {rsp1_not_canonical}
        long_call "stack not present", LONG_3, {rsp1_not_present}

        long_interrupt "from CPL 3", LONG_3, {nop}
        long_interrupt "from CPL 0", LONG_0, {nop}
        long_interrupt "from compatibility mode, CPL 3", COMPAT32_3, {nop}
        long_interrupt "from compatibility mode, CPL 0", COMPAT32_0, {nop}
        with_sp TRIAL_SP - 3
        long_interrupt "alignment of the stack", LONG_0, {nop}
        long_interrupt "to ring 1", LONG_3, {mov word [IDT64 + VECTOR * 16 + 2], CODE64 + 8}
        long_interrupt "to ring 3", LONG_3, {mov word [IDT64 + VECTOR * 16 + 2], CODE64 + 24}
        long_interrupt "from CPL 0 to ring 1", LONG_0, {mov word [IDT64 + VECTOR * 16 + 2], CODE64 + 8}
        long_interrupt "IST 1 from CPL 3", LONG_3, {mov byte [IDT64 + VECTOR * 16 + 4], 1}
        long_interrupt "IST 1 from CPL 0", LONG_0, {mov byte [IDT64 + VECTOR * 16 + 4], 1}
        long_interrupt "trap gate", LONG_3, {mov byte [IDT64 + VECTOR * 16 + 5], GATE_TRAP | 3 << 5}
        long_interrupt "gate DPL 2", LONG_3, {mov byte [IDT64 + VECTOR * 16 + 5], GATE_INT | 2 << 5}
        long_interrupt "absent", LONG_3, {mov byte [IDT64 + VECTOR * 16 + 5], 0x6e}
        long_interrupt "interrupt gate of 16 bits", LONG_3, {mov byte [IDT64 + VECTOR * 16 + 5], GATE_INT16 | 3 << 5}
        long_interrupt "task gate", LONG_3, {mov byte [IDT64 + VECTOR * 16 + 5], GATE_TASK | 3 << 5}
        long_interrupt "call gate", LONG_3, {mov byte [IDT64 + VECTOR * 16 + 5], GATE_CALL | 3 << 5}
        long_interrupt "to code of 32 bits", LONG_3, {mov word [IDT64 + VECTOR * 16 + 2], CODE32}
        long_interrupt "null target", LONG_3, {mov word [IDT64 + VECTOR * 16 + 2], 0}
        long_interrupt "target beyond the GDT", LONG_3, {mov word [IDT64 + VECTOR * 16 + 2], GDT_BYTES}
        long_interrupt "offset not canonical", LONG_3, {mov dword [IDT64 + VECTOR * 16 + 8], 0x8000}
        long_interrupt "stack not canonical", LONG_3, {rsp1_not_canonical}
        long_interrupt "stack not present", LONG_3, {rsp1_not_present}
        set_gate64 IDT64 + VECTOR * 16, CODE64, catch64_stubs + VECTOR * CATCH64_STUB, GATE_INT | 3 << 5
        ret
