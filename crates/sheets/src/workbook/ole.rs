//! The OLE container of XLS files and of encrypted workbooks.
//!
//! The format is [MS-CFB]. Sectors of one size form chains; a table (FAT) names the next sector of each. A directory
//! lists the streams. Short streams are stored in a stream of their own, in small sectors with a table of their own.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

pub(super) const SIGNATURE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// From this number on, sector numbers have special meanings.
const LAST_SECTOR: u32 = 0xffff_fffa;
const HEADER_TABLE: std::ops::Range<usize> = 76..512;
/// Maximum size of a container, which is read into memory. All the cells that an XLS file can have take far less.
const MOST_BYTES: u64 = 256 << 20;
const SHORT_SECTOR: usize = 64;
const SHORT_STREAM: u64 = 4096;

#[derive(Debug)]
struct Stream {
    name: String,
    start: u32,
    bytes: u64,
}

/// A container in memory.
#[derive(Debug)]
pub(super) struct File {
    bytes: Vec<u8>,
    sector: usize,
    next: Vec<u32>,
    short_next: Vec<u32>,
    streams: Vec<Stream>,
}

impl File {
    /// Reads a whole container.
    ///
    /// Fails if it is not a container, exceeds the maximum size, or has a chain in its header or directory that does
    /// not end: a parser that follows such a chain would not end either.
    pub(super) fn open<R: Read + Seek>(source: &mut R) -> io::Result<Self> {
        source.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::new();
        source.take(SIGNATURE.len() as u64).read_to_end(&mut bytes)?;
        if bytes != SIGNATURE {
            return Err(damaged("not an OLE container"));
        }
        source.take(MOST_BYTES - bytes.len() as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(damaged("an OLE container that is longer than any workbook"));
        }
        if bytes.len() < HEADER_TABLE.end {
            return Err(damaged("an OLE container that is cut off"));
        }
        let sector = match u16::from_le_bytes([bytes[30], bytes[31]]) {
            9 => 512,
            12 => 4096,
            _ => return Err(damaged("an OLE container with an invalid sector size")),
        };
        let mut file = Self { bytes, sector, next: Vec::new(), short_next: Vec::new(), streams: Vec::new() };
        file.read_table()?;
        file.read_directory()?;
        let short_table = file.chain(file.header(60), &file.next)?;
        file.short_next = short_table.iter().flat_map(|sector| file.words(*sector)).collect();
        for stream in &file.streams {
            if stream.bytes >= SHORT_STREAM || stream.start >= LAST_SECTOR {
                file.chain(stream.start, &file.next)?;
            } else {
                file.chain(stream.start, &file.short_next)?;
            }
        }
        Ok(file)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Returns the bytes of a stream, or `None` if there is no stream of that name.
    pub(super) fn stream(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(stream) = self.find(name) else { return Ok(None) };
        let most = usize::try_from(stream.bytes).unwrap_or(usize::MAX);
        let mut bytes = if stream.bytes >= SHORT_STREAM {
            self.read(stream.start)?
        } else {
            let container = self.read(self.streams.first().map_or(LAST_SECTOR, |root| root.start))?;
            let sectors = self.chain(stream.start, &self.short_next)?;
            let at = |sector: &u32| (*sector as usize).saturating_mul(SHORT_SECTOR);
            let short = |sector| container.get(at(sector)..).unwrap_or_default();
            sectors.iter().flat_map(|sector| short(sector).iter().take(SHORT_SECTOR)).copied().collect()
        };
        bytes.truncate(most);
        Ok(Some(bytes))
    }

    fn find(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name.eq_ignore_ascii_case(name))
    }

    /// Reads the table. Its first sectors are listed in the header, the others in a chain of lists.
    fn read_table(&mut self) -> io::Result<()> {
        let words = |bytes: &[u8]| -> Vec<u32> { bytes.chunks_exact(4).map(word).collect() };
        let mut table = words(&self.bytes[HEADER_TABLE]);
        let mut list = self.header(68);
        let mut lists = 0;
        while list < LAST_SECTOR {
            let mut more: Vec<u32> = self.words(list).collect();
            list = more.pop().ok_or_else(|| damaged("an OLE table that is cut off"))?;
            table.extend(more);
            lists += 1;
            if lists > self.bytes.len() / self.sector {
                return Err(damaged("an OLE table without an end"));
            }
        }
        let next = table.iter().filter(|sector| **sector < LAST_SECTOR).flat_map(|sector| self.words(*sector));
        // A sector that is listed again and again would make the table longer than the file.
        self.next = next.take(self.bytes.len()).collect();
        Ok(())
    }

    fn read_directory(&mut self) -> io::Result<()> {
        let directory = self.read(self.header(48))?;
        for entry in directory.chunks_exact(128) {
            let name: Vec<u16> = entry[..64]
                .chunks_exact(2)
                .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
                .take_while(|unit| *unit != 0)
                .collect();
            let (start, low, high) = (word(&entry[116..]), word(&entry[120..]), word(&entry[124..]));
            // With 512-byte sectors, the upper half of the length is undefined.
            let high = if self.sector == 512 { 0 } else { u64::from(high) };
            let kind = entry[66];
            // 0 is an unused entry, 1 is a folder.
            if kind > 1 {
                self.streams.push(Stream {
                    name: String::from_utf16_lossy(&name),
                    start,
                    bytes: high << 32 | u64::from(low),
                });
            }
        }
        // The first entry is the root. Its stream contains the short streams and uses long sectors whatever its length.
        if let Some(root) = self.streams.first_mut() {
            root.bytes = root.bytes.max(SHORT_STREAM);
        }
        Ok(())
    }

    fn read(&self, start: u32) -> io::Result<Vec<u8>> {
        let sectors = self.chain(start, &self.next)?;
        Ok(sectors.iter().flat_map(|sector| self.sector_bytes(*sector)).copied().collect())
    }

    /// Returns the sectors of a chain.
    fn chain(&self, start: u32, next: &[u32]) -> io::Result<Vec<u32>> {
        let mut sectors = Vec::new();
        let mut sector = start;
        while sector < LAST_SECTOR {
            sectors.push(sector);
            if sectors.len() > next.len() {
                return Err(damaged("an OLE chain without an end"));
            }
            sector = *next.get(sector as usize).ok_or_else(|| damaged("an OLE chain that leaves its table"))?;
        }
        Ok(sectors)
    }

    fn sector_bytes(&self, sector: u32) -> &[u8] {
        let start = (sector as usize + 1).saturating_mul(self.sector).min(self.bytes.len());
        let end = start.saturating_add(self.sector).min(self.bytes.len());
        &self.bytes[start..end]
    }

    fn words(&self, sector: u32) -> impl Iterator<Item = u32> {
        self.sector_bytes(sector).chunks_exact(4).map(word)
    }

    fn header(&self, at: usize) -> u32 {
        word(&self.bytes[at..])
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A container that goes on and on.
    struct Endless(u64);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(self.0 <= MOST_BYTES, "it is read on past the bound");
            let signature = SIGNATURE.get(usize::try_from(self.0).unwrap()..).unwrap_or_default();
            let read = signature.len().min(buffer.len());
            buffer[..read].copy_from_slice(&signature[..read]);
            let read = if read == 0 { buffer.len() } else { read };
            self.0 += read as u64;
            Ok(read)
        }
    }

    impl Seek for Endless {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(self.0)
        }
    }

    #[test]
    fn a_container_without_an_end_is_not_taken_in() {
        let error = File::open(&mut Endless(0)).unwrap_err();
        assert_eq!(error.to_string(), "an OLE container that is longer than any workbook");
    }
}
