//! Bytes as rows of 16: offset, hexadecimal, and the printable ones as characters.

/// 16 bytes in a row.
pub const ROW_BYTES: usize = 16;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HexRow {
    /// Where it begins.
    pub offset: usize,
    /// `48 65 6c …`, two groups of eight, padded so that every row is as wide.
    pub hex: String,
    /// Printable ASCII as it is, everything else as a dot.
    pub text: String,
}

/// Returns the first `rows_max` rows of some bytes.
pub fn rows(bytes: &[u8], rows_max: usize) -> Vec<HexRow> {
    let row = |(index, row): (usize, &[u8])| {
        let mut hex = String::with_capacity(3 * ROW_BYTES + 1);
        for place in 0..ROW_BYTES {
            if place > 0 {
                hex.push_str(if place == ROW_BYTES / 2 { "  " } else { " " });
            }
            match row.get(place) {
                Some(byte) => hex.push_str(&format!("{byte:02x}")),
                None => hex.push_str("  "),
            }
        }
        let shown = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
        HexRow { offset: index * ROW_BYTES, hex, text: row.iter().map(shown).collect() }
    };
    bytes.chunks(ROW_BYTES).take(rows_max).enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_wide_as_each_other() {
        let found = rows(b"Hello, \xc8\x99ase!\r\n<\0>~\x7f", 9);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].hex, "48 65 6c 6c 6f 2c 20 c8  99 61 73 65 21 0d 0a 3c");
        assert_eq!(found[0].text, "Hello, ..ase!..<");
        assert_eq!((found[1].offset, found[1].text.as_str()), (16, ".>~."));
        assert_eq!(found[0].hex.len(), found[1].hex.len());
        assert_eq!(rows(&[0; 100], 3).len(), 3);
        assert!(rows(b"", 3).is_empty());
    }
}
