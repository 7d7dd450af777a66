//! What an ELF file says of itself (System V ABI, chapter 5).

/// The type of the program header that names a dynamic linker.
const INTERPRETER: u32 = 3;

/// Returns whether a 64-bit little-endian program needs no dynamic linker.
pub(super) fn is_static(file: &[u8]) -> bool {
    let number = |at: usize, bytes: usize| {
        let bytes = file.get(at..at + bytes)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    let interpreter = || {
        let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        let mut headers = (0..count).map(|index| usize::try_from(start + index * size).ok());
        headers.try_fold(false, |found, at| Some(found || number(at?, 4)? == u64::from(INTERPRETER)))
    };
    file.starts_with(b"\x7fELF\x02\x01") && interpreter() == Some(false)
}

#[cfg(test)]
mod tests {
    use super::is_static;

    /// Returns a file with one program header of this type.
    fn program(kind: u8) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.resize(120, 0);
        (file[32], file[54], file[56], file[64]) = (64, 56, 1, kind);
        file
    }

    #[test]
    fn program_with_an_interpreter_is_not_static() {
        assert!(is_static(&program(1)) && !is_static(&program(3)));
        assert!(!is_static(b"#!/bin/sh") && !is_static(&program(1)[..60]));
    }

    #[test]
    fn this_test_is_linked_dynamically() {
        let file = std::env::current_exe().and_then(std::fs::read).expect("this program");
        assert!(!is_static(&file));
    }
}
