; Loading segment registers and using them: every descriptor type, privilege, presence, limit; LAR, LSL, VERR, VERW, ARPL, LLDT, LTR.
; Rows of cells are explained at report_cell (lib/report.asm).
%define IMAGE "segments"
%include "lib/system.asm"

        variable probe, 8
        variable sel, 4
        variable sel_type, 4            ; access byte without DPL
        variable sel_cpl, 4
        variable sel_dpl, 4
        variable sel_rpl, 4
        variable first_value, 4
        variable row_trial, 4

        bits 32
; Slot FREE becomes the descriptor of type [sel_type] and DPL [sel_dpl]: base 0, limit FFFF, byte granular, B.
make_descriptor:
        mov dword [gdt + FREE], 0x0000ffff
        mov eax, [sel_dpl]
        shl eax, 5
        or eax, [sel_type]
        shl eax, 8
        or eax, 0x00400000
        mov [gdt + FREE + 4], eax
        mov dword [gdt + FREE + 8], 0           ; the upper half in long mode
        mov dword [gdt + FREE + 12], 0
        mov eax, FREE
        or eax, [sel_rpl]
        mov [sel], eax
        with eax, eax
        ret

; The code at the end of the line runs once for each DPL and, in that, for each RPL.
%macro each_dpl_and_rpl 0
        mov dword [sel_dpl], 0
%%dpl:  mov dword [sel_rpl], 0
%%rpl:  call make_descriptor
        mov eax, [sel_cpl]
        mode_row PROTECTED32_0
        call trial_of_row
        inc dword [sel_rpl]
        cmp dword [sel_rpl], 4
        jb %%rpl
        putc ' '
        inc dword [sel_dpl]
        cmp dword [sel_dpl], 4
        jb %%dpl
%endmacro
trial_of_row:   jmp [row_trial]

; Lines of one register: CPLs in steps of %3, all types with presence bit %4.
%macro loads 5                          ; register, name, CPL step, P (80 or 0), name of that
        mov dword [row_trial], %%trial
        mov dword [expected_code], FREE
        mov dword [sel_cpl], 0
%%cpl:  mov dword [sel_type], %4
%%type: begin_check
        puts {"load ", %2, "/cpl "}
        putx 1, [sel_cpl]
        puts {%5, "/type "}
        mov eax, [sel_type]
        and eax, 0x1f
        putx 2, eax
        end_name
        each_dpl_and_rpl
        end_check
        inc dword [sel_type]
        cmp dword [sel_type], (%4) + 32
        jb %%type
        add dword [sel_cpl], %3
        cmp dword [sel_cpl], 4
        jb %%cpl
        jmp %%end
%%trial:
        run_bits 32
        load %1
        end_run
        jmp report_cell
%%end:
%endmacro

; Loads `register` from AX. SS comes back at once: the exception that ends the snippet needs a stack.
%macro load 1
        mov edx, ss
        mov %1, ax
        mov ss, dx
%endmacro

; LAR, LSL, VERR, VERW: ZF of every CPL, DPL and RPL; then the value at CPL = DPL = 0.
%macro examine 2                        ; instruction with its operands, its name
        mov dword [row_trial], %%trial
        mov dword [sel_type], 0x80
%%type: begin_check
        puts {%2, "/type "}
        mov eax, [sel_type]
        and eax, 0x1f
        putx 2, eax
        end_name
        mov dword [first_value], 0
        mov dword [sel_cpl], 0
%%cpl:  each_dpl_and_rpl
        add dword [sel_cpl], 3
        cmp dword [sel_cpl], 4
        jb %%cpl
        putx 8, [first_value]
        end_check
        inc dword [sel_type]
        cmp dword [sel_type], 0xa0
        jb %%type
        jmp %%end
%%trial:
        with ecx, 0
        run_bits 32
        %1
        end_run
        call is_done
        jne report_cell
        mov eax, [rec_regs + REG_ecx * 8]
        or [first_value], eax
        test dword [rec_flags], FLAG_ZF
        setnz al
        movzx eax, al
        putx 1, eax
        ret
%%end:
%endmacro

; The same in 64-bit mode, CPL 0, where system descriptors have 16 bytes.
%macro examine_long 2
        mov dword [sel_type], 0x80
        mov dword [sel_dpl], 0
        mov dword [sel_rpl], 0
%%type: begin_check
        puts {%2, " in 64-bit mode/type "}
        mov eax, [sel_type]
        and eax, 0x1f
        putx 2, eax
        end_name
        call make_descriptor
        with ecx, 0
        run LONG_0
        %1
        end_run
        call report_trial
        end_check
        inc dword [sel_type]
        cmp dword [sel_type], 0xa0
        jb %%type
%endmacro

