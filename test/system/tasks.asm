; The hardware task switch: ways into it, privilege, types, what is saved and loaded, what is checked in the old task and in the new
; one, back links. The new task has CPL 3, so that its exceptions find a stack whatever is wrong with its segments.
; Rows of cells are explained at report_cell (lib/report.asm).
%define IMAGE "tasks"
%include "lib/system.asm"

TASK            equ FREE                ; TSS descriptor of the new task
GATE            equ FREE + 0x08         ; a task gate
SEGMENT         equ FREE + 0x10         ; a descriptor made by a row
NEW_LDT         equ FREE + 0x18
NEW_TSS         equ LOW_FREE            ; 32 bits
NEW_TSS16       equ LOW_FREE + 0x100
TASK_CODE       equ LOW_FREE + 0x200    ; where the new task begins
TASK_LDT        equ LOW_FREE + 0x300
TASK_SP         equ LOW_FREE + 0x800
CODE_3          equ CODE32 + 3 * RING | 3
DATA_3          equ DATA32 + 3 * RING | 3
VECTOR          equ 0x40

        variable far_pointer, 8
        variable row_trial, 4
        variable sel_dpl, 4
        variable sel_rpl, 4
        variable sel_type, 4
        variable cpl, 4
        variable field, 4               ; offset of a selector in the new TSS

        bits 32
; The new task as it should be, in both sizes; its descriptor, available; the old task's TSS without traces.
reset_tasks:
        pushad
        mov edi, NEW_TSS
        mov ecx, 0x400 / 4
        xor eax, eax
        rep stosd
        mov dword [NEW_TSS + 4], RING0_SP
        mov dword [NEW_TSS + 8], DATA32
        mov dword [NEW_TSS + 32], TASK_CODE
        mov dword [NEW_TSS + 36], 2
        mov ecx, 8
        mov eax, 0x1b1b0000
        mov edi, NEW_TSS + 40
.reg:   stosd
        add eax, 0x00010001
        loop .reg
        mov dword [NEW_TSS + 56], TASK_SP
        mov eax, DATA_3
        mov ecx, 6
        rep stosd
        mov dword [NEW_TSS + 76], CODE_3
        mov dword [NEW_TSS + 100], 104 << 16

        mov dword [NEW_TSS16 + 2], RING0_SP | DATA32 << 16
        mov dword [NEW_TSS16 + 14], 0x0000 | 2 << 16
        mov edi, NEW_TSS16 + 18
        mov ecx, 8
        mov eax, 0x2b00
.reg16: stosw
        inc eax
        loop .reg16
        mov word [NEW_TSS16 + 26], 0x5400
        mov eax, DATA_3
        mov ecx, 4
        rep stosw
        mov word [NEW_TSS16 + 36], SEGMENT | 3
        mov word [NEW_TSS16 + 38], DATA16 + 3 * RING | 3

        mov dword [TASK_CODE], 0x0b0f   ; UD2
        set_descriptor TASK, NEW_TSS, 103, 0xe9, 0
        set_gate gdt + GATE, TASK, 0, 0xe5
        set_descriptor SEGMENT, TASK_CODE, 0xffff, 0xfb, 4
        set_descriptor NEW_LDT, TASK_LDT, 0xff, 0x82, 0
        set_descriptor TSS32, tss32, TSS32_BYTES - 1, 0x89, 0
        set_gate IDT32 + VECTOR * 8, TASK, 0, 0xe5
        mov edi, tss32 + 32
        mov ecx, (100 - 32) / 4
        xor eax, eax
        rep stosd
        mov dword [tss32], 0
        mov dword [expected_code], 0
        popad
        ret

; TR, the types of both TSS descriptors, both back links; what the old task's TSS holds.
report_tasks:
        pushad
        puts " tr="
        str eax
        putx 4, eax
        puts " types="
        movzx eax, byte [gdt + TSS32 + 5]
        putx 2, eax
        putc ','
        movzx eax, byte [gdt + TASK + 5]
        putx 2, eax
        puts " links="
        movzx eax, word [tss32]
        putx 4, eax
        putc ','
        movzx eax, word [NEW_TSS]
        putx 4, eax
        puts " saved:"
        mov esi, tss32 + 32
        mov ecx, [esi]
        jecxz .none
        sub ecx, [trial_ip]
