/** AssemblyScript's integer types as TypeScript sees them, so that abi/ compiles in both. */
declare type u32 = number;
declare type i32 = number;
