; The pair of 8259s: requests and their order, ends of interrupt, rotation, special mask, special fully nested and polled mode,
; edges and levels; and an interrupt from outside in every mode of the CPU.
%define IMAGE "interrupts_pic"
%include "lib/system.asm"
%include "lib/interrupts.asm"
%include "lib/lines.asm"

; A check that starts with initialised controllers, and prints its log when all lines are down.
%macro check_lines 1-2 0x01     ; name, ICW4
        check {%1}
        begin_lines %2
%endmacro
%macro begin_lines 1
        call all_down
        mov al, %1
        call pic_init
        call clear_log
%endmacro
%macro end_lines 0
        call window
        call all_down
        call put_log
        end_check
%endmacro
%macro open 1                   ; inputs
        mov eax, %1
        call unmask
%endmacro
%macro handle 2                 ; IRQ, handler
        mov dword [handlers + (PIC1_VECTOR + (%1)) * 4], %2
%endmacro
%macro put_observed 0
        putx 4, [observed]
        end_check
%endmacro

IRQS            equ 1 << 0 | 1 << 1 | 1 << 4 | 1 << 8 | 1 << 14
CASCADE         equ 1 << 2

        bits 32
observed:       dd 0, 0
limit:          dd 0

; Handlers.
see_isr:
        call read_isr
        mov [observed], eax
        jmp serve_line
lines_nest:
        call line_down
        call window
        jmp eoi_pic
raise_all:                      ; in the handler of IRQ 4: everybody asks
        call line_down
        call irq0_up
        call irq1_up
        call irq8_up
        call irq14_up
        call window
        jmp eoi_pic
raise_1:
        call line_down
        call irq1_up
        call window
        jmp eoi_pic
raise_4:
        call line_down
        call irq4_up
        call window
        jmp eoi_pic
raise_8:
        call line_down
        call irq8_up
        call window
        jmp eoi_pic
raise_14:
        call line_down
        call irq14_up
        call window
        jmp eoi_pic
mask_self_and_raise_4:         ; special mask mode
        call line_down
        inb PIC1 + 1
        or al, 1 << 1
        outb PIC1 + 1, al
        call irq4_up
        call window
        outb PIC1, 0x61
        ret
eoi_first_8:                    ; special fully nested mode asks for the slave's ISR before the master's end
        call line_down
        call irq8_up
        call window
        outb PIC2, 0x20
        outb PIC2, 0x0b
        inb PIC2
        or eax, eax
        jnz .more
        outb PIC1, 0x20
.more:  ret
leave_line_up:                  ; a level: comes again until the limit
        dec dword [limit]
        jnz eoi_pic
        call line_down
        jmp eoi_pic
rotate:
        call line_down
        outb PIC1, 0xa0
        ret
rotate_specific:
        call line_down
        mov eax, [esp + 4 + 32]
        sub eax, PIC1_VECTOR
        or al, 0xe0
        outb PIC1, al
        ret
specific:
        call line_down
        mov eax, [esp + 4 + 32]
        sub eax, PIC1_VECTOR
        or al, 0x60
        outb PIC1, al
        ret
specific_wrong:
        call line_down
        outb PIC1, 0x67
        call read_isr
        mov [observed], eax
        jmp eoi_pic
again_once:                     ; automatic end: asks again, and lets it in
        call line_down
        mov dword [handlers + (PIC1_VECTOR + 4) * 4], line_down_only
        call irq4_up
        call window
        ret
line_down_only:
        jmp line_down
see_isr_only:
        call line_down
        call read_isr
        mov [observed], eax
        ret

; An interrupt while a snippet runs in the mode. The catcher knows nothing of 8259s: they are initialised anew.
%macro in_mode 2
        call all_down
        mov al, 0x01
        call pic_init
        begin_check
        puts {"mode/", %2}
        end_name
        open 1 << 4
        call irq4_up
        with_flags FLAG_IF
        run %1
        nop
        nop
        end_run
        call irq4_down
        call report_trial
        end_check
%endmacro

main:
        in_mode REAL, "real"
        in_mode V86, "v86"
        in_mode PROTECTED16_0, "pm16.0"
        in_mode PROTECTED16_3, "pm16.3"
        in_mode PROTECTED32_0, "pm32.0"
        in_mode PROTECTED32_1, "pm32.1"
        in_mode PROTECTED32_3, "pm32.3"
        in_mode COMPAT16_0, "compat16.0"
        in_mode COMPAT16_3, "compat16.3"
        in_mode COMPAT32_0, "compat32.0"
        in_mode COMPAT32_3, "compat32.3"
        in_mode LONG_0, "long.0"
        in_mode LONG_2, "long.2"
        in_mode LONG_3, "long.3"
        call interrupts_init
        call lines_init
        apic_write APIC_LVT_LINT0, 0x700        ; virtual wire mode

