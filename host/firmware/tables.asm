; What the board tells about itself in memory: ACPI tables (1.0 root, so that old kernels find them; ACPI specification "ACPI
; System Description Tables") and the MP configuration table (MultiProcessor Specification 1.4). All of it is constant; the
; build fills in the checksums (host/build/firmware.ts CHECKSUMS). The board is host/board.ts.
ROM_ADDRESS     equ 0xf0000
IO_APIC_ADDRESS equ 0xfec00000
%define NR_ISA_IRQS 16
SCI_IRQ         equ 9
PM1_EVENT       equ 0x600
PM1_CONTROL     equ 0x604
PM_TIMER        equ 0x608
RESET_CONTROL   equ 0xcf9
CPU_SIGNATURE   equ 0x6f1
CPU_FEATURES    equ 0x201       ; CPUID leaf 1, EDX: APIC, FPU

%macro acpi_header 3            ; signature, label, revision
        db %1
        dd %2_end - %2
        db %3
        db 0                    ; checksum
        db "VITRIN"
        db "VITRINE "
        dd 1
        db "VITR"
        dd 1
%endmacro
%macro register 2               ; generic address of a port: port, bits; 0: none
        db (%2) != 0            ; system I/O
        db %2
        db 0, 0
        dq %1
%endmacro

        align 16
rsdp:   db "RSD PTR "
        db 0                    ; checksum
        db "VITRIN"
        db 0                    ; ACPI 1.0
        dd ROM_ADDRESS + rsdt
rsdp_end:

        align 8
rsdt:   acpi_header "RSDT", rsdt, 1
        dd ROM_ADDRESS + fadt
        dd ROM_ADDRESS + madt
rsdt_end:

        align 8
fadt:   acpi_header "FACP", fadt, 3
        dd ROM_ADDRESS + facs
        dd ROM_ADDRESS + dsdt
        db 0
        db 1                    ; desktop
        dw SCI_IRQ
        dd 0                    ; no SMI command: always in ACPI mode
        db 0, 0, 0, 0
        dd PM1_EVENT, 0
        dd PM1_CONTROL, 0
        dd 0                    ; PM2
        dd PM_TIMER
        dd 0, 0                 ; GPE
        db 4, 2, 0, 4           ; their lengths
        db 0, 0, 0, 0
        dw 0xffff, 0xffff       ; no C2, no C3
        dw 0, 0
        db 0, 0
        db 0, 0
        db CMOS_CENTURY
        dw 1 << 0 | 1 << 1      ; devices on an ISA bus; 8042
        db 0
        dd 1 << 0 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 10  ; WBINVD, C1, no fixed buttons, reset register
        register RESET_CONTROL, 8
        db 6
        db 0, 0, 0
        dq 0
        dq 0
        register PM1_EVENT, 32
        register 0, 0
        register PM1_CONTROL, 16
        register 0, 0
        register 0, 0
        register PM_TIMER, 32
        register 0, 0
        register 0, 0
fadt_end:

        align 64
facs:   db "FACS"
        dd 64
        times 56 db 0

; Name (\_S5, Package () { 0, 0, 0, 0 }): the sleep type of soft off.
        align 8
dsdt:   acpi_header "DSDT", dsdt, 1
        db 0x08, "_S5_", 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00
dsdt_end:

        align 8
madt:   acpi_header "APIC", madt, 1
        dd APIC_ADDRESS
        dd 1                    ; a pair of 8259s is there too
        db 0, 8, 0, 0           ; processor 0: APIC ID 0
        dd 1
        db 1, 12, 0, 0          ; I/O APIC 0, global interrupts from 0 on
        dd IO_APIC_ADDRESS, 0
        db 2, 10, 0, 0          ; IRQ 0 is global interrupt 2
        dd 2
        dw 0
        db 2, 10, 0, SCI_IRQ    ; the SCI is active high, level-triggered
        dd SCI_IRQ
        dw 0x0d
        db 4, 6, 0xff           ; LINT1 of all is NMI
        dw 0
        db 1
madt_end:

        align 16
mp_floating:
        db "_MP_"
        dd ROM_ADDRESS + mp_table
        db 1                    ; paragraphs
        db 4                    ; 1.4
        db 0                    ; checksum
        db 0, 0, 0, 0, 0        ; the table tells all; virtual wire mode
mp_floating_end:

        align 16
mp_table:
        db "PCMP"
        dw mp_table_end - mp_table
        db 4
        db 0                    ; checksum
        db "VITRINE "
        db "PC          "
        dd 0
        dw 0
        dw MP_ENTRIES
        dd APIC_ADDRESS
        dd 0
        db 0, 0, 0x14, 3        ; processor: APIC ID 0, version, enabled, bootstrap
        dd CPU_SIGNATURE, CPU_FEATURES, 0, 0
        db 1, 0, "ISA   "
        db 2, 0, 0x20, 1        ; I/O APIC: ID 0, version, enabled
        dd IO_APIC_ADDRESS
        db 3, 3                 ; the 8259 pair on pin 0
        dw 0
        db 0, 0, 0, 0
        db 3, 0                 ; IRQ 0 on pin 2
        dw 0
        db 0, 0, 0, 2
%assign IRQ 1
%rep NR_ISA_IRQS - 1
%if IRQ != 2
        db 3, 0
        dw 0
        db 0, IRQ, 0, IRQ
%endif
%assign IRQ IRQ + 1
%endrep
        db 4, 3                 ; the 8259 pair on LINT0 of all
        dw 0
        db 0, 0, 0xff, 0
        db 4, 1                 ; NMI on LINT1 of all
        dw 0
        db 0, 0, 0xff, 1
mp_table_end:
MP_ENTRIES      equ 3 + 1 + NR_ISA_IRQS - 1 + 2
