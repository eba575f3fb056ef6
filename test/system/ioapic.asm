; The I/O APIC: its registers, and lines that become interrupt messages: edges and levels, polarity, masks, destinations, delivery
; modes, and the EOI that a level waits for.
%define IMAGE "ioapic"
%include "lib/system.asm"
%include "lib/interrupts.asm"
%include "lib/lines.asm"

IOAPIC          equ 0xfec00000
IOREGSEL        equ IOAPIC
IOWIN           equ IOAPIC + 0x10
IO_ID           equ 0
IO_VERSION      equ 1
IO_ARBITRATION  equ 2
IO_ENTRY        equ 0x10        ; + 2 * pin; + 1: high half
NR_PINS         equ 24
IO_LOGICAL      equ 1 << 11
IO_LOW          equ 1 << 13
IO_REMOTE_IRR   equ 1 << 14
IO_LEVEL        equ 1 << 15
IO_MASKED       equ 1 << 16

        bits 32
%macro io_write 2               ; register, value
        mov dword [IOREGSEL], %1
        mov dword [IOWIN], %2
%endmacro
%macro io_read 1                ; register; in EAX
        mov dword [IOREGSEL], %1
        mov eax, [IOWIN]
%endmacro
%macro entry 2-3 0              ; pin, low half, high half
        io_write IO_ENTRY + 2 * (%1) + 1, %3
        io_write IO_ENTRY + 2 * (%1), %2
%endmacro
; A check that begins with lines down and entries masked, and prints its log when the lines are down again.
%macro check_pin 1
        check {%1}
        call begin_pin
%endmacro
%macro end_pin 0
        call window
        call all_down
        call put_log
        end_check
%endmacro
%macro put_observed 0
        call all_down
        putx 8, [observed]
        end_check
%endmacro

observed:       dd 0
limit:          dd 0

begin_pin:
        pushad
        call all_down
        mov al, 0x01                    ; forgets what lines did before: wait_irr looks there
        call pic_init
        mov ecx, NR_PINS
.mask:  lea eax, [IO_ENTRY - 2 + ecx * 2]
        mov [IOREGSEL], eax
        mov dword [IOWIN], IO_MASKED
        inc eax
        mov [IOREGSEL], eax
        mov dword [IOWIN], 0
        loop .mask
        mov ecx, 4
.eoi:   apic_write APIC_EOI, 0
        loop .eoi
        call clear_log
        popad
        ret

; Handlers: the line goes down, or stays up some times; then EOI.
serve_4:
        call irq4_down
        jmp eoi_apic
serve_0:
        call irq0_down
        jmp eoi_apic
serve_1:
        call irq1_down
        jmp eoi_apic
serve_8:
        call irq8_down
        jmp eoi_apic
serve_14:
        call irq14_down
        jmp eoi_apic
leave_up:
        dec dword [limit]
        jnz eoi_apic
        call irq4_down
        jmp eoi_apic
eoi_then_down:
        apic_write APIC_EOI, 0
        jmp irq4_down
see_entry:
        io_read IO_ENTRY + 2 * 4
        mov [observed], eax
        jmp serve_4
see_tmr:
        mov eax, [APIC_TMR + 0x20]
        mov [observed], eax
        jmp serve_4
mask_it:
        entry 4, IO_MASKED | IO_LEVEL | 0x54
        call irq4_down
        jmp eoi_apic

main:   call interrupts_init
        outb PIC1 + 1, 0xff
        outb PIC2 + 1, 0xff

; --- Registers -----------------------------------------------------------------------------------------------------
        check "register/version, highest entry"
        io_read IO_VERSION
        and eax, 0x00ff0000
        putx 8, eax
        end_check
        check "register/id"
        io_write IO_ID, 0x0f000000
        io_read IO_ID
        putx 8, eax
        putc ' '
        io_write IO_ID, 0x05ffffff
        io_read IO_ID
        putx 8, eax
        io_write IO_ID, 0
        end_check
        check "register/select reads back"
        mov dword [IOREGSEL], 0x11
        mov eax, [IOREGSEL]
        and eax, 0xff
        putx 2, eax
        end_check
        call begin_pin
        xor ebx, ebx