; --- One line at a time ------------------------------------------------------------------------------------------------
%macro one_line 3               ; IRQ, its name, inputs to unmask
        check_lines {"line/irq ", %2, " masked"}
        call irq%{1}_up
        call read_irr
        mov [observed], eax
        call window
        call all_down
        call put_log
        putc ' '
        mov eax, [observed]
        and eax, 1 << %1
        putx 4, eax
        end_check
        check_lines {"line/irq ", %2, " comes"}
        open %3
        call irq%{1}_up
        end_lines
        check_lines {"line/irq ", %2, " in service"}
        handle %1, see_isr
        open %3
        call irq%{1}_up
        call window
        call all_down
        handle %1, serve_line
        put_observed
        check_lines {"line/irq ", %2, " after its end"}
        open %3
        call irq%{1}_up
        call window
        call all_down
        call read_isr
        mov [observed], eax
        put_observed
%endmacro
        one_line 0, "0", 1 << 0
        one_line 1, "1", 1 << 1
        one_line 4, "4", 1 << 4
        one_line 8, "8", 1 << 8 | CASCADE
        one_line 14, "14", 1 << 14 | CASCADE
        check_lines "line/irq 8 with the cascade masked"
        open 1 << 8
        call irq8_up
        end_lines

; --- Masks --------------------------------------------------------------------------------------------------------------
        mov ebx, 0
each_mask:
        begin_check
        puts "imr/"
        movzx eax, byte [mask_patterns + ebx]
        putx 2, eax
        end_name
        begin_lines 0x01
        mov al, [mask_patterns + ebx]
        outb PIC1 + 1, al
        not al
        outb PIC2 + 1, al
        inb PIC1 + 1
        putx 2, eax
        putc ' '
        inb PIC2 + 1
        putx 2, eax
        end_check
        inc ebx
        cmp ebx, MASK_PATTERNS
        jb each_mask
        check_lines "imr/unmasked while it waits"
        call irq4_up
        call window
        open 1 << 4
        end_lines
        check_lines "imr/ICW1 clears it"
        outb PIC1, 0x11
        outb PIC1 + 1, PIC1_VECTOR
        outb PIC1 + 1, 0x04
        outb PIC1 + 1, 0x01
        inb PIC1 + 1
        putx 2, eax
        end_check

; --- Fixed priority -----------------------------------------------------------------------------------------------------
%macro all_up 0
        call irq8_up
        call irq14_up
        call irq1_up
        call irq0_up
        call irq4_up
%endmacro
        check_lines "priority/all"
        all_up
        open IRQS | CASCADE
        end_lines
        check_lines "priority/irr of all"
        all_up
        call read_irr
        mov [observed], eax
        call all_down
        mov eax, IRQS
        and [observed], eax
        put_observed
%macro in_service 4             ; name, IRQ in service, its handler, inputs
        check_lines {"nest/", %1}
        handle %2, %3
        open %4
        call irq%{2}_up
        call window
        handle %2, serve_line
        end_lines
%endmacro
        in_service "irq 4 by all above", 4, raise_all, IRQS | CASCADE
        in_service "irq 0 not by irq 4", 0, raise_4, IRQS | CASCADE
        in_service "irq 4 by irq 1", 4, raise_1, IRQS | CASCADE
        in_service "irq 4 by irq 14", 4, raise_14, IRQS | CASCADE
        in_service "irq 1 not by irq 14", 1, raise_14, IRQS | CASCADE
        in_service "irq 14 by irq 1", 14, raise_1, IRQS | CASCADE
        in_service "irq 14 not by irq 8", 14, raise_8, IRQS | CASCADE
        in_service "irq 14 not by irq 4", 14, raise_4, IRQS | CASCADE
        in_service "irq 4 not by itself", 4, raise_4_once, IRQS | CASCADE

; --- Set priority: the lowest one is ... -----------------------------------------------------------------------------------
        xor ebx, ebx
each_lowest:
        begin_check
        puts "set priority/lowest is "
        putx 1, ebx
        end_name
        begin_lines 0x01
        mov al, bl
        or al, 0xc0
        outb PIC1, al
        all_up
        open IRQS | CASCADE
        end_lines
        begin_check
        puts "set priority/slave, lowest is "
        putx 1, ebx
        end_name
        begin_lines 0x01
        mov al, bl
        or al, 0xc0
        outb PIC2, al
        call irq8_up
        call irq14_up
        open IRQS | CASCADE
        end_lines
        inc ebx
        cmp ebx, 8
        jb each_lowest

