; Far JMP, CALL and RET, and IRET: what they accept by descriptor type, DPL, RPL, CPL and presence, and where they leave CS, SS and the
; stacks. Through gates: gates.asm; to tasks: tasks.asm. Rows of cells are explained at report_cell (lib/report.asm).
%define IMAGE "far"
%include "lib/system.asm"

        variable sel, 4
        variable sel_type, 4            ; access byte without DPL
        variable sel_dpl, 4
        variable sel_rpl, 4
        variable cpl, 4
        variable row_trial, 4
        variable far_pointer, 8

SMALL_CODE      equ FREE + 16           ; limit FFF

        bits 32
; Slot FREE becomes a segment of type [sel_type] and DPL [sel_dpl]: base 0, limit FFFFF pages, 32 bits.
make_descriptor:
        mov dword [gdt + FREE], 0x0000ffff
        mov eax, [sel_dpl]
        shl eax, 5
        or eax, [sel_type]
        shl eax, 8
        or eax, 0x00cf0000
        mov [gdt + FREE + 4], eax
        mov dword [gdt + FREE + 8], 0
        mov dword [gdt + FREE + 12], 0
        mov eax, FREE
        or eax, [sel_rpl]
        mov [sel], eax
        ret

; All DPLs and RPLs in one row; each calls [row_trial], which puts the offset into far_pointer.
row:    mov dword [expected_code], FREE
        mov dword [sel_dpl], 0
.dpl:   mov dword [sel_rpl], 0
.rpl:   call make_descriptor
        call [row_trial]
        inc dword [sel_rpl]
        cmp dword [sel_rpl], 4
        jb .rpl
        putc ' '
        inc dword [sel_dpl]
        cmp dword [sel_dpl], 4
        jb .dpl
        ret

; Available TSSs, call gates and task gates.
OTHER_IMAGES    equ 1 << 1 | 1 << 4 | 1 << 5 | 1 << 9 | 1 << 12

; The lines of one instruction: CPL 0 and 3, all types of code and data, present; then absent code.
%macro far_rows 2                       ; name, routine of the trial
        mov dword [row_trial], %2
        mov dword [cpl], 0
%%cpl:  mov dword [sel_type], 0x80
%%type: mov ecx, [sel_type]
        and ecx, 0x1f
        mov eax, OTHER_IMAGES
        bt eax, ecx
        jc %%next
        begin_check
        puts {%1, "/cpl "}
        putx 1, [cpl]
        puts "/type "
        mov eax, [sel_type]
        and eax, 0x1f
        putx 2, eax
        end_name
        call row
        end_check
%%next: inc dword [sel_type]
        cmp dword [sel_type], 0xa0
        jb %%type
        mov dword [sel_type], 0x1a
%%absent:
        begin_check
        puts {%1, "/cpl "}
        putx 1, [cpl]
        puts "/absent type "
        putx 2, [sel_type]
        end_name
        call row
        end_check
        add dword [sel_type], 4
        cmp dword [sel_type], 0x20
        jb %%absent
        add dword [cpl], 3
        cmp dword [cpl], 4
        jb %%cpl
%endmacro

%macro in_cpl 0
        mov eax, [cpl]
        mode_row PROTECTED32_0
%endmacro

; The cell of a transfer, followed by the new CS's RPL if it was made.
report_transfer:
        call report_cell
        call is_done
        jne .return
        mov eax, [rec_cs]
        and eax, 3
        putx 1, eax
.return:
        ret

trial_jmp:
        mov eax, [sel]
        mov [far_pointer + 4], ax
        mov dword [far_pointer], jmp_target
        in_cpl
        run_bits 32
        jmp far [far_pointer]
jmp_target:
        end_run
        jmp report_transfer

trial_call:
        mov eax, [sel]
        mov [far_pointer + 4], ax
        mov dword [far_pointer], call_target
        in_cpl
        run_bits 32
        call far [far_pointer]
call_target:
        end_run
        jmp report_transfer

; RETF with room for SS:ESP of the outer ring behind CS:EIP: the flat data segment of the selector's RPL.
trial_ret:
        mov eax, [sel_rpl]
        imul eax, eax, RING + 1
        add eax, DATA32
        with ebx, eax
        mov eax, [sel]
        with ecx, eax
        in_cpl
        run_bits 32
        push ebx
        push dword TRIAL_SP - 0x100
        push ecx
        push dword .target
        retf
.target:
        end_run
        jmp report_transfer

trial_iret:
        mov eax, [sel_rpl]
        imul eax, eax, RING + 1
        add eax, DATA32
        with ebx, eax
        mov eax, [sel]
        with ecx, eax
        in_cpl
        run_bits 32
        push ebx
        push dword TRIAL_SP - 0x100
        push dword 2
        push ecx
        push dword .target
        iretd
