//! As much of SQLite's write-ahead log as the power cut needs: where its frames lie and which database pages they
//! hold. Source: sqlite.org/fileformat2.html, "The Write-Ahead Log".

use crate::faults::power_cut::PAGE_BYTES;

const HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;
/// The two magic numbers, for checksums of either byte order.
const MAGIC: [u32; 2] = [0x377f_0682, 0x377f_0683];

/// The frames of a log, in order, of its present generation only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wal {
    page_bytes: u64,
    /// The database page that each frame holds.
    pub(super) frames: Vec<u32>,
}

/// Reads the frames from the start on, as long as they carry the salts of the header: what lies behind is what an
/// earlier generation left.
pub(super) fn read(bytes: &[u8]) -> Wal {
    let Some(header) = bytes.get(..HEADER_BYTES as usize) else { return Wal::default() };
    if !MAGIC.contains(&number(header, 0)) {
        return Wal::default();
    }
    let page_bytes = u64::from(number(header, 8));
    let frame_bytes = usize::try_from(FRAME_HEADER_BYTES + page_bytes).unwrap_or(usize::MAX);
    let frames = bytes[HEADER_BYTES as usize..]
        .chunks_exact(frame_bytes)
        .take_while(|frame| frame[8..16] == header[16..24])
        .map(|frame| number(frame, 0))
        .collect();
    Wal { page_bytes, frames }
}

impl Wal {
    /// Returns the frames before the first one that is not on the disk.
    pub(super) fn surviving(&self, is_on_disk: impl Fn(u64) -> bool) -> Wal {
        let survives = |index: &usize| {
            let start = self.bytes_of(*index as u64);
            let last = (self.bytes_of(*index as u64 + 1) - 1) / PAGE_BYTES;
            (start / PAGE_BYTES..last).all(&is_on_disk)
        };
        let count = (0..self.frames.len()).take_while(survives).count();
        Wal { page_bytes: self.page_bytes, frames: self.frames[..count].to_vec() }
    }

    /// Returns the length of a file with exactly these frames; without any it is empty.
    pub(super) fn bytes(&self) -> u64 {
        if self.frames.is_empty() { 0 } else { self.bytes_of(self.frames.len() as u64) }
    }

    /// Returns the database's page size; 4,096, SQLite's default, when there is no log to read it from.
    pub(super) fn page_bytes_or_default(&self) -> u64 {
        if self.page_bytes == 0 { PAGE_BYTES } else { self.page_bytes }
    }

    fn bytes_of(&self, frames: u64) -> u64 {
        HEADER_BYTES + frames * (FRAME_HEADER_BYTES + self.page_bytes)
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log with frames of these database pages and salts.
    fn log(frames: &[(u32, u8)]) -> Vec<u8> {
        let mut bytes = vec![0; 32];
        bytes[..4].copy_from_slice(&MAGIC[0].to_be_bytes());
        bytes[8..12].copy_from_slice(&4_096_u32.to_be_bytes());
        bytes[16..24].fill(7);
        for (page, salt) in frames {
            let start = bytes.len();
            bytes.resize(start + 24 + 4_096, 0);
            bytes[start..start + 4].copy_from_slice(&page.to_be_bytes());
            bytes[start + 8..start + 16].fill(*salt);
        }
        bytes
    }

    #[test]
    fn frames_end_where_an_earlier_generation_begins() {
        assert_eq!(read(&log(&[(3, 7), (9, 7), (4, 6), (5, 7)])).frames, [3, 9]);
        assert_eq!(read(b"short"), Wal::default());
        assert_eq!(read(&[0; 9_000]), Wal::default());
    }

    #[test]
    fn a_frame_survives_with_its_last_page_dirtied_by_the_next_one() {
        let wal = read(&log(&[(1, 7), (2, 7), (3, 7)]));
        // Frame 0 lies in pages 0 and 1, frame 1 in 1 and 2, frame 2 in 2 and 3.
        let surviving = |dirty: &[u64]| wal.surviving(|page| !dirty.contains(&page)).frames.len();
        assert_eq!(surviving(&[]), 3);
        assert_eq!(surviving(&[3]), 3);
        assert_eq!(surviving(&[2, 3]), 2);
        assert_eq!(surviving(&[1, 2, 3]), 1);
        assert_eq!(surviving(&[0, 1, 2, 3]), 0);
        assert_eq!(surviving(&[1]), 1);
    }

    #[test]
    fn a_log_without_frames_is_empty() {
        let wal = read(&log(&[(1, 7)]));
        assert_eq!(wal.bytes(), 32 + 24 + 4_096);
        assert_eq!(wal.surviving(|_| false).bytes(), 0);
    }
}
