; The language of the images. README.md explains it.

; A check is a line: its name, a colon, what is observed, and the end of the line. A name of parts is written {"a", "b"}.
%macro check 1
        inc dword [check_count]
        puts {%1}
        puts ": "
%endmacro
; The same with a name that is put together: begin_check, puts and putx as often as needed, end_name.
%macro begin_check 0
        inc dword [check_count]
%endmacro
%macro end_name 0
        puts ": "
%endmacro
%macro end_check 0
        putc 10
%endmacro

; What the next trial begins with.
%macro with 2                   ; a register (eax to edi), its value: a constant or a register
        mov dword [trial_regs + REG_ %+ %1 * 8], %2
%endmacro
%macro with_qword 2             ; the same for long mode: both halves
        mov dword [trial_regs + REG_ %+ %1 * 8], (%2) & 0xffffffff
        mov dword [trial_regs + REG_ %+ %1 * 8 + 4], ((%2) >> 32) & 0xffffffff
%endmacro
%macro with_flags 1
        mov dword [trial_flags], %1
%endmacro
%macro with_cr0 1               ; bits added to CR0_DEFAULT
        mov dword [trial_cr0], %1
%endmacro
%macro with_cr4 1
        mov dword [trial_cr4], %1
%endmacro
%macro with_efer 1
        mov dword [trial_efer], %1
%endmacro
%macro with_sp 1
        mov dword [trial_sp], %1
%endmacro

; The code between `run` and `end_run` is executed in a mode (modes.asm); what becomes of it is in the record.
%assign RUN_NUMBER 0
%macro run 1
        mov dword [trial_mode], modes + ((%1) >> 8) * MODE_BYTES
        run_bits (%1) & 0xff
%endmacro
; The same in the mode whose row is in [trial_mode]; %1 is its 16, 32 or 64 bits.
%macro run_bits 1
%assign RUN_NUMBER RUN_NUMBER + 1
%assign RUN_BITS %1
        mov dword [trial_start], run_start_ %+ RUN_NUMBER
        mov dword [trial_end], run_end_ %+ RUN_NUMBER
        mov dword [trial_after], run_after_ %+ RUN_NUMBER
        jmp start_trial
        bits RUN_BITS
run_start_ %+ RUN_NUMBER:
%endmacro
%macro end_run 0
run_end_ %+ RUN_NUMBER:
        ud2
        bits 32
run_after_ %+ RUN_NUMBER:
%endmacro
; A row of `modes` that follows `mode` by EAX rows: mode_row PROTECTED32_0 with EAX = CPL.
%macro mode_row 1
        imul eax, eax, MODE_BYTES
        add eax, modes + ((%1) >> 8) * MODE_BYTES
        mov [trial_mode], eax
%endmacro

; The usual case: one trial that makes one line.
%macro trial 2                  ; mode, name
        check {%2}
        run %1
%endmacro
%macro end_trial 0
        end_run
        call report_trial
        end_check
%endmacro

; A check that a CPU without the feature could not come back from: unless [%1] is set its line says so.
%assign GUARD_NUMBER 0
%macro guard 2                  ; variable, name of the check
%assign GUARD_NUMBER GUARD_NUMBER + 1
        cmp byte [%1], 0
        jne guarded_ %+ GUARD_NUMBER
        check {%2}
        puts "not tried"
        end_check
        jmp not_tried_ %+ GUARD_NUMBER
guarded_ %+ GUARD_NUMBER:
%endmacro
%macro end_guard 0
not_tried_ %+ GUARD_NUMBER:
%endmacro

%macro finish 0
        jmp end_of_checks
%endmacro