.target:
        end_run
        jmp report_transfer

; RETF and IRET to ring 3: what SS may be, by type, DPL and RPL of it.
trial_ret_ss:
        mov eax, [sel]
        with ebx, eax
        run PROTECTED32_0
        push ebx
        push dword TRIAL_SP - 0x100
        push dword CODE32 + 3 * RING | 3
        push dword .target
        retf
.target:
        end_run
        jmp report_cell

trial_iret_ss:
        mov eax, [sel]
        with ebx, eax
        run PROTECTED32_0
        push ebx
        push dword TRIAL_SP - 0x100
        push dword 2
        push dword CODE32 + 3 * RING | 3
        push dword .target
        iretd
.target:
        end_run
        jmp report_cell

; The same in 64-bit mode.
trial_iretq_ss:
        mov eax, [sel]
        with ebx, eax
        run LONG_0
        push rbx
        push qword TRIAL_SP - 0x100
        push qword 2
        push qword CODE64 + 24 | 3
        push qword .target
        iretq
.target:
        end_run
        jmp report_cell

; 64-bit mode: far jumps and IRETQ to descriptors with each of D and L.
%macro long_code_rows 2                 ; name, mode
        mov dword [sel_type], 0x9b
        mov dword [sel_dpl], ((%2) >> 8) - (LONG_0 >> 8)
        mov dword [sel_rpl], ((%2) >> 8) - (LONG_0 >> 8)
        xor ebx, ebx
%%each: begin_check
        puts {%1, "/L and D "}
        putx 1, ebx
        end_name
        call make_descriptor
        mov eax, ebx
        shl eax, 21                             ; L is bit 21, D 22: in this order
        and eax, 0x00600000
        and dword [gdt + FREE + 4], ~0x00600000
        or [gdt + FREE + 4], eax
        mov eax, [sel]
        mov [far_pointer + 4], ax
        mov dword [far_pointer], %%target
        run %2
        jmp far dword [far_pointer]
%%target:
        nop
        end_run
        call report_trial
        puts " / "
        mov eax, [sel]
        with ecx, eax
        run %2
        mov eax, ss
        mov rdx, rsp
        push rax
        push rdx
        push qword 2
        push rcx
        push qword %%target2
        iretq
%%target2:
        nop
        end_run
        call report_event
        end_check
        inc ebx
        cmp ebx, 4
        jb %%each
%endmacro

main:
        far_rows "jmp", trial_jmp
        far_rows "call", trial_call
        far_rows "retf", trial_ret
        far_rows "iret", trial_iret

%macro stack_rows 2
        mov dword [row_trial], %2
        mov dword [sel_type], 0x80
%%type: begin_check
        puts {%1, "/type "}
        mov eax, [sel_type]
        and eax, 0x1f
        putx 2, eax
        end_name
        call row
        end_check
        inc dword [sel_type]
        cmp dword [sel_type], 0xa0
        jb %%type
        mov dword [sel_type], 0x12
        check {%1, "/absent"}
        call row
        end_check
%endmacro
        stack_rows "retf to ring 3, SS", trial_ret_ss
        stack_rows "iret to ring 3, SS", trial_iret_ss
        stack_rows "iretq to ring 3, SS", trial_iretq_ss

        long_code_rows "64-bit jmp cpl 0", LONG_0
        long_code_rows "64-bit jmp cpl 3", LONG_3

; The stack after far CALL in each size, and limits of the target.
        mov dword [LOW_FREE + 0xffe], 0x0b0f9090        ; two NOPs, UD2
        set_descriptor SMALL_CODE, LOW_FREE, 0xfff, 0x9b, 0x4
        trial PROTECTED32_0, "limit/jmp beyond"
        jmp SMALL_CODE:0x1000
        end_trial
        trial PROTECTED32_0, "limit/running over it"
        jmp SMALL_CODE:0xffe
        end_trial
        trial PROTECTED32_0, "limit/call beyond"
        call SMALL_CODE:0x1000
        end_trial
        trial PROTECTED32_0, "limit/retf beyond"
        push dword SMALL_CODE
        push dword 0x1000
        retf
        end_trial
        trial PROTECTED32_0, "limit/iret beyond"
        push dword 2
        push dword SMALL_CODE
        push dword 0x1000
        iretd
        end_trial
        trial PROTECTED32_0, "jmp/null"
        jmp 0:0x8000
        end_trial
        trial PROTECTED32_0, "jmp/null with RPL 3"
        jmp 3:0x8000
        end_trial
        trial PROTECTED32_0, "call/null"
        call 0:0x8000
        end_trial
        trial PROTECTED32_0, "retf/null"
        push dword 0
        push dword 0x8000
        retf
        end_trial
        trial PROTECTED32_0, "iret/null"
        push dword 2
        push dword 0
        push dword 0x8000
        iretd
        end_trial
        trial PROTECTED32_0, "jmp/beyond the GDT"
        jmp GDT_BYTES:0x8000
        end_trial
        trial PROTECTED32_0, "retf/beyond the GDT"
        push dword GDT_BYTES
        push dword 0x8000
        retf
        end_trial
        trial PROTECTED32_0, "iret/beyond the GDT"
        push dword 2
        push dword GDT_BYTES
        push dword 0x8000
        iretd
        end_trial
        trial PROTECTED32_0, "retf/ring 3 with null SS"
        push dword 0
        push dword TRIAL_SP
        push dword CODE32 + 3 * RING | 3
        push dword 0x8000
        retf
        end_trial
        trial PROTECTED32_0, "iret/ring 3 with null SS"
        push dword 0
        push dword TRIAL_SP
        push dword 2
        push dword CODE32 + 3 * RING | 3
        push dword 0x8000
        iretd
        end_trial
        trial PROTECTED32_3, "retf/to ring 0 from ring 3"
        push dword CODE32
        push dword 0x8000
        retf
        end_trial

; Data segments that the outer ring may not have become null.
%macro returning 3                      ; name, how to push flags or not, instruction
        set_descriptor FREE, 0, 0xfffff, 0x9f, 0xc      ; conforming
        set_descriptor FREE + 8, 0, 0xfffff, 0xd3, 0xc  ; data, DPL 2
        trial PROTECTED32_0, {%1, "/segments after"}
        mov eax, DATA32
        mov ds, ax
        mov eax, DATA32 + 3 * RING | 3
        mov es, ax
        mov eax, FREE
        mov fs, ax
        mov eax, FREE + 8
        mov gs, ax
        push dword DATA32 + 3 * RING | 3
        push dword TRIAL_SP - 0x40
        %2
        push dword CODE32 + 3 * RING | 3
        push dword %%target
        %3
%%target:
        end_trial
        trial PROTECTED32_0, {%1, "/ring 1"}
        push dword DATA32 + RING | 1
        push dword TRIAL_SP - 0x40
        %2
        push dword CODE32 + RING | 1
        push dword %%target1
        %3
%%target1:
        end_trial
%endmacro
        returning "retf", {nop}, {retf}
        returning "iret", {push dword 2}, {iretd}

        trial PROTECTED32_0, "retf/n to ring 3"
        push dword DATA32 + 3 * RING | 3
        push dword TRIAL_SP - 0x40
        push dword 0x11111111
        push dword 0x22222222
        push dword CODE32 + 3 * RING | 3
        push dword .target
        retf 8
.target:
        end_trial
        trial PROTECTED32_0, "retf/n, same ring"
        push dword 0x11111111
        push dword 0x22222222
        push dword CODE32
        push dword .target
        retf 8
.target:
        end_trial

        jmp flags_checks
put_flags:
        mov eax, [rec_flags]
        and eax, ~FLAG_RF                       ; of the UD2
        putx 8, eax
        ret

; Which flags POPF and IRET change, by CPL and IOPL: from none to all (but TF, RF and VM), and back.
ALL_FLAGS       equ FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_IF | FLAG_DF | FLAG_OF | FLAG_NT | FLAG_AC | FLAG_ID
%macro flags_rows 3                     ; name, flags before (beside IOPL), image to load
        mov dword [cpl], 0
%%cpl:  xor ecx, ecx                            ; IOPL
%%iopl: begin_check
        puts {%1, "/cpl "}
        putx 1, [cpl]
        puts " iopl "
        putx 1, ecx
        end_name
        mov eax, ecx
        shl eax, 12
        or eax, %2
        with_flags eax
        with ebx, %3
        in_cpl
        run_bits 32
        push ebx
        popfd
        end_run
        call put_flags
        puts " popfw "
        mov eax, ecx
        shl eax, 12
        or eax, %2
        with_flags eax
        with ebx, %3
        in_cpl
        run_bits 32
        push bx
        popfw
        end_run
        call put_flags
        puts " iret "
        mov eax, ecx
        shl eax, 12
        or eax, %2
        and eax, ~FLAG_NT
        with_flags eax
        with ebx, %3
        mov eax, [cpl]
        imul eax, eax, RING + 1
        add eax, CODE32
        with edx, eax
        in_cpl
        run_bits 32
        push ebx
        push edx
        push dword %%target
        iretd
%%target:
        end_run
        call put_flags
        end_check
        inc ecx
        cmp ecx, 4
        jb %%iopl
        inc dword [cpl]
        cmp dword [cpl], 4
        jb %%cpl
%endmacro
flags_checks:
        flags_rows "flags/set", 0, ALL_FLAGS | FLAG_IOPL3
        flags_rows "flags/clear", ALL_FLAGS, 0
        finish
