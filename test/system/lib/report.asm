; Prints the record of a trial.
;
;     #GP(0010) +2 fl=00010002 frame=10 eax=00000010
;
; that is: the exception with its error code, where the saved IP points (in bytes from the snippet's start), the saved flags,
; how many bytes were pushed; then every register that is not as the trial began, CR2 of a #PF and DR6 of a #DB. `done` is a
; snippet that ran to its end; there RF, which its last fault sets, is left out.
exception_names:
        db "DE", "DB", "NM", "BP", "OF", "BR", "UD", "NM", "DF", "09", "TS", "NP", "SS", "GP", "PF", "0f"
        db "MF", "AC", "MC", "XM", "VE", "CP", "16", "17", "18", "19", "1a", "1b", "1c", "1d", "1e", "1f"
register_names: db "axcxdxbxspbpsidi"
segment_names:  db "esdsfsgs"

; ZF: the snippet ran to its end.
        bits 32
is_done:
        push eax
        cmp dword [rec_vector], 6
        jne .no
        mov eax, [rec_ip]
        cmp eax, [trial_stop]
.no:    pop eax
        ret

; The event: "done", "#UD", "#GP(0000)", "int 40".
report_event:
        call is_done
        jne .vector
        puts "done"
        ret
.vector:
        push eax
        mov eax, [rec_vector]
        cmp eax, 31
        ja .number
        cmp eax, 2
        je .number
        putc '#'
        push dword [exception_names + eax * 2]
        call put_char
        push dword [exception_names + eax * 2 + 1]
        call put_char
        jmp .code
.number:
        puts "int "
        putx 2, eax
.code:  cmp dword [rec_has_code], 0
        je .return
        putc '('
        cmp dword [rec_code], 0xffff
        ja .long
        putx 4, [rec_code]
        jmp .close
.long:  putx 8, [rec_code]
.close: putc ')'
.return:
        pop eax
        ret

; Everything.
report_trial:
        pushad
        call report_event
        call is_done
        je .flags

        putc ' '
        cmp dword [rec_ip + 4], 0
        jne .far
        mov eax, [rec_ip]
        sub eax, [trial_ip]
        cmp eax, SNIPPET_BYTES
        jae .far
        putc '+'
        call put_decimal
        jmp .flags
.far:   puts "ip="
        mov esi, rec_ip
        call put_qword
.flags: mov eax, [rec_cs]
        cmp eax, [trial_cs]
        je .same_cs
        puts " cs="
        putx 4, eax
.same_cs:
        puts " fl="
        mov eax, [rec_flags]
        call is_done
        jne .put_flags
        and eax, ~FLAG_RF
.put_flags:
        putx 8, eax
        call is_done
        je .stack

; Bytes pushed: from where the stack was, or from the top of the ring's stack in the TSS, which lie at multiples of 400h.
        puts " frame="
        mov eax, [used_regs + REG_esp * 8]
        sub eax, [rec_handler_sp]
        cmp eax, 0x200
        jb .put_frame
        mov eax, [rec_handler_sp]
        neg eax
        and eax, 0x3ff
.put_frame:
        putx 2, eax
.stack: mov eax, [rec_ss]
        cmp eax, [trial_ss]
        je .registers
        puts " ss="
        putx 4, eax

.registers:
        xor ebx, ebx
.register:
        mov eax, [rec_regs + ebx * 8]
        mov edx, [rec_regs + ebx * 8 + 4]
        cmp eax, [used_regs + ebx * 8]
        jne .changed
        cmp edx, [used_regs + ebx * 8 + 4]
        je .next
.changed:
        cmp ebx, 8
        jb .named
        mov eax, [trial_mode]
        cmp byte [eax + MODE_KIND], KIND_LONG
        jne .next
        puts " r"
        mov eax, ebx
        call put_decimal
        jmp .value
.named: putc ' '
        push dword [register_names + ebx * 2]
        call put_char
        push dword [register_names + ebx * 2 + 1]
        call put_char
.value: putc '='
        lea esi, [rec_regs + ebx * 8]
        call put_qword
.next:  inc ebx
        cmp ebx, 16
        jb .register

        xor ebx, ebx
.segment:
        movzx eax, word [rec_segments + ebx * 4]
        cmp eax, [trial_ss]
        je .same_segment
        putc ' '
        push dword [segment_names + ebx * 2]
        call put_char
        push dword [segment_names + ebx * 2 + 1]
        call put_char
        putc '='
        putx 4, eax
.same_segment:
        inc ebx
        cmp ebx, 4
        jb .segment

        cmp dword [rec_vector], 14
        jne .no_cr2
        puts " cr2="
        putx 8, [rec_cr2]
.no_cr2:
        cmp dword [rec_vector], 1
        jne .no_dr6
        puts " dr6="
        putx 8, [rec_dr6]
.no_dr6:
        popad
        ret

; The event as one character, for rows of many trials: `.` done, G #GP, N #NP, S #SS, T #TS, P #PF, U #UD, D #DB, A #AC, B #BR,
; else the vector in braces. An error code other than [expected_code] follows in parentheses.
report_cell:
        push eax
        call is_done
        jne .vector
        putc '.'
        jmp .return
.vector:
        mov eax, [rec_vector]
        cmp eax, 31
        ja .number
        movzx eax, byte [cell_letters + eax]
        cmp al, ' '
        je .number
        putc eax
.code:  cmp dword [rec_has_code], 0
        je .return
        mov eax, [rec_code]
        cmp eax, [expected_code]
        je .return
        putc '('
        putx 4, eax
        putc ')'
.return:
        pop eax
        ret
.number:
        putc '{'
        putx 2, [rec_vector]
        putc '}'
        jmp .code
cell_letters:   db " D   BU   TNSGP  A              "

        variable expected_code, 4
        variable check_count, 4