; --- Ends of interrupt -----------------------------------------------------------------------------------------------------
        handle 0, specific
        handle 1, specific
        handle 4, specific
        check_lines "eoi/specific"
        all_up
        open 1 << 0 | 1 << 1 | 1 << 4
        end_lines
        handle 0, serve_line
        handle 1, serve_line
        check_lines "eoi/specific for another level"
        handle 4, specific_wrong
        open 1 << 4
        call irq4_up
        call window
        call all_down
        handle 4, serve_line
        put_observed
        check_lines "eoi/with nothing in service"
        outb PIC1, 0x20
        open 1 << 4
        call irq4_up
        end_lines
        check_lines "eoi/rotate on non-specific"
        handle 1, rotate
        open 1 << 0 | 1 << 1 | 1 << 4
        call irq1_up
        call window
        handle 1, serve_line
        open 0
        all_up
        open 1 << 0 | 1 << 1 | 1 << 4
        end_lines
        check_lines "eoi/rotate on specific"
        handle 0, rotate_specific
        open 1 << 0 | 1 << 1 | 1 << 4
        call irq0_up
        call window
        handle 0, serve_line
        open 0
        all_up
        open 1 << 0 | 1 << 1 | 1 << 4
        end_lines

; --- Automatic end of interrupt ----------------------------------------------------------------------------------------------
        check_lines "aeoi/nothing in service", 0x03
        handle 4, see_isr_only
        open 1 << 4
        call irq4_up
        call window
        call all_down
        handle 4, serve_line
        put_observed
        check_lines "aeoi/its own level comes in", 0x03
        handle 4, again_once
        open 1 << 4
        call irq4_up
        end_lines
        handle 0, line_down_only
        handle 1, line_down_only
        handle 4, line_down_only
        handle 8, line_down_only
        handle 14, line_down_only
        check_lines "aeoi/all", 0x03
        all_up
        open IRQS | CASCADE
        end_lines
        check_lines "aeoi/rotating", 0x03
        outb PIC1, 0x80
        open 1 << 0 | 1 << 1 | 1 << 4
        call irq0_up
        call window
        open 0
        all_up
        open 1 << 0 | 1 << 1 | 1 << 4
        end_lines
        check_lines "aeoi/no longer rotating", 0x03
        outb PIC1, 0x80
        outb PIC1, 0x00
        open 1 << 0 | 1 << 1 | 1 << 4
        call irq0_up
        call window
        open 0
        all_up
        open 1 << 0 | 1 << 1 | 1 << 4
        end_lines
        handle 0, serve_line
        handle 1, serve_line
        handle 4, serve_line
        handle 8, serve_line
        handle 14, serve_line

; --- Special mask mode, special fully nested mode ----------------------------------------------------------------------------
        check_lines "special mask/lower ones come in"
        outb PIC1, 0x68
        handle 1, mask_self_and_raise_4
        open 1 << 1 | 1 << 4
        call irq1_up
        call window
        handle 1, serve_line
        end_lines
        check_lines "special mask/off again"
        outb PIC1, 0x68
        outb PIC1, 0x48
        handle 1, mask_self_and_raise_4
        open 1 << 1 | 1 << 4
        call irq1_up
        call window
        handle 1, serve_line
        end_lines
        check_lines "special fully nested/irq 14 by irq 8", 0x11
        handle 14, eoi_first_8
        open IRQS | CASCADE
        call irq14_up
        call window
        handle 14, serve_line
        end_lines
        check_lines "special fully nested/not without"
        handle 14, eoi_first_8
        open IRQS | CASCADE
        call irq14_up
        call window
        handle 14, serve_line
        end_lines

; --- Polling -------------------------------------------------------------------------------------------------------------------
        check_lines "poll/nothing"
        outb PIC1, 0x0c
        inb PIC1
        and eax, 0x80
        mov [observed], eax
        put_observed
        check_lines "poll/irq 4"
        open 1 << 4
        call irq4_up
        outb PIC1, 0x0c
        inb PIC1
        mov [observed], eax
        call read_isr
        mov [observed + 4], eax
        call irq4_down
        outb PIC1, 0x20
        putx 2, [observed]
        putc ' '
        putx 4, [observed + 4]
        end_check
        check_lines "poll/masked"
        call irq4_up
        outb PIC1, 0x0c
        inb PIC1
        and eax, 0x80
        mov [observed], eax
        call irq4_down
        put_observed
        check_lines "poll/the highest"
        all_up
        open 1 << 0 | 1 << 1 | 1 << 4
        outb PIC1, 0x0c
        inb PIC1
        mov [observed], eax
        call all_down
        put_observed
        check_lines "poll/cascade, then the slave"
        open 1 << 14 | CASCADE
        call irq14_up
        outb PIC1, 0x0c
        inb PIC1
        mov ah, al
        outb PIC2, 0x0c
        mov dx, PIC2
        in al, dx
        mov [observed], eax
        call all_down
        put_observed
        check_lines "poll/then no interrupt"
        open 1 << 4
        call irq4_up
        outb PIC1, 0x0c
        inb PIC1
        end_lines