each_entry:
        begin_check
        puts "entry/"
        mov eax, ebx
        call put_decimal
        puts " keeps"
        end_name
        lea ecx, [IO_ENTRY + ebx * 2]
        mov [IOREGSEL], ecx
        mov dword [IOWIN], 0x0001afff
        mov eax, [IOWIN]
        putx 8, eax
        putc ' '
        mov dword [IOWIN], IO_MASKED
        mov eax, [IOWIN]
        putx 8, eax
        putc ' '
        inc ecx
        mov [IOREGSEL], ecx
        mov dword [IOWIN], 0xa5000000
        mov eax, [IOWIN]
        putx 8, eax
        mov dword [IOWIN], 0
        end_check
        inc ebx
        cmp ebx, NR_PINS
        jb each_entry
        check "entry/reserved and read-only bits"
        entry 23, 0xffffffff, 0xffffffff
        io_read IO_ENTRY + 2 * 23
        putx 8, eax
        putc ' '
        io_read IO_ENTRY + 2 * 23 + 1
        putx 8, eax
        entry 23, IO_MASKED
        end_check

; --- Lines -----------------------------------------------------------------------------------------------------------
        mov dword [handlers + 0x50 * 4], serve_0
        mov dword [handlers + 0x51 * 4], serve_1
        mov dword [handlers + 0x54 * 4], serve_4
        mov dword [handlers + 0x58 * 4], serve_8
        mov dword [handlers + 0x5e * 4], serve_14
        check_pin "line/irq 0 is pin 2"
        entry 2, 0x50
        call irq0_up
        end_pin
        check_pin "line/irq 1 is pin 1"
        entry 1, 0x51
        call irq1_up
        end_pin
        check_pin "line/irq 4 is pin 4"
        entry 4, 0x54
        call irq4_up
        end_pin
        check_pin "line/irq 8 is pin 8"
        entry 8, 0x58
        call irq8_up
        end_pin
        check_pin "line/irq 14 is pin 14"
        entry 14, 0x5e
        call irq14_up
        end_pin
        check_pin "line/all, by vector"
        entry 2, 0x50
        entry 1, 0x51
        entry 4, 0x54
        entry 8, 0x58
        entry 14, 0x5e
        call irq8_up
        call irq14_up
        call irq1_up
        call irq0_up
        call irq4_up
        end_pin
        check_pin "line/the 8259s' masks do not count"
        entry 4, 0x54
        outb PIC1 + 1, 0xff
        call irq4_up
        end_pin
%assign CLASS 1
%rep 15
        begin_check
        puts "vector/"
        putx 2, CLASS << 4 | 4
        end_name
        call begin_pin
        mov dword [handlers + (CLASS << 4 | 4) * 4], serve_4
        entry 4, CLASS << 4 | 4
        call irq4_up
        end_pin
%assign CLASS CLASS + 1
%endrep

; --- Edges -----------------------------------------------------------------------------------------------------------
        check_pin "edge/up all the time comes once"
        mov dword [handlers + 0x54 * 4], eoi_apic
        entry 4, 0x54
        call irq4_up
        call window
        mov dword [handlers + 0x54 * 4], serve_4
        end_pin
        check_pin "edge/twice"
        entry 4, 0x54
        call irq4_up
        call window
        call irq4_up
        end_pin
        check_pin "edge/two before the first is taken"
        entry 4, 0x54
        call irq4_up
        call irq4_down
        call irq4_up
        end_pin
        check_pin "edge/withdrawn"
        entry 4, 0x54
        call irq4_up
        call irq4_down
        end_pin
        check_pin "edge/on a masked pin is lost"
        entry 4, IO_MASKED | 0x54
        call irq4_up
        entry 4, 0x54
        end_pin
        check_pin "edge/masked after it was sent"
        entry 4, 0x54
        call irq4_up
        entry 4, IO_MASKED | 0x54
        end_pin
        check_pin "edge/has no Remote IRR"
        mov dword [handlers + 0x54 * 4], see_entry
        entry 4, 0x54
        call irq4_up
        call window
        put_observed
        check_pin "edge/is not in the TMR"
        mov dword [handlers + 0x54 * 4], see_tmr
        entry 4, 0x54
        call irq4_up
        call window
        put_observed
        mov dword [handlers + 0x54 * 4], serve_4