main:   mov dword [probe], 0x55667788
        mov dword [probe + 4], 0x11223344
        loads ds, "ds", 1, 0x80, ""
        loads ds, "ds", 3, 0, " absent"
        loads ss, "ss", 1, 0x80, ""
        loads ss, "ss", 3, 0, " absent"
        loads es, "es", 4, 0x80, ""
        loads fs, "fs", 4, 0x80, ""
        loads gs, "gs", 4, 0x80, ""

        examine {lar ecx, eax}, "lar"
        examine {lsl ecx, eax}, "lsl"
        examine {verr ax}, "verr"
        examine {verw ax}, "verw"
        examine_long {lar ecx, eax}, "lar"
        examine_long {lsl ecx, eax}, "lsl"

; LSL counts in bytes: granularity; LAR of 16 bits.
        mov dword [sel_rpl], 0
        set_descriptor FREE, 0, 0x12345, 0x93, 0x8
        trial PROTECTED32_0, "lsl/pages"
        mov eax, FREE
        lsl ecx, eax
        end_trial
        set_descriptor FREE, 0, 0x02345, 0x93, 0x8
        trial PROTECTED32_0, "lsl/16 bits"
        mov eax, FREE
        lsl cx, ax
        end_trial
        trial PROTECTED32_0, "lar/16 bits"
        mov eax, FREE
        lar cx, ax
        end_trial
        trial PROTECTED32_0, "lar/null"
        xor eax, eax
        lar ecx, eax
        end_trial
        trial PROTECTED32_0, "lar/upper half of the register is ignored"
        mov eax, 0xffff0000 | FREE
        lar ecx, eax
        end_trial
        trial PROTECTED32_0, "lar/beyond the GDT"
        mov eax, GDT_BYTES
        lar ecx, eax
        end_trial
        trial PROTECTED32_0, "verr/null"
        xor eax, eax
        verr ax
        end_trial

; ARPL: ZF and the result for each pair of RPLs.
        xor ebx, ebx
arpl_destination:
        begin_check
        puts "arpl/destination "
        putx 1, ebx
        end_name
        xor ecx, ecx
arpl_source:
        with eax, ebx
        with ecx, ecx
        run PROTECTED32_0
        arpl ax, cx
        end_run
        putx 4, [rec_regs + REG_eax * 8]
        test dword [rec_flags], FLAG_ZF
        setnz al
        movzx eax, al
        putc '/'
        putx 1, eax
        putc ' '
        inc ecx
        cmp ecx, 4
        jb arpl_source
        end_check
        inc ebx
        cmp ebx, 4
        jb arpl_destination

; What a load leaves in the descriptor: the accessed bit.
%macro accessed 2                       ; register, name
        mov dword [sel_type], 0x90
        mov dword [sel_dpl], 0
        mov dword [sel_rpl], 0
%%type: begin_check
        puts {"accessed/", %2, "/type "}
        putx 2, [sel_type]
        end_name
        call make_descriptor
        run PROTECTED32_0
        load %1
        end_run
        call report_event
        putc ' '
        movzx eax, byte [gdt + FREE + 5]
        putx 2, eax
        end_check
        inc dword [sel_type]
        cmp dword [sel_type], 0xa0
        jb %%type
%endmacro
        accessed es, "es"
        accessed ss, "ss"

; What may be read and written through DS.
        mov dword [sel_type], 0x90
        mov dword [sel_dpl], 0
        mov dword [sel_rpl], 0
use:    begin_check
        puts "use/type "
        putx 2, [sel_type]
        end_name
        mov dword [expected_code], 0
        call make_descriptor
        run PROTECTED32_0
        mov es, ax
        mov ecx, [es:probe]
        end_run
        call report_event
        puts " "
        call make_descriptor
        run PROTECTED32_0
        mov es, ax
        mov dword [es:probe], 0x55667788
        end_run
        call report_event
        end_check
        inc dword [sel_type]
        cmp dword [sel_type], 0xa0
        jb use
        trial PROTECTED32_0, "use/write through cs"
        mov [cs:probe], eax
        end_trial
        trial PROTECTED32_0, "use/read through cs"
        mov eax, [cs:probe]
        end_trial
        set_descriptor FREE, 0, 0xfffff, 0x99, 0xc
        trial PROTECTED32_0, "use/read through execute-only cs"
        jmp FREE:.there
.there: mov eax, [cs:probe]
        end_trial

; LLDT and LTR: every type, at CPL 0, and what becomes of the type.
%macro system_register 2
        mov dword [sel_type], 0x80
        mov dword [sel_dpl], 0
        mov dword [sel_rpl], 0