.none:  putx 8, ecx
        mov ecx, 15
.field: add esi, 4
        putc ' '
        mov eax, [esi]
        putx 8, eax
        loop .field
        popad
        ret

%macro switch 2                         ; mode, name: a trial after which the tasks are told of too
        call reset_tasks
        begin_check
        puts {%2}
        end_name
%define SWITCH_MODE %1
%endmacro
%macro end_switch 0
        end_run
        call report_trial
        call report_tasks
        end_check
%endmacro

%macro point 2                          ; far_pointer
        mov dword [far_pointer], %2
        mov dword [far_pointer + 4], %1
%endmacro

; JMP and CALL by the DPL and RPL of TSS descriptor or task gate; %4 the access byte without DPL.
%macro privilege_rows 4                 ; name, slot, instruction, access byte
        mov dword [cpl], 0
%%cpl:  begin_check
        puts {%1, "/cpl "}
        putx 1, [cpl]
        end_name
        mov dword [sel_dpl], 0
%%dpl:  mov dword [sel_rpl], 0
%%rpl:  call reset_tasks
        mov eax, [sel_dpl]
        shl eax, 5
        or eax, %4
        mov [gdt + %2 + 5], al
        mov eax, [sel_rpl]
        or eax, %2
        point eax, 0
        mov dword [expected_code], %2
        mov eax, [cpl]
        mode_row PROTECTED32_0
        run_bits 32
        %3 far [far_pointer]
        end_run
        call report_cell
        inc dword [sel_rpl]
        cmp dword [sel_rpl], 4
        jb %%rpl
        putc ' '
        inc dword [sel_dpl]
        cmp dword [sel_dpl], 4
        jb %%dpl
        end_check
        inc dword [cpl]
        cmp dword [cpl], 4
        jb %%cpl
%endmacro

; All types of the descriptor that should be the new task's TSS, present and absent.
%macro type_row 1                       ; name; the trial follows, up to end_type_row
        mov dword [sel_type], 0
%%type: call reset_tasks
        mov eax, [sel_type]
        mov [gdt + TASK + 5], al
        and eax, 0x1d
        cmp eax, 1
        jne %%wide
        mov word [gdt + TASK + 2], NEW_TSS16 & 0xffff
%%wide: begin_check
        puts {%1, "/type "}
        putx 2, [sel_type]
        end_name
        jmp %%trial
%xdefine TYPE_ROW_LOOP %%type
%%trial:
%endmacro
%macro end_type_row 0
        end_run
        call report_event
        puts " tr="
        str eax
        putx 4, eax
        end_check
        mov eax, [sel_type]
        inc eax
        test al, 0x1f
        jnz %%next
        add eax, 0x60                   ; 00-1F, then 80-9F
%%next: mov [sel_type], eax
        cmp eax, 0xa0
        jb TYPE_ROW_LOOP
%endmacro

; A selector of the new task naming descriptors of each type and DPL, of RPL 0 and 3.
selector_rows:
        mov dword [sel_type], 0
selector_type:
        begin_check
        call [row_trial]                ; puts the name
        puts "/type "
        putx 2, [sel_type]
        end_name