; --- Levels ----------------------------------------------------------------------------------------------------------
        check_pin "level/comes once if served"
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        end_pin
        check_pin "level/again while it is up"
        mov dword [limit], 4
        mov dword [handlers + 0x54 * 4], leave_up
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        end_pin
        check_pin "level/once more if it falls after EOI"
        mov dword [handlers + 0x54 * 4], eoi_then_down
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        end_pin
        check_pin "level/Remote IRR in service"
        mov dword [handlers + 0x54 * 4], see_entry
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        call window
        put_observed
        check_pin "level/Remote IRR while it waits"
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        io_read IO_ENTRY + 2 * 4
        mov [observed], eax
        mov dword [handlers + 0x54 * 4], serve_4
        call window
        put_observed
        check_pin "level/Remote IRR after EOI"
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        call window
        io_read IO_ENTRY + 2 * 4
        mov [observed], eax
        put_observed
        check_pin "level/is in the TMR"
        mov dword [handlers + 0x54 * 4], see_tmr
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        call window
        mov dword [handlers + 0x54 * 4], serve_4
        put_observed
        check_pin "level/no EOI, no other one"
        mov dword [handlers + 0x54 * 4], no_eoi
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        call window
        call window
        mov dword [handlers + 0x54 * 4], serve_4
        call irq4_down
        apic_write APIC_EOI, 0
        end_pin
        check_pin "level/waits on a masked pin"
        entry 4, IO_MASKED | IO_LEVEL | 0x54
        call irq4_up
        call window
        entry 4, IO_LEVEL | 0x54
        end_pin
        check_pin "level/gone before it is unmasked"
        entry 4, IO_MASKED | IO_LEVEL | 0x54
        call irq4_up
        call irq4_down
        entry 4, IO_LEVEL | 0x54
        end_pin
        check_pin "level/withdrawn before it is taken"
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        call irq4_down
        end_pin
        check_pin "level/masked in the handler"
        mov dword [handlers + 0x54 * 4], mask_it
        entry 4, IO_LEVEL | 0x54
        call irq4_up
        call window
        call irq4_up
        mov dword [handlers + 0x54 * 4], serve_4
        end_pin

; --- Destinations ----------------------------------------------------------------------------------------------------
%macro destination 3            ; name, low half, high half
        check_pin {"destination/", %1}
        entry 4, (%2) | 0x54, %3
        call irq4_up
        end_pin
%endmacro
        destination "physical 0", 0, 0
        destination "physical 1", 0, 0x01000000
        destination "physical ff", 0, 0xff000000
        destination "logical 01", IO_LOGICAL, 0x01000000
        destination "logical 02", IO_LOGICAL, 0x02000000
        destination "logical 03", IO_LOGICAL, 0x03000000
        destination "logical ff", IO_LOGICAL, 0xff000000
        destination "lowest priority, logical 01", IO_LOGICAL | 0x100, 0x01000000
        destination "lowest priority, logical ff", IO_LOGICAL | 0x100, 0xff000000
        destination "lowest priority, logical 02", IO_LOGICAL | 0x100, 0x02000000
        destination "level, logical 01", IO_LOGICAL | IO_LEVEL, 0x01000000
        destination "level, lowest priority", IO_LOGICAL | IO_LEVEL | 0x100, 0x01000000

; --- Delivery modes ----------------------------------------------------------------------------------------------------
        check_pin "mode/nmi"
        mov dword [handlers + 2 * 4], irq4_down
        entry 4, 0x400
        call irq4_up
        call .delay
        call all_down
        call put_log
        end_check
        check_pin "mode/nmi has no vector"
        entry 4, 0x454
        call irq4_up
        call .delay
        call all_down
        call put_log
        end_check
        check_pin "mode/nmi to nobody"
        entry 4, 0x400, 0x01000000
        call irq4_up
        call .delay
        call all_down
        call put_log
        end_check
        jmp .after_delay
.delay: mov ecx, 200
.wait:  loop .wait
        ret
.after_delay:

; --- Polarity: active low, the line is asserted while it is down ---------------------------------------------------------
        check_pin "polarity/low edge comes when the line falls"
        mov dword [handlers + 0x54 * 4], eoi_apic
        call irq4_up
        entry 4, IO_LOW | 0x54
        call window
        call irq4_down
        end_pin
        mov dword [handlers + 0x54 * 4], serve_4

; --- With the TPR ----------------------------------------------------------------------------------------------------------
        check_pin "tpr/holds it back"
        apic_write APIC_TPR, 0x50
        entry 4, 0x54
        call irq4_up
        call window
        mov esi, APIC_IRR
        call all_down
        call put_vectors
        putc ' '
        apic_write APIC_TPR, 0x40
        end_pin
        apic_write APIC_TPR, 0
        check_pin "nest/a higher pin in a lower one's handler"
        mov dword [handlers + 0x54 * 4], raise_8
        entry 4, 0x54
        entry 8, 0x68
        mov dword [handlers + 0x68 * 4], serve_8
        call irq4_up
        end_pin
        check_pin "nest/a lower pin waits"
        mov dword [handlers + 0x54 * 4], raise_8
        entry 4, 0x54
        entry 8, 0x48
        mov dword [handlers + 0x48 * 4], serve_8
        call irq4_up
        end_pin
        finish

raise_8:
        call irq4_down
        call irq8_up
        call window
        jmp eoi_apic