%%type: begin_check
        puts {%2, "/type "}
        mov eax, [sel_type]
        and eax, 0x1f
        putx 2, eax
        end_name
        call make_descriptor
        run PROTECTED32_0
        %1 ax
        end_run
        call report_event
        putc ' '
        movzx eax, byte [gdt + FREE + 5]
        putx 2, eax
        puts " absent "
        and dword [sel_type], ~0x80
        call make_descriptor
        run PROTECTED32_0
        %1 ax
        end_run
        call report_event
        or dword [sel_type], 0x80
        puts " 64-bit "
        call make_descriptor
        run LONG_0
        %1 ax
        end_run
        call report_event
        putc ' '
        movzx eax, byte [gdt + FREE + 5]
        putx 2, eax
        end_check
        inc dword [sel_type]
        cmp dword [sel_type], 0xa0
        jb %%type
%endmacro
        system_register lldt, "lldt"
        system_register ltr, "ltr"
        trial PROTECTED32_0, "lldt/null"
        xor eax, eax
        lldt ax
        end_trial
        trial PROTECTED32_0, "ltr/null"
        xor eax, eax
        ltr ax
        end_trial
        trial PROTECTED32_0, "lldt/selector of an LDT"
        mov eax, LDT | 4
        lldt ax
        end_trial
        trial PROTECTED32_0, "ltr/selector of an LDT"
        mov eax, LDT
        lldt ax
        mov eax, 4
        ltr ax
        end_trial
        trial PROTECTED32_0, "lldt/beyond the GDT"
        mov eax, GDT_BYTES
        lldt ax
        end_trial
        trial PROTECTED32_0, "sldt"
        mov eax, LDT | 3
        lldt ax
        sldt ecx
        sldt dx
        end_trial
        trial PROTECTED32_3, "str"
        str ecx
        end_trial
        trial LONG_0, "lldt/64-bit, upper half not zero"
        mov dword [gdt + FREE], 0x0000ffff
        mov dword [gdt + FREE + 4], 0x00008200
        mov dword [gdt + FREE + 8], 0
        mov dword [gdt + FREE + 12], 0x00000200
        mov eax, FREE
        lldt ax
        end_trial
        trial LONG_0, "lldt/64-bit, base not canonical"
        mov dword [gdt + FREE], 0x0000ffff
        mov dword [gdt + FREE + 4], 0x00008200
        mov dword [gdt + FREE + 8], 0x00008000
        mov dword [gdt + FREE + 12], 0
        mov eax, FREE
        lldt ax
        end_trial

; Selectors into the LDT.
        mov dword [ldt + 8], 0x0000ffff
        mov dword [ldt + 12], 0x0040f300
        trial PROTECTED32_0, "ldt/no LDT loaded"
        mov eax, 0x0c
        mov es, ax
        end_trial
        trial PROTECTED32_0, "ldt/data"
        mov eax, LDT
        lldt ax
        mov eax, 0x0c
        mov es, ax
        mov ecx, [es:probe + 4]
        end_trial
        trial PROTECTED32_0, "ldt/beyond"
        mov eax, LDT
        lldt ax
        mov eax, LDT_BYTES | 4
        mov es, ax
        end_trial
        trial PROTECTED32_0, "ldt/index 0 is no null selector"
        mov eax, LDT
        lldt ax
        mov eax, 4
        mov es, ax
        end_trial
        trial PROTECTED32_3, "ldt/not for CPL 3"
        mov eax, LDT
        lldt ax
        end_trial
        trial PROTECTED32_0, "ldt/lar"
        mov eax, LDT
        lldt ax
        mov eax, 0x0c
        lar ecx, eax
        end_trial

; Null selectors: loading, then using.
%macro null_selector 2                  ; register, name
        mov ebx, 0
%%rpl:  begin_check
        puts {"null/", %2, "/rpl "}
        putx 1, ebx
        end_name
        with eax, ebx
        run PROTECTED32_0
        mov %1, ax
        end_run
        call report_event
        puts " use "
        with eax, ebx
        run PROTECTED32_0
        mov %1, ax
        mov ecx, [%1:probe]
        end_run
        call report_event
        puts " cpl 3 "
        with eax, ebx
        run PROTECTED32_3
        mov %1, ax
        mov [%1:probe], ecx
        end_run
        call report_event
        puts " 64-bit "
        with eax, ebx
        run LONG_0
        mov %1, ax
        mov [%1:probe], ecx
        end_run
        call report_event
        puts " 64-bit cpl 3 "
        with eax, ebx
        run LONG_3
        mov %1, ax
        mov [%1:probe], ecx
        end_run
        call report_event
        end_check
        inc ebx
        cmp ebx, 4
        jb %%rpl
%endmacro
        null_selector ds, "ds"
        null_selector es, "es"
        null_selector fs, "fs"
        null_selector gs, "gs"
        null_selector ss, "ss"

        finish
