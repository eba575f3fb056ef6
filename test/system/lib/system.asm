; What every image starts with: boot sector, library, and then its own `main:` in 32-bit protected mode, flat, CPL 0,
; interrupts off. An image is
;
;     %define IMAGE "name"
;     %include "lib/system.asm"
;     main:   ... checks ...
;             finish
;
; All of the library comes first, so that its 16-bit code lies below 64 KiB, where real mode reaches it.
%include "layout.asm"
%include "boot.asm"
%include "tables.asm"
%include "print.asm"
%include "modes.asm"
%include "catch.asm"
%include "report.asm"
%include "finish.asm"
%include "macros.asm"
        bits 32
