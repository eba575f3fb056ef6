; Where everything lies in memory, and the selectors of the GDT.
;
;     00000  IVT of real mode: every vector leads to the catcher
;     00600  variables (`variable`)
;     01000  IDT of protected mode        02000  IDT of long mode
;     03000  stacks of ring 2, 1 and 0 (they end at RINGn_SP)
;     04800  stack of what is tried (ends at TRIAL_SP)
;     06000  place of 16-bit snippets     06400  stack of the image's main (ends at 7C00)
;     07C00  boot sector, then the image  80000  free for the image
;     100000 page tables of long mode     110000 free for the image
IVT             equ 0x0000
VARIABLES       equ 0x0600
VARIABLES_END   equ 0x1000
IDT32           equ 0x1000
IDT64           equ 0x2000
RING2_SP        equ 0x3800
RING1_SP        equ 0x3c00
RING0_SP        equ 0x4000
IST1_SP         equ 0x4400
TRIAL_SP        equ 0x5800
SNIPPET         equ 0x6000
SNIPPET_BYTES   equ 0x400
MAIN_SP         equ 0x7c00
IMAGE_BASE      equ 0x7c00
LOW_FREE        equ 0x80000
PAGE_TABLES     equ 0x100000
HIGH_FREE       equ 0x110000

; Ring N (0 to 3): CODE32 + N * RING and so on, with RPL N.
RING            equ 0x20
CODE32          equ 0x08
DATA32          equ 0x10
CODE16          equ 0x18        ; base 0, limit FFFF
DATA16          equ 0x20        ; base 0, limit FFFF, B = 0
CODE64          equ 0x88        ; + N * 8
TSS32           equ 0xa8
LDT             equ 0xb0
TSS64           equ 0xb8        ; 16 bytes
FREE            equ 0xc8        ; from here on: the image's
GDT_BYTES       equ 0x400
GDT_SLOTS       equ (GDT_BYTES - FREE) / 8

CR0_PE          equ 1 << 0
CR0_MP          equ 1 << 1
CR0_EM          equ 1 << 2
CR0_TS          equ 1 << 3
CR0_ET          equ 1 << 4
CR0_NE          equ 1 << 5
CR0_WP          equ 1 << 16
CR0_AM          equ 1 << 18
CR0_PG          equ 1 << 31
CR4_VME         equ 1 << 0
CR4_PVI         equ 1 << 1
CR4_TSD         equ 1 << 2
CR4_DE          equ 1 << 3
CR4_PSE         equ 1 << 4
CR4_PAE         equ 1 << 5
CR4_MCE         equ 1 << 6
CR4_PGE         equ 1 << 7
CR4_PCE         equ 1 << 8
CR4_OSFXSR      equ 1 << 9
CR4_OSXMMEXCPT  equ 1 << 10
CR4_UMIP        equ 1 << 11
CR4_PCIDE       equ 1 << 17
CR4_SMEP        equ 1 << 20
CR4_SMAP        equ 1 << 21
MSR_EFER        equ 0xc0000080
EFER_SCE        equ 1 << 0
EFER_LME        equ 1 << 8
EFER_NXE        equ 1 << 11

FLAG_CF         equ 1 << 0
FLAG_PF         equ 1 << 2
FLAG_AF         equ 1 << 4
FLAG_ZF         equ 1 << 6
FLAG_SF         equ 1 << 7
FLAG_TF         equ 1 << 8
FLAG_IF         equ 1 << 9
FLAG_DF         equ 1 << 10
FLAG_OF         equ 1 << 11
FLAG_IOPL3      equ 3 << 12
FLAG_NT         equ 1 << 14
FLAG_RF         equ 1 << 16
FLAG_VM         equ 1 << 17
FLAG_AC         equ 1 << 18
FLAG_VIF        equ 1 << 19
FLAG_VIP        equ 1 << 20
FLAG_ID         equ 1 << 21

; What is in CR0 when nothing else is asked for (PE aside).
CR0_DEFAULT     equ CR0_ET | CR0_NE

; Reserves memory that is written: apart from code, so that no store looks like self-modifying code. Zero at first.
%assign VARIABLES_AT 0x0600
%macro variable 2               ; name, bytes
%1      equ VARIABLES_AT
%assign VARIABLES_AT (VARIABLES_AT + %2 + 7) & ~7
%if VARIABLES_AT > 0x1000
%error too many variables
%endif
%endmacro