; An absent segment that is wrong in another way too: which exception comes first is a matter of the model (SDM vol 3A table "Exception
; Conditions Checked During a Task Switch"). A CS of level 0 would leave its exceptions without a stack.
        mov dword [sel_dpl], 0
        test byte [sel_type], 0x80
        jnz selector_dpl
        mov dword [sel_dpl], 3
selector_dpl:
        mov dword [sel_rpl], 0
        cmp dword [field], 76
        jne selector_rpl
        mov dword [sel_rpl], 3
selector_rpl:
        call reset_tasks
        mov dword [expected_code], SEGMENT
        mov dword [gdt + SEGMENT], 0x0000ffff
        mov eax, [sel_dpl]
        shl eax, 5
        or eax, [sel_type]
        shl eax, 8
        or eax, 0x00cf0000
        mov [gdt + SEGMENT + 4], eax
        mov ebx, [field]
        mov eax, [sel_rpl]
        or eax, SEGMENT
        mov [NEW_TSS + ebx], eax
        run PROTECTED32_0
        jmp TASK:0
        end_run
        call report_cell
        add dword [sel_rpl], 3
        cmp dword [sel_rpl], 4
        jb selector_rpl
        putc ' '
        inc dword [sel_dpl]
        cmp dword [sel_dpl], 4
        jb selector_dpl
        end_check
        mov eax, [sel_type]
        inc eax
        test al, 0x1f
        jnz selector_next
        add eax, 0x60
selector_next:
        mov [sel_type], eax
        cmp eax, 0xa0
        jb selector_type
        ret

%macro selector_of_task 2               ; name, offset in the TSS
        mov dword [field], %2
        mov dword [row_trial], %%name
        call selector_rows
        jmp %%end
%%name: puts {"selector/", %1}
        ret
%%end:
%endmacro

; One field of the new task's TSS is wrong.
%macro wrong_field 3                    ; name, offset, value
        call reset_tasks
        mov dword [NEW_TSS + %2], %3
        trial PROTECTED32_0, {"field/", %1}
        jmp TASK:0
        end_trial
%endmacro

main:
; The ways into a task, and what is saved and loaded.
        switch PROTECTED32_0, "jmp tss"
        run PROTECTED32_0
        jmp TASK:0x12345678
        end_switch
        switch PROTECTED32_0, "call tss"
        with_flags FLAG_CF | FLAG_OF
        run PROTECTED32_0
        call TASK:0
        end_switch
        switch PROTECTED32_3, "call tss from ring 3"
        run PROTECTED32_3
        call TASK:0
        end_switch
        switch PROTECTED16_0, "call tss from 16-bit code"
        run PROTECTED16_0
        call TASK:0
        end_switch
        switch PROTECTED32_0, "jmp gate"
        run PROTECTED32_0
        jmp GATE:0
        end_switch
        switch PROTECTED32_3, "call gate from ring 3"
        run PROTECTED32_3
        call GATE | 3:0
        end_switch
        switch PROTECTED32_3, "int from ring 3"
        run PROTECTED32_3
        int VECTOR
        end_switch
        switch V86, "int from virtual-8086 mode"
        with_flags FLAG_IOPL3
        run V86
        int VECTOR
        end_switch

; Exceptions through a task gate: the fault's EIP and RF are saved, the error code is on the new stack.
        switch PROTECTED32_0, "exception without code"
        mov dword [TASK_CODE], 0xa4cd   ; INT A4H
        set_gate IDT32 + 6 * 8, TASK, 0, 0x85
        run PROTECTED32_0
        nop
        ud2
        nop
        end_run
        set_gate IDT32 + 6 * 8, CODE32, catch32_stubs + 6 * CATCH32_STUB, GATE_INT | 3 << 5
        call report_trial
        call report_tasks
        end_check
        switch PROTECTED32_0, "exception with code"
        mov dword [TASK_CODE], 0xa4cd58 ; POP EAX, INT A4H
        set_gate IDT32 + 13 * 8, TASK, 0, 0x85
        run PROTECTED32_0
        mov ax, 0x7778
        mov es, ax
        end_run
        set_gate IDT32 + 13 * 8, CODE32, catch32_stubs + 13 * CATCH32_STUB, GATE_INT | 3 << 5
        call report_trial
        call report_tasks
        end_check
        switch PROTECTED32_0, "exception with code to a 16-bit task"
        mov dword [TASK_CODE], 0xa4cd58 ; POP EAX
        set_descriptor TASK, NEW_TSS16, 43, 0x81, 0
        set_descriptor SEGMENT, TASK_CODE, 0xffff, 0xfb, 0
        set_gate IDT32 + 13 * 8, TASK, 0, 0x85
        run PROTECTED32_0
        mov ax, 0x7778
        mov es, ax
        end_run
        set_gate IDT32 + 13 * 8, CODE32, catch32_stubs + 13 * CATCH32_STUB, GATE_INT | 3 << 5
        call report_trial
        call report_tasks
        end_check
        switch PROTECTED32_3, "int without the gate's DPL"
        set_gate IDT32 + VECTOR * 8, TASK, 0, 0x85
        run PROTECTED32_3
        int VECTOR
        end_switch
        switch PROTECTED32_0, "int, gate absent"
        set_gate IDT32 + VECTOR * 8, TASK, 0, 0x65
        run PROTECTED32_0
        int VECTOR
        end_switch
        switch PROTECTED32_0, "int to a busy task"
        mov byte [gdt + TASK + 5], 0x8b
        run PROTECTED32_0
        int VECTOR
        end_switch

; IRET with NT: back to the task that the link names.
        switch PROTECTED32_0, "iret"
        mov word [tss32], TASK
        mov byte [gdt + TASK + 5], 0x8b
        with_flags FLAG_NT
        run PROTECTED32_0
        iretd
        end_switch
        switch PROTECTED32_0, "iret of 16 bits"
        mov word [tss32], TASK
        mov byte [gdt + TASK + 5], 0x8b
        with_flags FLAG_NT
        run PROTECTED32_0
        o16 iret
        end_switch
        switch PROTECTED32_0, "iret, task not busy"
        mov word [tss32], TASK
        with_flags FLAG_NT
        run PROTECTED32_0
        iretd
        end_switch
        switch PROTECTED32_0, "iret, null link"
        with_flags FLAG_NT
        run PROTECTED32_0
        iretd
        end_switch
        switch PROTECTED32_0, "iret, link into the LDT"
        mov word [tss32], 4
        with_flags FLAG_NT
        run PROTECTED32_0
        iretd
        end_switch
        switch PROTECTED32_0, "iret, link beyond the GDT"
        mov word [tss32], GDT_BYTES
        with_flags FLAG_NT
        run PROTECTED32_0
        iretd
        end_switch
        switch PROTECTED32_0, "iret, task absent"
        mov word [tss32], TASK
        mov byte [gdt + TASK + 5], 0x0b
        with_flags FLAG_NT
        run PROTECTED32_0
        iretd
        end_switch
        trial LONG_0, "iret with NT in long mode"
        pushfq
        or dword [rsp], FLAG_NT
        popfq
        iretq
        end_trial

; 16-bit tasks.
        switch PROTECTED32_0, "jmp 16-bit tss"
        set_descriptor TASK, NEW_TSS16, 43, 0x81, 0
        set_descriptor SEGMENT, TASK_CODE, 0xffff, 0xfb, 0
        run PROTECTED32_0
        jmp TASK:0
        end_switch
        switch PROTECTED32_0, "call 16-bit tss"
        set_descriptor TASK, NEW_TSS16, 43, 0x81, 0
        run PROTECTED32_0
        call TASK:0
        end_run
        call report_trial
        call report_tasks
        movzx eax, word [NEW_TSS16]
        puts " link="
        putx 4, eax
        end_check

; There and back: registers of both, NT and busy bits.
        switch PROTECTED32_0, "call and iret"
        mov dword [TASK_CODE], 0xcf40   ; INC EAX, IRETD
        mov dword [NEW_TSS + 76], CODE32
        mov dword [NEW_TSS + 80], DATA32
        mov dword [NEW_TSS + 72], DATA32
        mov dword [NEW_TSS + 84], DATA32
        mov dword [NEW_TSS + 88], DATA32
        mov dword [NEW_TSS + 92], DATA32
        run PROTECTED32_0
        call TASK:0
        inc ecx
        end_switch
        switch PROTECTED32_0, "call and iret from ring 3"
        mov dword [TASK_CODE], 0xcf40
        mov dword [NEW_TSS + 76], CODE32
        mov dword [NEW_TSS + 80], DATA32
        run PROTECTED32_3
        call TASK:0
        inc ecx
        end_switch
        switch PROTECTED32_0, "call and iret, the second time"
        mov dword [TASK_CODE], 0xcf40
        mov dword [TASK_CODE + 1], 0xfceb40cf ; IRETD, INC EAX, JMP to IRETD
        mov dword [NEW_TSS + 76], CODE32
        mov dword [NEW_TSS + 80], DATA32
        run PROTECTED32_0
        call TASK:0
        inc ecx
        call TASK:0
        end_run
        call report_trial
        call report_tasks
        puts " eax="
        putx 8, [NEW_TSS + 40]
        puts " eip="
        putx 8, [NEW_TSS + 32]
        end_check

; Into virtual-8086 mode.
        switch PROTECTED32_0, "to virtual-8086 mode"
        mov dword [NEW_TSS + 36], 2 | FLAG_VM | FLAG_IOPL3
        mov dword [NEW_TSS + 32], TASK_CODE & 15
        mov dword [NEW_TSS + 76], TASK_CODE >> 4
        mov dword [NEW_TSS + 80], 0x1234
        mov dword [NEW_TSS + 72], 0x7fff
        mov dword [NEW_TSS + 56], 0x100
        run PROTECTED32_0
        jmp TASK:0
        end_switch

; CR0.TS, the T bit, DR7, LDTR.
        call reset_tasks
        mov dword [TASK_CODE], 0x0b0fd0d9 ; FNOP
        trial PROTECTED32_0, "TS is set"
        jmp TASK:0
        end_trial
        call reset_tasks
        mov byte [NEW_TSS + 100], 1
        trial PROTECTED32_0, "T bit"
        jmp TASK:0
        end_trial
        call reset_tasks
        mov byte [NEW_TSS + 100], 1
        trial PROTECTED32_0, "T bit, call"
        call TASK:0
        end_trial
        switch PROTECTED32_0, "local breakpoints end, global ones do not"
        run PROTECTED32_0
        mov eax, TASK_CODE
        mov dr0, eax
        mov eax, 0x301                  ; L0, LE, GE
        mov dr7, eax
        jmp TASK:0
        end_switch
        call reset_tasks
        trial PROTECTED32_0, "global breakpoint at the new EIP"
        mov eax, TASK_CODE
        mov dr1, eax
        mov eax, 0x8
        mov dr7, eax
        jmp TASK:0
        end_trial
        call reset_tasks
        mov dword [NEW_TSS + 36], 2 | FLAG_RF
        trial PROTECTED32_0, "RF of the new task"
        mov eax, TASK_CODE
        mov dr1, eax
        mov eax, 0x8
        mov dr7, eax
        jmp TASK:0
        end_trial
        call reset_tasks
        mov dword [NEW_TSS + 36], 2 | FLAG_TF
        mov dword [TASK_CODE], 0x0b0f90
        trial PROTECTED32_0, "TF of the new task"
        jmp TASK:0
        end_trial
        call reset_tasks
        mov dword [NEW_TSS + 96], NEW_LDT
        mov dword [NEW_TSS + 72], 0x0f
        mov dword [TASK_LDT + 8], 0x0000ffff
        mov dword [TASK_LDT + 12], 0x00cff300
        trial PROTECTED32_0, "segment of the new LDT"
        jmp TASK:0
        end_trial

; The old task's checks.
        privilege_rows "jmp tss", TASK, jmp, 0x89
        privilege_rows "call tss", TASK, call, 0x89
        privilege_rows "jmp gate", GATE, jmp, 0x85
        privilege_rows "call gate", GATE, call, 0x85
        privilege_rows "absent tss", TASK, jmp, 0x09
        privilege_rows "absent gate", GATE, jmp, 0x05
        privilege_rows "busy tss", TASK, call, 0x8b

        type_row "jmp gate to"
        run PROTECTED32_0
        jmp GATE:0
        end_type_row
        type_row "int gate to"
        run PROTECTED32_0
        int VECTOR
        end_type_row
        type_row "iret to"
        mov word [tss32], TASK
        with_flags FLAG_NT
        run PROTECTED32_0
        iretd
        end_type_row

        switch PROTECTED32_0, "limit 102"
        set_descriptor TASK, NEW_TSS, 102, 0x89, 0
        run PROTECTED32_0
        jmp TASK:0
        end_switch
        switch PROTECTED32_0, "16 bits, limit 42"
        set_descriptor TASK, NEW_TSS16, 42, 0x81, 0
        run PROTECTED32_0
        jmp TASK:0
        end_switch
        call reset_tasks
        set_descriptor TASK, NEW_TSS, 102, 0x8b, 0
        mov word [tss32], TASK
        with_flags FLAG_NT
        trial PROTECTED32_0, "limit 102, iret"
        iretd
        end_trial
        call reset_tasks
        mov word [gdt + GATE + 2], 0
        trial PROTECTED32_0, "gate with a null selector"
        jmp GATE:0
        end_trial
        call reset_tasks
        mov word [gdt + GATE + 2], TASK | 4
        trial PROTECTED32_0, "gate into the LDT"
        jmp GATE:0
        end_trial
        call reset_tasks
        mov word [gdt + GATE + 2], GDT_BYTES
        trial PROTECTED32_0, "gate beyond the GDT"
        jmp GATE:0
        end_trial
        trial LONG_0, "jmp tss in long mode"
        push qword TASK
        push qword 0
        jmp far [rsp]
        end_trial

; The new task's checks.
        selector_of_task "es", 72
        selector_of_task "cs", 76
        selector_of_task "ss", 80
        selector_of_task "ds", 84
        selector_of_task "fs", 88
        selector_of_task "gs", 92
        selector_of_task "ldt", 96
        wrong_field "null es", 72, 0
        wrong_field "null cs with RPL", 76, 3
        wrong_field "null ss", 80, 0
        wrong_field "null ss with RPL", 80, 3
        wrong_field "null fs with RPL", 88, 3
        wrong_field "es beyond the GDT", 72, GDT_BYTES
        wrong_field "cs beyond the GDT", 76, GDT_BYTES | 3
        wrong_field "ss beyond the GDT", 80, GDT_BYTES | 3
        wrong_field "ldt beyond the GDT", 96, GDT_BYTES
        wrong_field "ds in an LDT that is not there", 84, 0xf
        wrong_field "ldt in the LDT", 96, 4
        wrong_field "ss of ring 0", 80, DATA32
        wrong_field "ds of ring 0", 84, DATA32
        call reset_tasks
        set_descriptor SEGMENT, 0, 0xfff, 0xfb, 4
        mov dword [NEW_TSS + 76], SEGMENT | 3
        trial PROTECTED32_0, "field/eip beyond the limit"
        jmp TASK:0
        end_trial
        call reset_tasks
        set_descriptor SEGMENT, 0, 0xfff, 0xfb, 4
        mov dword [NEW_TSS + 76], SEGMENT | 3
        trial PROTECTED32_0, "field/eip beyond the limit, int"
        int VECTOR
        end_trial
        call reset_tasks
        mov dword [NEW_TSS + 84], GDT_BYTES
        trial PROTECTED32_0, "field/ds beyond the GDT, int"
        int VECTOR
        end_trial
        call reset_tasks
        mov dword [NEW_TSS + 84], GDT_BYTES
        set_gate IDT32 + 13 * 8, TASK, 0, 0x85
        check "field/ds beyond the GDT, exception"
        run PROTECTED32_0
        mov ax, 0x7778
        mov es, ax
        end_run
        set_gate IDT32 + 13 * 8, CODE32, catch32_stubs + 13 * CATCH32_STUB, GATE_INT | 3 << 5
        call report_trial
        end_check

        call reset_tasks
        mov dword [tss32 + 100], (tss32_bitmap - tss32) << 16
        finish
