; The local APIC's timer in TSC-deadline mode.
%define IMAGE "tsc_deadline"
%include "lib/system.asm"
%include "lib/interrupts.asm"

TIMER           equ 0x60
DEADLINE        equ 2 << 17
DIVIDE_BY_1     equ 0xb
MSR_TSC_DEADLINE equ 0x6e0
ROUNDS          equ 20000000

        bits 32
ticks:          dd 0
offered:        dd 0

count_ticks:
        inc dword [ticks]
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

; A check that is left out where the mode does not exist.
%assign DEADLINE_CHECK 0
%macro check_deadline 1
%assign DEADLINE_CHECK DEADLINE_CHECK + 1
        check {"deadline/", %1}
        cmp dword [offered], 0
        jne deadline_do_ %+ DEADLINE_CHECK
        puts "not offered"
        jmp deadline_end_ %+ DEADLINE_CHECK
deadline_do_ %+ DEADLINE_CHECK:
        call begin
%endmacro
%macro end_deadline 0
deadline_end_ %+ DEADLINE_CHECK:
        end_check
%endmacro
%macro yes_if 1                 ; condition
        j%1 %%yes
        puts "no"
        jmp %%on
%%yes:  puts "yes"
%%on:
%endmacro

%macro write_deadline 2         ; low, high: registers or constants
        mov ecx, MSR_TSC_DEADLINE
        mov eax, %1
        mov edx, %2
        wrmsr
%endmacro
; EAX cycles from now.
%macro deadline_in 1
        rdtsc
        add eax, %1
        adc edx, 0
        mov ecx, MSR_TSC_DEADLINE
        wrmsr
%endmacro
%macro read_deadline 0          ; 0 or not
        mov ecx, MSR_TSC_DEADLINE
        rdmsr
        or eax, edx
%endmacro

main:   call interrupts_init
        mov eax, 1
        cpuid
        shr ecx, 24
        and ecx, 1
        mov [offered], ecx
        check "cpuid"
        putx 1, [offered]
        end_check
        check_deadline "comes once"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        deadline_in 100000
        mov eax, 2
        call wait_ticks
        putx 2, [ticks]
        end_deadline
        check_deadline "not before the time"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        deadline_in 500000
        rdtsc
        mov ebx, eax
        add ebx, 400000
        mov eax, 1
        call wait_ticks
        rdtsc
        sub eax, ebx
        cmp eax, 0x80000000
        yes_if b
        end_deadline
        check_deadline "msr is 0 afterwards"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        deadline_in 100000
        read_deadline
        setnz bl
        mov eax, 1
        call wait_ticks
        read_deadline
        setnz bh
        putx 4, ebx
        end_deadline
        check_deadline "passed already"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        write_deadline 1, 0
        mov eax, 1
        call wait_ticks
        putx 2, [ticks]
        end_deadline
        check_deadline "far away"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        write_deadline 0xffffffff, 0xffffffff
        mov eax, 5
        call delay
        call window
        putx 2, [ticks]
        end_deadline
        check_deadline "0 disarms"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        deadline_in 1000000
        write_deadline 0, 0
        mov eax, 20
        call delay
        call window
        putx 2, [ticks]
        end_deadline
        check_deadline "written again moves it"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        write_deadline 0xffffffff, 0x7fffffff
        deadline_in 100000
        mov eax, 2
        call wait_ticks
        putx 2, [ticks]
        end_deadline
        check_deadline "initial count is ignored"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        apic_write APIC_INITIAL, 1000
        mov eax, 5
        call delay
        call window
        putx 8, [APIC_CURRENT]
        putc ' '
        putx 2, [ticks]
        end_deadline
        check_deadline "ignored in one-shot mode"
        apic_write APIC_LVT_TIMER, TIMER
        deadline_in 1000
        mov eax, 5
        call delay
        call window
        read_deadline
        putx 8, eax
        putc ' '
        putx 2, [ticks]
        end_deadline
        check_deadline "leaving the mode disarms"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        deadline_in 1000000
        apic_write APIC_LVT_TIMER, TIMER
        mov eax, 10
        call delay
        call window
        putx 2, [ticks]
        end_deadline
        check_deadline "entering the mode stops the count"
        apic_write APIC_LVT_TIMER, TIMER
        apic_write APIC_INITIAL, 0x100000
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        mov ebx, [APIC_CURRENT]
        mov eax, 20
        call delay
        call window
        putx 8, ebx
        putc ' '
        putx 2, [ticks]
        end_deadline
        check_deadline "masked"
        apic_write APIC_LVT_TIMER, DEADLINE | LVT_MASKED | TIMER
        deadline_in 1000
        mov eax, 5
        call delay
        call window
        putx 2, [ticks]
        end_deadline
        check_deadline "hlt waits for it"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        deadline_in 100000
        sti
        hlt
        cli
        putx 2, [ticks]
        end_deadline
        check_deadline "follows a TSC that is set"
        apic_write APIC_LVT_TIMER, DEADLINE | TIMER
        write_deadline 0, 0x100
        mov ecx, 0x10
        mov eax, 0
        mov edx, 0x101
        wrmsr
        mov eax, 1
        call wait_ticks
        putx 2, [ticks]
        end_deadline
        apic_write APIC_LVT_TIMER, LVT_MASKED | TIMER
        finish