; --- Reading -------------------------------------------------------------------------------------------------------------------
        check_lines "read/irr after ICW1"
        outb PIC1, 0x0b
        outb PIC1, 0x11
        outb PIC1 + 1, PIC1_VECTOR
        outb PIC1 + 1, 0x04
        outb PIC1 + 1, 0x01
        outb PIC1 + 1, 0xff
        call irq4_up
        inb PIC1
        mov [observed], eax
        call all_down
        mov eax, 1 << 4
        and [observed], eax
        put_observed
        check_lines "read/the choice stays"
        outb PIC1, 0x0b
        call irq4_up
        inb PIC1
        inb PIC1
        mov [observed], eax
        call all_down
        put_observed
        check_lines "read/other OCW3 do not change it"
        outb PIC1, 0x0b
        outb PIC1, 0x08
        call irq4_up
        inb PIC1
        mov [observed], eax
        call all_down
        put_observed

; --- Vectors ---------------------------------------------------------------------------------------------------------------------
%macro vector_base 1
        begin_check
        puts "icw2/"
        putx 2, %1
        end_name
        begin_lines 0x01
        mov dword [handlers + ((%1) & 0xf8 | 4) * 4], other_base
        outb PIC1, 0x11
        outb PIC1 + 1, %1
        outb PIC1 + 1, 0x04
        outb PIC1 + 1, 0x01
        open 1 << 4
        call irq4_up
        end_lines
%endmacro
        vector_base 0x30
        vector_base 0x37
        vector_base 0x80
        vector_base 0xf8
        vector_base 0xa5

; --- Edges and levels ------------------------------------------------------------------------------------------------------------
        check_lines "edge/up all the time comes once"
        mov dword [limit], 3
        handle 4, leave_line_up
        open 1 << 4
        call irq4_up
        call window
        handle 4, serve_line
        end_lines
        check_lines "edge/lost by ICW1"
        call irq4_up
        mov al, 0x01
        call pic_init
        open 1 << 4
        end_lines
        check "elcr/what can be a level"
        outb ELCR, 0xff
        outb ELCR + 1, 0xff
        inb ELCR
        putx 2, eax
        putc ' '
        inb ELCR + 1
        putx 2, eax
        outb ELCR, 0
        outb ELCR + 1, 0
        end_check
        outb ELCR, 1 << 4
        check_lines "level/comes again while it is up"
        mov dword [limit], 3
        handle 4, leave_line_up
        open 1 << 4
        call irq4_up
        call window
        handle 4, serve_line
        end_lines
        check_lines "level/not lost by ICW1"
        call irq4_up
        mov al, 0x01
        call pic_init
        open 1 << 4
        end_lines
        check_lines "level/irr follows the line"
        call irq4_up
        call read_irr
        mov ebx, eax
        call irq4_down
        call read_irr
        mov bh, al
        and ebx, 0x1010
        mov [observed], ebx
        put_observed
        outb ELCR, 0
        call all_down

; --- LINT0 ------------------------------------------------------------------------------------------------------------------------
        check_lines "lint0/masked"
        apic_write APIC_LVT_LINT0, LVT_MASKED | 0x700
        open 1 << 4
        call irq4_up
        end_lines
        check_lines "lint0/ExtINT is not held back by TPR"
        apic_write APIC_LVT_LINT0, 0x700
        apic_write APIC_TPR, 0xff
        open 1 << 4
        call irq4_up
        call window
        apic_write APIC_TPR, 0
        end_lines
        check_lines "lint0/ExtINT in the handler of an IPI"
        mov dword [handlers + 0xe1 * 4], raise_4_in_ipi
        open 1 << 4
        self_ipi 0xe1
        end_lines
        check_lines "lint0/ExtINT is in no register of the APIC"
        handle 4, see_apic
        open 1 << 4
        call irq4_up
        call window
        handle 4, serve_line
        call all_down
        put_observed
        finish

other_base:
        call irq4_down
        outb PIC1, 0x20
        ret
see_apic:
        mov eax, [APIC_ISR + 0x10]
        mov [observed], eax
        jmp serve_line
raise_4_in_ipi:
        call irq4_up
        call window
        jmp eoi_apic
raise_4_once:
        handle 4, serve_line
        jmp raise_4

mask_patterns:  db 0x00, 0xff, 0x55, 0xaa, 0x0f, 0x81
MASK_PATTERNS   equ $ - mask_patterns
