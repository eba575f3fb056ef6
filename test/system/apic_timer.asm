; The local APIC's timer: one-shot, periodic and TSC-deadline mode. How fast it counts is the machine's affair: checks compare with
; its own count, or wait until it must be over.
%define IMAGE "apic_timer"
%include "lib/system.asm"
%include "lib/interrupts.asm"

TIMER           equ 0x60
PERIODIC        equ 1 << 17
DEADLINE        equ 2 << 17
DIVIDE_BY_1     equ 0xb
MSR_TSC_DEADLINE equ 0x6e0
ROUNDS          equ 20000000

        bits 32
ticks:          dd 0
observed:       dd 0, 0

count_ticks:
        inc dword [ticks]
        jmp eoi_apic
stop_at_5:
        inc dword [ticks]
        cmp dword [ticks], 5
        jb eoi_apic
        apic_write APIC_INITIAL, 0
        jmp eoi_apic

; Lets interrupts in until there were EAX ticks, or for long. Nothing is logged.
wait_ticks:
        push ecx
        mov ecx, ROUNDS
        sti
.wait:  cmp [ticks], eax
        jae .done
        loop .wait
.done:  cli
        pop ecx
        ret

; Until the current count is 0, or for long.
wait_count:
        push ecx
        mov ecx, ROUNDS
.wait:  cmp dword [APIC_CURRENT], 0
        je .done
        loop .wait
.done:  pop ecx
        ret

; Until the timer's request is in the IRR, or for long.
wait_request:
        push ecx
        mov ecx, ROUNDS
.wait:  bt dword [APIC_IRR + 0x30], TIMER & 31
        jc .done
        loop .wait
.done:  pop ecx
        ret

; Some time: EAX milliseconds by the 8254's channel 2.
delay:  pushad
        mov ebx, eax
.millisecond:
        inb 0x61
        and al, 0xfc
        or al, 1
        outb 0x61, al
        outb 0x43, 0xb0
        outb 0x42, 0xa9         ; 1193 ticks
        outb 0x42, 0x04
        mov ecx, ROUNDS
.wait:  inb 0x61
        bt eax, 5
        jc .over
        loop .wait
.over:  dec ebx
        jnz .millisecond
        popad
        ret

begin:  mov dword [ticks], 0
        mov dword [handlers + TIMER * 4], count_ticks
        apic_write APIC_INITIAL, 0
        apic_write APIC_DIVIDE, DIVIDE_BY_1
        call clear_log
        ret

%macro check_timer 1
        check {%1}
        call begin
%endmacro
%macro yes_if 1                 ; condition
        j%1 %%yes
        puts "no"
        jmp %%on
%%yes:  puts "yes"
%%on:
%endmacro
%macro end_yes 1
        yes_if %1
        end_check
%endmacro

main:   call interrupts_init

; --- One-shot --------------------------------------------------------------------------------------------------------
        check_timer "one-shot/comes once"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_INITIAL, 1000
        mov eax, 2
        call wait_ticks
        putx 2, [ticks]
        end_check
        check_timer "one-shot/current count is 0 then"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_INITIAL, 1000
        mov eax, 1
        call wait_ticks
        putx 8, [APIC_CURRENT]
        end_check
        check_timer "one-shot/initial count stays"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_INITIAL, 1000
        mov eax, 1
        call wait_ticks
        putx 8, [APIC_INITIAL]
        end_check
        check_timer "one-shot/is in the irr while IF = 0"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_INITIAL, 1000
        call wait_request
        mov esi, APIC_IRR
        call put_vectors
        call window
        putc ' '
        call put_vectors
        end_check
        check_timer "one-shot/counts down"
        apic_write APIC_LVT_TIMER, LVT_MASKED | TIMER
        apic_write APIC_INITIAL, 0xffffffff
        mov ebx, [APIC_CURRENT]
        mov eax, 1
        call delay
        cmp [APIC_CURRENT], ebx
        end_yes b
        check_timer "one-shot/0 stops it"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_INITIAL, 0x1000000
        apic_write APIC_INITIAL, 0
        mov eax, [APIC_CURRENT]
        mov [observed], eax
        mov eax, 20
        call delay
        call window
        putx 8, [observed]
        putc ' '
        putx 2, [ticks]
        end_check
        check_timer "one-shot/written again starts anew"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_INITIAL, 0x00ffffff
        apic_write APIC_INITIAL, 0xffffffff
        mov eax, [APIC_CURRENT]
        shr eax, 28
        putx 2, eax
        end_check
        check_timer "one-shot/each time it is written"
        apic_write APIC_LVT_TIMER, TIMER
        mov ebx, 5
.again: apic_write APIC_INITIAL, 100
        mov eax, 6
        sub eax, ebx
        call wait_ticks
        dec ebx
        jnz .again
        putx 2, [ticks]
        end_check
        check_timer "one-shot/masked it counts, and does not interrupt"
        apic_write APIC_LVT_TIMER, LVT_MASKED | TIMER
        apic_write APIC_INITIAL, 1000
        call wait_count
        mov eax, 1
        call delay
        call window
        putx 8, [APIC_CURRENT]
        putc ' '
        putx 2, [ticks]
        end_check
        check_timer "one-shot/unmasked too late"
        apic_write APIC_LVT_TIMER, LVT_MASKED | TIMER
        apic_write APIC_INITIAL, 1000
        call wait_count
        mov eax, 1
        call delay
        apic_write APIC_LVT_TIMER, TIMER
        mov eax, 2
        call delay
        call window
        putx 2, [ticks]
        end_check
        check_timer "one-shot/masked in time"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_INITIAL, 0x1000000      ; not over before the next instruction, even if its host is slow
        apic_write APIC_LVT_TIMER, LVT_MASKED | TIMER
        mov eax, 700
        call delay
        call window
        putx 2, [ticks]
        end_check
        check_timer "one-shot/hlt waits for it"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_INITIAL, 10000
        sti
        hlt
        cli
        putx 2, [ticks]
        end_check
        check_timer "one-shot/held back by TPR"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_TPR, TIMER & 0xf0
        apic_write APIC_INITIAL, 1000
        call wait_request
        call window
        putx 2, [ticks]
        apic_write APIC_TPR, 0
        call window
        putx 2, [ticks]
        end_check
%assign CLASS 1
%rep 15
        begin_check
        puts "vector/"
        putx 2, CLASS << 4 | 3
        end_name
        call begin
        mov dword [handlers + (CLASS << 4 | 3) * 4], count_ticks
        apic_write APIC_LVT_TIMER, CLASS << 4 | 3
        apic_write APIC_INITIAL, 1000
        mov eax, 1
        call wait_ticks
        call put_log
        end_check
%assign CLASS CLASS + 1
%endrep

; --- Periodic --------------------------------------------------------------------------------------------------------
        check_timer "periodic/comes again and again"
        apic_write APIC_LVT_TIMER, PERIODIC | TIMER
        apic_write APIC_INITIAL, 100000
        mov eax, 10
        call wait_ticks
        cmp dword [ticks], 10
        end_yes ae
        check_timer "periodic/the count starts again"
        apic_write APIC_LVT_TIMER, PERIODIC | LVT_MASKED | TIMER
        apic_write APIC_INITIAL, 0x10000
        mov eax, 30
        call delay
        mov eax, [APIC_CURRENT]
        dec eax
        cmp eax, 0x10000
        end_yes b
        check_timer "periodic/stopped by 0"
        mov dword [handlers + TIMER * 4], stop_at_5
        apic_write APIC_LVT_TIMER, PERIODIC | TIMER
        apic_write APIC_INITIAL, 100000
        mov eax, 5
        call wait_ticks
        mov eax, 5
        call delay
        call window
        mov dword [ticks], 0
        mov eax, 20
        call delay
        call window
        putx 2, [ticks]
        end_check
        check_timer "periodic/missed ones are one"
        apic_write APIC_LVT_TIMER, PERIODIC | TIMER
        apic_write APIC_INITIAL, 10000
        mov eax, 20
        call delay
        apic_write APIC_LVT_TIMER, PERIODIC | LVT_MASKED | TIMER
        call window
        putx 2, [ticks]
        end_check
        check_timer "periodic/masked"
        apic_write APIC_LVT_TIMER, PERIODIC | LVT_MASKED | TIMER
        apic_write APIC_INITIAL, 10000
        mov eax, 10
        call delay
        call window
        putx 2, [ticks]
        end_check
        check_timer "periodic/unmasked goes on"
        apic_write APIC_LVT_TIMER, PERIODIC | LVT_MASKED | TIMER
        apic_write APIC_INITIAL, 10000
        mov eax, 5
        call delay
        apic_write APIC_LVT_TIMER, PERIODIC | TIMER
        mov eax, 3
        call wait_ticks
        cmp dword [ticks], 3
        end_yes ae
        apic_write APIC_INITIAL, 0

; --- Divide configuration: how far it counts while the TSC goes some way ------------------------------------------------
        xor esi, esi
each_divisor:
        begin_check
        puts "divide/configuration "
        movzx ebx, byte [divide_configurations + esi]
        putx 1, ebx
        puts " takes as long as it says"
        end_name
        call begin
        apic_write APIC_LVT_TIMER, LVT_MASKED | TIMER
        mov [APIC_DIVIDE], ebx
        apic_write APIC_INITIAL, 0xffffffff
        rdtsc
        mov edi, eax
        mov ebx, [APIC_CURRENT]
        mov eax, 40
        call delay
        rdtsc
        sub eax, edi
        shr eax, 10
        mov edi, eax                    ; TSC, in units of 1024
        mov eax, ebx
        sub eax, [APIC_CURRENT]
        xor edx, edx
        mov ecx, esi                    ; divisor 1, 2, 4 ...
        shld edx, eax, cl
        shl eax, cl
        div edi
        mov ebx, [observed]             ; undivided ticks in 1024 cycles, at the first rate
        or esi, esi
        jnz .compare
        mov [observed], eax
        mov ebx, eax
.compare:
        mov ecx, ebx
        shr ecx, 2
        sub eax, ebx
        add eax, ecx
        shl ecx, 1
        cmp eax, ecx                    ; within a quarter
        yes_if be
        end_check
        inc esi
        cmp esi, 8
        jb each_divisor
        finish

divide_configurations: db 0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa
