; Interrupt messages: where the ICR and stores to FEExxxxxH send them, and what each delivery mode does at the other end. The
; sender is the only receiver there is.
%define IMAGE "ipi"
%include "lib/system.asm"
%include "lib/interrupts.asm"

        bits 32
; Sends and tells what came: name, ICR high, ICR low.
%macro send 3
        check_log {%1}
        apic_write APIC_ICR_HIGH, %2
        apic_write APIC_ICR, %3
        end_log
%endmacro
; The same by a store: name, address, data.
%macro message 3
        check_log {%1}
        mov dword [%2], %3
        end_log
%endmacro

nmi_sends_nmi:
        mov dword [handlers + 2 * 4], no_eoi
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        self_ipi 0x71
        mov ecx, 100
.wait:  loop .wait
        ret
nmi_lets_in:
        self_ipi 0x71
        call window
        ret

main:   call interrupts_init

; --- Destinations --------------------------------------------------------------------------------------------------
        send "physical/0", 0, ICR_ASSERT | 0x41
        send "physical/1", 0x01000000, ICR_ASSERT | 0x41
        send "physical/fe", 0xfe000000, ICR_ASSERT | 0x41
        send "physical/ff, everybody", 0xff000000, ICR_ASSERT | 0x41
        xor ebx, ebx
each_flat:
        call clear_log
        begin_check
        puts "flat/ldr 05, destination "
        putx 2, ebx
        end_name
        apic_write APIC_LDR, 0x05000000
        mov eax, ebx
        shl eax, 24
        mov [APIC_ICR_HIGH], eax
        apic_write APIC_ICR, ICR_ASSERT | ICR_LOGICAL | 0x42
        end_log
        inc ebx
        cmp ebx, 8
        jb each_flat
        send "flat/ldr 05, destination ff", 0xff000000, ICR_ASSERT | ICR_LOGICAL | 0x42
        send "flat/ldr 05, destination f0", 0xf0000000, ICR_ASSERT | ICR_LOGICAL | 0x42
        apic_write APIC_LDR, 0
        send "flat/ldr 00, destination ff", 0xff000000, ICR_ASSERT | ICR_LOGICAL | 0x42
        apic_write APIC_DFR, 0x0fffffff
        apic_write APIC_LDR, 0x35000000
        mov esi, cluster_destinations
each_cluster:
        call clear_log
        begin_check
        puts "cluster/ldr 35, destination "
        movzx ebx, byte [esi]
        putx 2, ebx
        end_name
        shl ebx, 24
        mov [APIC_ICR_HIGH], ebx
        apic_write APIC_ICR, ICR_ASSERT | ICR_LOGICAL | 0x43
        end_log
        inc esi
        cmp esi, cluster_end
        jb each_cluster
        apic_write APIC_DFR, 0xffffffff
        apic_write APIC_LDR, 0x01000000

; --- Shorthands ----------------------------------------------------------------------------------------------------
        send "shorthand/self", 0x55000000, ICR_ASSERT | ICR_SELF | 0x44
        send "shorthand/all", 0x55000000, ICR_ASSERT | ICR_ALL | 0x44
        send "shorthand/others", 0, ICR_ASSERT | ICR_OTHERS | 0x44

; --- The register --------------------------------------------------------------------------------------------------
        check "icr/holds what was sent"
        apic_write APIC_ICR_HIGH, 0x12000000
        apic_write APIC_ICR, ICR_ASSERT | ICR_LOWEST | 0x45
        putx 8, [APIC_ICR_HIGH]
        putc ' '
        putx 8, [APIC_ICR]
        end_check
        check "icr/delivery status is idle"
        apic_write APIC_ICR_HIGH, 0
        self_ipi 0x45
        mov eax, [APIC_ICR]
        and eax, 1 << 12
        putx 4, eax
        call window
        end_check
        check_log "icr/writing the high half sends nothing"
        apic_write APIC_ICR_HIGH, 0
        end_log
        check_log "icr/written twice sends twice"
        self_ipi 0x45
        call window
        mov eax, [APIC_ICR]
        mov [APIC_ICR], eax
        end_log

; --- Delivery modes ------------------------------------------------------------------------------------------------
        send "mode/trigger bit level is an edge", 0, ICR_ASSERT | ICR_LEVEL | 0x46
        send "mode/lowest priority, physical", 0, ICR_ASSERT | ICR_LOWEST | 0x46
        send "mode/lowest priority, logical", 0x01000000, ICR_ASSERT | ICR_LOGICAL | ICR_LOWEST | 0x46
        send "mode/lowest priority, nobody", 0x02000000, ICR_ASSERT | ICR_LOGICAL | ICR_LOWEST | 0x46
        check "mode/lowest priority waits as fixed"
        apic_write APIC_ICR_HIGH, 0x01000000
        apic_write APIC_ICR, ICR_ASSERT | ICR_LOGICAL | ICR_LOWEST | 0x46
        mov esi, APIC_IRR
        call put_vectors
        call window
        end_check
        send "mode/init level de-assert does nothing", 0, ICR_LEVEL | ICR_INIT | 0x46
        send "mode/init to nobody", 0x55000000, ICR_ASSERT | ICR_INIT
        send "mode/start-up to one that runs", 0, ICR_ASSERT | 6 << 8 | 0x80
        send "mode/nmi", 0, ICR_ASSERT | ICR_NMI
        send "mode/nmi has no vector", 0, ICR_ASSERT | ICR_NMI | 0x51
        send "mode/nmi, logical", 0x01000000, ICR_ASSERT | ICR_LOGICAL | ICR_NMI
        send "mode/nmi to nobody", 0x55000000, ICR_ASSERT | ICR_NMI
        send "mode/nmi to others", 0, ICR_ASSERT | ICR_OTHERS | ICR_NMI

; --- NMI -----------------------------------------------------------------------------------------------------------
        check_log "nmi/comes with IF = 0"
        apic_write APIC_ICR_HIGH, 0
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        mov ecx, 100
.if0:   loop .if0
        call put_log
        end_check
        check_log "nmi/whatever the TPR"
        apic_write APIC_TPR, 0xff
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        mov ecx, 100
.tpr:   loop .tpr
        call put_log
        apic_write APIC_TPR, 0
        end_check
        check "nmi/is in no register"
        mov esi, APIC_ISR
        call put_vectors
        putc ' '
        mov esi, APIC_IRR
        call put_vectors
        end_check
        mov dword [handlers + 2 * 4], nmi_sends_nmi
        check_log "nmi/waits for IRET of the one before; IPIs wait for IF"
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        mov ecx, 100
.twice: loop .twice
        end_log
        mov dword [handlers + 2 * 4], nmi_lets_in
        check_log "nmi/interrupts in its handler"
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        mov ecx, 100
.inside: loop .inside
        call put_log
        end_check
        mov dword [handlers + 2 * 4], no_eoi
        mov dword [handlers + 0x51 * 4], in_service_nmi
        check_log "nmi/interrupts a handler"
        self_ipi 0x51
        end_log
        mov dword [handlers + 0x51 * 4], eoi_apic
        check_log "nmi/comes before an interrupt"
        self_ipi 0x51
        push dword FLAG_IF | 2
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        popfd
        mov ecx, 100
.first: loop .first
        cli
        call put_log
        end_check
        check_log "nmi/while the apic is disabled by software"
        apic_write APIC_SVR, 0xff
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        mov ecx, 100
.disabled: loop .disabled
        call put_log
        call apic_init
        end_check

; --- Message-signalled interrupts: stores of the CPU's own, beside its APIC's page -------------------------------------
        message "msi/logical 01", 0xfee01004, 0x47
        message "msi/logical 01, redirection hint", 0xfee0100c, 0x47
        message "msi/logical 01, lowest priority", 0xfee0100c, 0x0147
        message "msi/logical 02", 0xfee0200c, 0x47
        message "msi/logical 03", 0xfee0300c, 0x47
        message "msi/logical ff", 0xfeeff00c, 0x47
        message "msi/physical 01", 0xfee01000, 0x47
        message "msi/physical 01, redirection hint", 0xfee01008, 0x47
        message "msi/physical ff", 0xfeeff000, 0x48
        message "msi/nmi", 0xfee0100c, 0x0400
        message "msi/level, assert", 0xfee0100c, 0xc049
        apic_write APIC_EOI, 0
        check "msi/level is in the tmr"
        mov dword [0xfee0100c], 0xc049
        mov esi, APIC_TMR
        call put_vectors
        call window
        end_check
        check "msi/edge is not"
        mov dword [0xfee0100c], 0x49
        mov esi, APIC_TMR
        call put_vectors
        call window
        end_check
%assign CLASS 1
%rep 15
        begin_check
        puts "msi/vector "
        putx 2, CLASS << 4 | 7
        end_name
        call clear_log
        mov dword [0xfee01004], CLASS << 4 | 7
        end_log
%assign CLASS CLASS + 1
%endrep
        finish

in_service_nmi:
        apic_write APIC_ICR, ICR_ASSERT | ICR_NMI
        mov ecx, 100
.wait:  loop .wait
        jmp eoi_apic

cluster_destinations:
        db 0x30, 0x31, 0x32, 0x34, 0x35, 0x38, 0x3a, 0x3f, 0x05, 0x25, 0x45, 0xb5, 0xf0, 0xf1, 0xf2, 0xf5, 0xff, 0x00
cluster_end:
